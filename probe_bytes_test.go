package raft

import (
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// The logs of a leader and a follower differ in many terms. The search for where they agree sends
// little besides what the follower needs.
func TestASearchThroughManyTermsSendsLittle(t *testing.T) {
	const terms, entries, payload, most = 2000, 20, 100, 1 << 20
	disks := map[uint64][]uint64{}
	for i := range uint64(terms) {
		for range entries {
			disks[1] = append(disks[1], 3+2*i)
			disks[2] = append(disks[2], 2+2*i)
		}
	}
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxSizePerMsg = most })
	c.withLogs(2, disks[1], disks[2], disks[1])
	for _, n := range c.nodes {
		log, err := n.storage.Entries(2, terms*entries+2, raftlog.NoLimit)
		noError(t, err)
		for i := range log {
			log[i].Data = make([]byte, payload)
		}
	}
	sent, probes := 0, 0
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgApp && m.To == 2 {
			probes++
			sent += m.Size()
		}
		return false
	}
	c.elect(1)
	if last := c.node(2).raft.log.Last(); last != c.node(1).raft.log.Last() {
		t.Fatalf("node 2 has %v", last)
	}
	if probes < terms {
		t.Errorf("%d appends find that %d terms differ", probes, terms)
	}
	if need := terms * entries * (payload + 20); sent > need+3*most {
		t.Errorf("%d bytes are sent in %d appends, and %d are needed", sent, probes, need)
	}
}
