package mixed

import (
	"flag"
	"fmt"
	"testing"

	"github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/mixed/member"
)

var (
	seeds = flag.Int("seeds", 150, "how many random runs to make")
	from  = flag.Uint64("from", 1, "the seed of the first one")
)

// In a random run messages are lost, repeated and overtake each other, members are cut off, crash
// and come back, as the other kind at times, logs are compacted, the configuration changes, and the
// leadership is handed on. The rules hold after every step; when the faults stop, everybody agrees
// within a bounded time.
func TestRandomRunsKeepTheRules(t *testing.T) {
	terms, applied, answers := 0, uint64(0), 0
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		c := randomCluster(t, seed)
		for range 1500 {
			c.randomEvent()
		}
		c.converge()
		terms, applied, answers = terms+c.observer.Elections, applied+c.observer.Commit, answers+len(c.answers)
	}
	t.Logf("%d terms with a leader, %d entries committed, %d reads answered", terms, applied, answers)
	if n := *seeds; terms < 2*n || applied < uint64(10*n) || answers < n {
		t.Error("the runs do too little")
	}
}

func randomCluster(t testing.TB, seed uint64) *cluster {
	kinds := []byte("oeo")
	if seed%2 == 0 {
		kinds = []byte("oeoeo")
	}
	c := newCluster(t, string(kinds), member.Config{}, seed)
	for i := range kinds {
		kinds[i] = "oe"[c.r.IntN(2)]
	}
	config := member.Config{PreVote: c.r.IntN(4) > 0, CheckQuorum: c.r.IntN(4) > 0, Async: c.r.IntN(2) == 0}
	c = newCluster(t, string(kinds), config, seed)
	c.name += fmt.Sprintf(" (-run TestRandomRuns -from %d -seeds 1)", seed)
	return c
}

func (c *cluster) randomEvent() {
	i := c.r.IntN(len(c.members))
	id, m := uint64(i+1), c.members[i]
	switch event := c.r.IntN(1000); {
	case event < 430:
		c.do(id, pieces[c.r.IntN(len(pieces))])
	case event < 760:
		c.randomMessage()
	case event < 860:
		m.Tick()
		c.check(id)
	case event < 940:
		_ = m.Propose(fmt.Append(nil, c.r.IntN(1000)))
	case event < 950:
		c.ask(id)
	case event < 966:
		c.randomPartition()
	case event < 970:
		_ = m.Compact(uint64(c.r.IntN(5))) // there may be a newer snapshot already
	case event < 976:
		kind := c.kind(id)
		if c.r.IntN(3) == 0 {
			kind = "oe"[c.r.IntN(2)]
		}
		c.restart(id, kind)
	case event < 979:
		m.Transfer(uint64(1 + c.r.IntN(len(c.members))))
	case event < 983:
		c.randomChange(m)
	case event < 986:
		m.ReportUnreachable(uint64(1 + c.r.IntN(len(c.members))))
	default:
		_ = m.Campaign()
	}
}

// randomMessage delivers, loses or repeats one of those on their way, mostly an old one.
func (c *cluster) randomMessage() {
	if len(c.wire) == 0 {
		return
	}
	i := c.r.IntN(min(len(c.wire), 1+c.r.IntN(8)))
	switch c.r.IntN(20) {
	case 0:
		m := c.wire[i]
		c.wire = append(c.wire[:i:i], c.wire[i+1:]...)
		c.lose(&m)
	case 1:
		m := c.wire[i]
		if c.cut == nil || !c.cut(&m) {
			c.arrive(&m)
		}
	default:
		c.deliver(i)
	}
}

func (c *cluster) randomPartition() {
	if c.r.IntN(2) == 0 {
		c.cut = nil
		return
	}
	away := uint64(1 + c.r.IntN(len(c.members)))
	oneWay := c.r.IntN(3) == 0
	c.cut = func(m *member.Message) bool { return m.To == away || !oneWay && m.From == away }
}

// randomChange proposes that one or two members become learners or voters. Nobody leaves: ids are
// not used twice. Members 1 and 2 always vote, because their nodes stop the process when a change
// leaves no voters.
func (c *cluster) randomChange(m member.Member) {
	cc := raftpb.ConfChangeV2{Transition: raftpb.ConfChangeTransition(c.r.IntN(3))}
	for range c.r.IntN(3) {
		typ := raftpb.ConfChangeAddNode
		id := uint64(1 + c.r.IntN(len(c.members)))
		if id > 2 && c.r.IntN(3) > 0 {
			typ = raftpb.ConfChangeAddLearnerNode
		}
		if len(cc.Changes) == 0 || cc.Changes[0].NodeID != id {
			cc.Changes = append(cc.Changes, raftpb.ConfChangeSingle{Type: typ, NodeID: id})
		}
	}
	if len(cc.Changes) == 0 {
		// Leaving a joint configuration. With another transition their leader takes it, and their
		// nodes stop the process when they apply it.
		cc.Transition = raftpb.ConfChangeTransitionAuto
	}
	data, err := cc.Marshal()
	if err != nil {
		c.fail("%v", err)
	}
	_ = m.Change(data) // refused while another one is under way
}

// converge ends all faults and waits for agreement.
func (c *cluster) converge() {
	c.cut = nil
	c.settle()
	for range 400 {
		c.tick(1)
		leader := c.leader()
		if leader == 0 {
			continue
		}
		agree := true
		want := c.members[leader-1].State()
		for _, m := range c.members {
			s := m.State()
			agree = agree && s.Applied == want.Commit && s.Term == want.Term && s.Lead == leader
		}
		if agree && want.Commit >= c.observer.Commit {
			return
		}
	}
	c.fail("no agreement: %s", c.states())
}
