package sim

import (
	"testing"

	"github.com/ffd200af/raft/rafttest"
)

func TestMemoryStorageKeepsTheContract(t *testing.T) {
	rafttest.TestStorage(t, func(*testing.T) rafttest.Disk { return NewMemoryDisk() })
}
