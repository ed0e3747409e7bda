// Package raftpb holds the nouns of the library: entries, messages, hard state,
// snapshots and configuration changes, as plain value structs, and their codec.
//
// # Encoding
//
// The encoding is the protobuf wire format of raft.proto, byte for byte what
// go.etcd.io/raft/v3 v3.6 writes: scalar fields are always written, zero or not;
// bytes fields if they are not nil; embedded messages always, except for
// Message.Snapshot, which may be nil; repeated integers one field each. Marshal,
// MarshalTo, MarshalToSizedBuffer and Size agree to the byte. MarshalTo,
// MarshalToSizedBuffer and Size allocate nothing.
//
// # Decoding
//
// Unmarshal merges into the receiver as generated code does: scalars and bytes are overwritten,
// repeated fields appended to, embedded messages merged. Fields with unknown numbers are skipped.
// The result does not refer to the input, and Unmarshal never writes bytes into an array that the
// receiver had before. After an error the receiver holds a part of the input, or nothing of it.
//
// Input may come from anybody: Unmarshal never panics, and never allocates more than
// MaxDecodeFactor times the length of the input plus MaxDecodeBase. Two things that
// the format allows are therefore refused: responses or unknown groups nested more
// than MaxNesting deep (ErrNesting), and input made of next to nothing but empty
// messages (ErrDecodeLimit). Whatever Marshal writes is decoded, as long as its
// responses are not nested too deeply; the library nests them one deep.
//
// # Runtimes of protobuf
//
// The structs have the tags, descriptors and methods of the code that gogo generates from
// raft.proto, so that golang/protobuf and gogo/protobuf take them as messages. This package
// imports neither and registers nothing. A program that looks for the types by name, for
// instance to resolve an Any, registers them itself:
//
//	proto.RegisterType((*raftpb.Entry)(nil), "raftpb.Entry")
package raftpb

//go:generate go run ../internal/descriptor
