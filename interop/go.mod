module github.com/ffd200af/raft/interop

go 1.26

require (
	github.com/cockroachdb/datadriven v1.0.3
	github.com/ffd200af/raft v0.0.0
	github.com/ffd200af/raft/examples/shards v0.0.0
	github.com/gogo/protobuf v1.3.2
	github.com/golang/protobuf v1.5.4
	go.etcd.io/raft/v3 v3.6.0
	google.golang.org/protobuf v1.33.0
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/stretchr/testify v1.10.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/ffd200af/raft => ../

replace github.com/ffd200af/raft/examples/shards => ../examples/shards
