// Package v37 compares the wire format with that of etcd/raft v3.7, whose codec is google.golang.org/protobuf with optional
// fields. It is a module of its own that stands outside the workspace, because a workspace has one version of every
// dependency, and its neighbour needs v3.6:
//
//	cd interop/v37 && GOWORK=off go test ./...
package v37
