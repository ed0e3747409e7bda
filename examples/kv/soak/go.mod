module github.com/ffd200af/raft/examples/kv/soak

go 1.26

require github.com/anishathalye/porcupine v1.3.1
