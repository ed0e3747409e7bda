// Package wire compares the encodings of this library and of etcd/raft v3.6: the same bytes for the
// same content, in both directions. Module interop/v37 does the same with v3.7, which has another
// codec.
//
// Both decode every encoder's output alike, and everything else that the format allows. The tests
// name all exceptions. We refuse what exceeds our limits (raftpb.ErrNesting,
// raftpb.ErrDecodeLimit). We also refuse two things that are against the format and that v3.6
// reads: field numbers of more than 29 bits or 0 inside of an unknown group (raftpb.ErrWireType),
// and packed lists that end inside of a number (io.ErrUnexpectedEOF). Nothing was found that only
// v3.6 refuses. Input that is cut off gives io.ErrUnexpectedEOF in both; which error other damage
// gives may differ.
//
// The package also compares what programs and runtimes of protobuf see of the structs: descriptors,
// generated methods, texts, JSON, clones. Package alone does that in a binary without v3.6.
package wire
