// Package alone uses raftpb with the runtimes of golang/protobuf and gogo/protobuf where etcd/raft
// is not linked. What package wire sees must not depend on what etcd/raft registers.
//
// The package also stands for code generated from files that import raft.proto, such as etcd's. The
// descriptor of such a file names raft.proto and its types, and is registered although no file of
// that name is.
package alone
