// Package wire compares the encodings of this library and of etcd/raft v3.6: the same bytes for the same
// content, in both directions. v3.7, whose codec is another one, is compared in the module interop/v37.
package wire
