// Package raftpb holds the nouns of the library: entries, messages, hard state,
// snapshots and configuration changes, as plain value structs, and their codec.
//
// The encoding is the protobuf wire format of raft.proto, byte for byte what
// go.etcd.io/raft/v3 v3.6 writes: scalar fields are always written, zero or not;
// bytes fields if they are not nil; embedded messages always; repeated integers one
// field each. Marshal, MarshalTo, MarshalToSizedBuffer and Size agree to the byte.
//
// Unmarshal merges into the receiver as generated code does: scalars are
// overwritten, repeated fields appended to. Fields with unknown numbers are skipped.
// What it decodes does not refer to the input. It allocates at most MaxDecodeFactor times the length of
// the input, whatever the input is, and never panics.
package raftpb
