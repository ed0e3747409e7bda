// Package wire compares the encodings of this library and of etcd/raft v3.6: the same bytes for the same
// content, in both directions. v3.7, whose codec is another one, is compared in the module interop/v37.
//
// Every encoder's output, and everything else that the format allows, is read alike by both. The tests name all input of
// which that is not so: both our limits (raftpb.ErrNesting, raftpb.ErrDecodeLimit), and what is against the format,
// but read by v3.6: field numbers of more than 29 bits or 0 inside of an unknown group (raftpb.ErrWireType), and
// packed lists that end inside of a number (io.ErrUnexpectedEOF). Nothing was found that only v3.6 refuses.
package wire
