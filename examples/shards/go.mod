module github.com/ffd200af/raft/examples/shards

go 1.26

require github.com/ffd200af/raft v0.0.0

require (
	github.com/cockroachdb/datadriven v1.0.3 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
)

replace github.com/ffd200af/raft => ../..
