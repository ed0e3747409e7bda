module github.com/ffd200af/raft/rafttest/linear

go 1.26

require github.com/ffd200af/raft v0.0.0

require github.com/anishathalye/porcupine v1.3.1

replace github.com/ffd200af/raft => ../../
