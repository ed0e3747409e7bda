// Command descriptor writes raftpb/generated.go from raftpb/raft.proto: the methods of generated
// code that runtimes of protobuf look for, and the file descriptor that they lead to. It is run by
// `go generate` in package raftpb.
//
// The command reads the part of the proto2 language that raft.proto uses, and refuses the rest. It
// exists so that raftpb needs neither protoc nor a protobuf runtime.
package main
