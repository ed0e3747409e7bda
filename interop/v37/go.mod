module github.com/ffd200af/raft/interop/v37

go 1.26

require (
	github.com/ffd200af/raft v0.0.0
	github.com/ffd200af/raft/interop v0.0.0
	go.etcd.io/raft/v3 v3.7.0
	google.golang.org/protobuf v1.36.11
)

replace github.com/ffd200af/raft => ../../

replace github.com/ffd200af/raft/interop => ../
