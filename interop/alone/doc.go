// Package alone uses raftpb with the runtimes of golang/protobuf and gogo/protobuf in a binary
// without etcd/raft. The results of package wire must not depend on what etcd/raft registers.
//
// The package also stands for code generated from files that import raft.proto, such as etcd's. The
// descriptor of such a file names raft.proto and its types. It is registered although no file named
// raft.proto is.
package alone
