module github.com/ffd200af/raft/examples/kv/soak

go 1.26

require github.com/anishathalye/porcupine v1.3.1

require github.com/ffd200af/raft/examples/kv v0.0.0

replace github.com/ffd200af/raft/examples/kv => ../

replace github.com/ffd200af/raft => ../../../
