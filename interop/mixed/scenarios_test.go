package mixed

import (
	"fmt"
	"testing"

	"github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/mixed/member"
)

// mixes are clusters of three and five with members of both kinds, either of which stands first.
var mixes = []string{"oee", "eoo", "oeo", "eoe", "oeoee", "eoeoo"}

// inEveryMix runs a scenario in every mix, with and without asynchronous storage, pre-vote and
// check-quorum.
func inEveryMix(t *testing.T, scenario func(c *cluster)) {
	for _, kinds := range mixes {
		for _, config := range []member.Config{
			{},
			{PreVote: true, CheckQuorum: true},
			{PreVote: true, CheckQuorum: true, Async: true},
		} {
			t.Run(fmt.Sprintf("%s pre-vote=%v async=%v", kinds, config.PreVote, config.Async), func(t *testing.T) {
				scenario(newCluster(t, kinds, config, 1))
			})
		}
	}
}

func TestEitherKindIsElectedAndReplicates(t *testing.T) {
	inEveryMix(t, func(c *cluster) {
		for i := range c.members {
			c.elect(uint64(i + 1))
			for n := range 20 {
				c.propose(fmt.Sprint("from ", i, " ", n))
			}
			c.settle()
			c.tick(2)
			c.wantAgreement()
		}
	})
}

func TestConflictingLogsAreRepairedBothWays(t *testing.T) {
	inEveryMix(t, func(c *cluster) {
		for i := range c.members {
			// Cut off, the leader goes on appending what nobody else gets, and the others choose
			// another leader.
			old := uint64(i + 1)
			c.elect(old)
			c.cut = func(m *member.Message) bool { return m.From == old || m.To == old }
			for n := range 15 {
				c.propose(fmt.Sprint("lost ", i, " ", n))
			}
			c.settle()
			next := c.successor(old)
			for n := range 7 {
				if err := c.members[next-1].Propose(fmt.Append(nil, "kept ", i, " ", n)); err != nil {
					c.fail("%v", err)
				}
			}
			c.settle()
			c.cut = nil
			c.tick(25)
			c.wantAgreement()
		}
	})
}

// successor waits for a leader after old, and returns it.
func (c *cluster) successor(old uint64) uint64 {
	c.t.Helper()
	term := c.members[old-1].State().Term
	for range 100 {
		c.tick(1)
		if next := c.leader(); next != 0 && next != old && c.members[next-1].State().Term > term {
			return next
		}
	}
	c.fail("nobody follows member %d: %s", old, c.states())
	return 0
}

func TestASnapshotBringsEitherKindUpToDate(t *testing.T) {
	inEveryMix(t, func(c *cluster) {
		for i := range c.members {
			behind := uint64(i + 1)
			c.elect(uint64((i+1)%len(c.members) + 1))
			c.cut = func(m *member.Message) bool { return m.From == behind || m.To == behind }
			for n := range 30 {
				c.propose(fmt.Sprint(i, " ", n))
			}
			c.settle()
			for id := range c.members {
				if uint64(id+1) != behind {
					if err := c.members[id].Compact(2); err != nil {
						c.fail("%v", err)
					}
				}
			}
			before := c.members[i].State().Applied
			c.cut = nil
			c.tick(30)
			c.propose("after")
			c.settle()
			c.tick(2)
			c.wantAgreement()
			if c.observer.Node(behind).Restored <= before {
				c.fail("member %d did not get a snapshot", behind)
			}
		}
	})
}

func TestJointChangesAndLearnersUnderALeaderOfEitherKind(t *testing.T) {
	inEveryMix(t, func(c *cluster) {
		n := uint64(len(c.members))
		for leader := uint64(1); leader <= n; leader++ {
			a, b := leader%n+1, (leader+1)%n+1
			c.elect(leader)
			c.tick(1)
			// A voter becomes a learner and a voter again; two swap their roles in a joint
			// configuration, which is left by itself or by hand.
			c.change(raftpb.ConfChangeTransitionAuto, fmt.Sprintf("l%d", a))
			c.tick(2)
			c.wantAgreement()
			c.change(raftpb.ConfChangeTransitionAuto, fmt.Sprintf("v%d l%d", a, b))
			c.tick(2)
			c.wantAgreement()
			c.change(raftpb.ConfChangeTransitionJointExplicit, fmt.Sprintf("v%d l%d", b, a))
			c.propose("in a joint configuration")
			c.settle()
			c.change(raftpb.ConfChangeTransitionAuto, "")
			c.tick(2)
			c.change(raftpb.ConfChangeTransitionAuto, fmt.Sprintf("v%d", a))
			c.propose("everybody votes")
			c.settle()
			c.tick(2)
			c.wantAgreement()
		}
	})
}

func TestLeadershipIsTransferredInBothDirections(t *testing.T) {
	inEveryMix(t, func(c *cluster) {
		c.elect(1)
		for from := range c.members {
			for to := range c.members {
				c.elect(uint64(from + 1))
				c.tick(2)
				c.propose("before")
				c.settle()
				c.members[from].Transfer(uint64(to + 1))
				c.settle()
				if got := c.leader(); got != uint64(to+1) {
					c.fail("%d leads after a transfer from %d to %d: %s", got, from+1, to+1, c.states())
				}
				c.tick(1)
			}
		}
	})
}

func TestReadsAreAnsweredByLeadersAndFollowersOfEitherKind(t *testing.T) {
	inEveryMix(t, func(c *cluster) {
		for leader := range c.members {
			c.elect(uint64(leader + 1))
			c.propose("x")
			c.settle()
			c.tick(2)
			for reader := range c.members {
				context := c.ask(uint64(reader + 1))
				c.settle()
				if index, ok := c.answers[context]; !ok || index != c.observer.Commit {
					c.fail("reading at %d from leader %d: %d, %v; want %d", reader+1, leader+1, index, ok, c.observer.Commit)
				}
			}
		}
	})
}

func TestAPartitionedMemberDisturbsNobodyWhenItComesBack(t *testing.T) {
	for _, kinds := range mixes {
		t.Run(kinds, func(t *testing.T) {
			c := newCluster(t, kinds, member.Config{PreVote: true, CheckQuorum: true}, 1)
			for i := range c.members {
				away := uint64(i + 1)
				c.elect(away%uint64(len(c.members)) + 1)
				c.tick(1)
				term, leader := c.members[c.leader()-1].State().Term, c.leader()
				c.cut = func(m *member.Message) bool { return m.From == away || m.To == away }
				c.tick(60)
				c.cut = nil
				c.tick(5)
				if s := c.members[leader-1].State(); s.Term != term || !s.Leads {
					c.fail("member %d came back and leader %d is at %+v", away, leader, s)
				}
				c.wantAgreement()
			}
		})
	}
}

// A cluster of their members becomes one of ours, member by member under load, and goes back.
func TestARollingUpgradeAndBackLosesNothing(t *testing.T) {
	for _, n := range []int{3, 5} {
		for _, async := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d members, async=%v", n, async), func(t *testing.T) {
				c := newCluster(t, "eeeee"[:n], member.Config{PreVote: true, CheckQuorum: true, Async: async}, 1)
				c.elect(1)
				accepted := 0
				load := func() {
					for range 10 {
						if leader := c.leader(); leader != 0 && c.members[leader-1].Propose(fmt.Append(nil, "w", accepted)) == nil {
							accepted++
						}
						c.settle()
						c.tick(1)
					}
				}
				for _, kind := range []byte{'o', 'e', 'o'} {
					for id := uint64(1); id <= uint64(n); id++ {
						load()
						if c.leader() == id {
							c.members[id-1].Transfer(id%uint64(n) + 1)
							c.settle()
						}
						if id%2 == 0 {
							if err := c.members[id-1].Compact(3); err != nil {
								c.fail("%v", err)
							}
						}
						before := c.observer.Commit
						c.restart(id, kind)
						load()
						c.tick(30)
						c.wantAgreement()
						if c.observer.Commit < before {
							c.fail("%d was committed, and now %d is", before, c.observer.Commit)
						}
					}
				}
				if data := c.observer.Commit; accepted < 5*n || data < uint64(accepted) {
					c.fail("%d accepted, %d committed", accepted, data)
				}
			})
		}
	}
}
