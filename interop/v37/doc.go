// Package v37 compares the wire format with that of etcd/raft v3.7, whose codec is
// google.golang.org/protobuf with optional fields. It is a module of its own that stands outside
// the workspace, because a workspace has one version of every dependency, and its neighbour needs
// v3.6:
//
//	cd interop/v37 && GOWORK=off go test ./...
//
// The bytes are the same if every field is present. What is absent in v3.7 (a number, a bool, an
// enum, an embedded message) is not written there, and is a zero for everybody. Unknown fields are
// kept there and dropped here. Of input that no encoder writes, only v3.7 refuses numbers of more
// than 64 bits and unknown groups that cross; only we refuse known fields of a wrong type
// (raftpb.ErrWireType), which are unknown ones there, and what goes beyond our limits
// (raftpb.ErrNesting, raftpb.ErrDecodeLimit).
package v37
