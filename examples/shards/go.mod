module github.com/ffd200af/raft/examples/shards

go 1.26

require github.com/ffd200af/raft v0.0.0

replace github.com/ffd200af/raft => ../..
