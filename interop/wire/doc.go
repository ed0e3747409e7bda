// Package wire compares the encodings of this library and of etcd/raft v3.6: the same bytes for the
// same content, in both directions. v3.7, whose codec is another one, is compared in the module
// interop/v37.
//
// Both read every encoder's output alike, and everything else that the format allows. The tests
// name all input of which that is not so. We refuse what exceeds our limits (raftpb.ErrNesting,
// raftpb.ErrDecodeLimit). We also refuse two things that are against the format and that v3.6
// reads: field numbers of more than 29 bits or 0 inside of an unknown group (raftpb.ErrWireType),
// and packed lists that end inside of a number (io.ErrUnexpectedEOF). Nothing was found that only
// v3.6 refuses. Input that is cut off gives io.ErrUnexpectedEOF in both; which error other damage
// gives may differ.
//
// The package also compares what programs and runtimes of protobuf see of the structs: descriptors,
// generated methods, texts, JSON, clones. Package alone does that where v3.6 is not linked.
package wire
