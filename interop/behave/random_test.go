package behave

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/interop/behave/call"
	"github.com/ffd200af/raft/interop/behave/etcd"
	"github.com/ffd200af/raft/interop/behave/ours"
)

var (
	seeds = flag.Uint64("seeds", 300, "how many random runs to make of each kind")
	from  = flag.Uint64("from", 0, "the seed of the first one")
)

// pair is the same node twice.
type pair struct {
	t            *testing.T
	ours, theirs call.Node
	history      []string
	// alone: the group has one member, so that the two agree in everything.
	alone bool
	// over: theirs has panicked, or nothing more can be compared.
	over bool
}

func newPair(t *testing.T, c call.Config) *pair {
	theirs := c
	// What is configured is the caller's.
	theirs.Voters, theirs.Learners = slices.Clone(c.Voters), slices.Clone(c.Learners)
	return &pair{t: t, ours: ours.New(c, silent{}), theirs: etcd.New(theirs, silent{}), alone: len(c.Voters) == 1, history: []string{fmt.Sprintf("%+v", c)}}
}

// do makes a call to both and compares what they answer. It returns the answer of ours.
func (p *pair) do(c call.Call) call.Answer {
	p.t.Helper()
	if p.over {
		return call.Answer{}
	}
	a, b := p.ours.Do(c), p.theirs.Do(c)
	p.history = append(p.history, strings.TrimSpace(fmt.Sprintf("%+v %s %s", c, a.Text, strings.Join(a.Ready, " "))))
	switch {
	case a.Panicked:
		p.t.Fatalf("%s\nours panics: %s", strings.Join(p.history, "\n"), a.Text)
	case b.Panicked:
		p.over = true
		return a
	}
	p.compare("Ready", normal(strings.Join(a.Ready, "\n")), normal(strings.Join(b.Ready, "\n")))
	p.compare("answer", normal(a.Text), normal(b.Text))
	p.compare("messages", p.messages(a), p.messages(b))
	return a
}

func (p *pair) compare(what, ours, theirs string) {
	p.t.Helper()
	if ours != theirs {
		p.t.Fatalf("%s\n%s\nours:\n%s\n\ntheirs:\n%s", strings.Join(p.history, "\n"), what, ours, theirs)
	}
}

var (
	itself = regexp.MustCompile(`1->1 Msg(App|Vote)Resp `)
	// A commit that passes a configuration change is to be durable here.
	sync     = regexp.MustCompile(` Responses:\[\n  AppendThread->1 MsgStorageAppendResp Term:\d+ Log:0/0\n\]`)
	dropped  = regexp.MustCompile(`(?m)^DroppedReads .*\n`)
	syncWord = regexp.MustCompile(`MustSync=(true|false)`)
	// A refusal of a vote, or a request, may say more here: what the sender knows to be committed.
	voteExtra = regexp.MustCompile(`(Msg(Pre)?Vote(Resp)? [^\n]*Log:\d+/\d+)( Rejected \(Hint: \d+\))?( Commit:\d+)?`)
)

// normal leaves out what differs on purpose, see MIGRATING.md, and what only this library says.
func normal(text string) string {
	text = dropped.ReplaceAllString(syncWord.ReplaceAllString(text, "MustSync"), "")
	text = sync.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, " autoleave", "") // their Status loses it
	lines := strings.Split(text, "\n")
	for i := len(lines) - 1; i > 0; i-- {
		// One acknowledgement, or vote, of the node for itself says as much as many.
		if a, b := itself.FindString(lines[i-1]), itself.FindString(lines[i]); a != "" && a == b {
			lines = slices.Delete(lines, i-1, i)
		}
	}
	return strings.Join(lines, "\n")
}

// messages are those of an answer, but for appends and for what a leader asks more often or less,
// in order.
func (p *pair) messages(a call.Answer) string {
	var all []string
	for _, m := range a.Messages {
		if m.Type == "MsgApp" {
			continue
		}
		all = append(all, voteExtra.ReplaceAllString(m.Text, "$1"))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func drawConfig(r *rand.Rand, voters int) call.Config {
	c := call.Config{
		ID: 1, Election: 1000, Async: chance(r, 3), PreVote: voters > 1 && chance(r, 3), CheckQuorum: chance(r, 3), NoForwarding: chance(r, 5),
		MaxInflight: 256, MaxSizePerMsg: []uint64{0, 40, 1 << 20}[r.IntN(3)],
		MaxCommittedSizePerReady: []uint64{0, 30, 1 << 20}[r.IntN(3)], MaxUncommittedSize: []uint64{0, 20}[r.IntN(2)],
		StepDown: true,
	}
	if c.MaxSizePerMsg == 0 && c.MaxCommittedSizePerReady == 0 {
		c.MaxCommittedSizePerReady = 1 // theirs hands nothing out with 0
	}
	for id := range voters {
		c.Voters = append(c.Voters, uint64(id)+1)
	}
	return c
}

// A group of one member does the same in both, call by call.
func TestASingleNodeAnswersAlike(t *testing.T) {
	for seed := *from; seed < *from+*seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			c := drawConfig(r, 1)
			p := newPair(t, c)
			for range 60 {
				in := drawInput(r)
				if in.Kind == call.ProposeConfChange && c.MaxUncommittedSize != 0 {
					continue // theirs takes one that it has dropped for pending
				}
				p.do(in)
				p.do(call.Call{Kind: call.HasReady})
				if in.Kind == call.Campaign {
					p.persist(c.Async) // who asks again before its own vote is durable asks for nothing here
				}
				p.work(r, c.Async)
				if chance(r, 4) {
					p.do(call.Call{Kind: call.Status})
				}
			}
		})
	}
}

// persist takes a Ready and persists all that was handed out.
func (p *pair) persist(async bool) {
	p.t.Helper()
	p.do(call.Call{Kind: call.Advance})
	p.do(call.Call{Kind: call.Ready})
	p.do(call.Call{Kind: call.Advance})
	for range 10 {
		if async {
			p.do(call.Call{Kind: call.Append})
		}
	}
}

// work lets the program take a Ready, or go on with one, or not.
func (p *pair) work(r *rand.Rand, async bool) {
	p.t.Helper()
	for range r.IntN(4) {
		kinds := []call.Kind{call.Ready, call.Advance}
		if async {
			kinds = []call.Kind{call.Ready, call.Append, call.Apply}
		}
		p.do(call.Call{Kind: kinds[r.IntN(len(kinds))]})
	}
}

// drawInput makes an input of the program itself.
func drawInput(r *rand.Rand) call.Call {
	words := []string{"", "x", "some data", "more data than fits anywhere"}
	switch r.IntN(16) {
	case 0, 1:
		return call.Call{Kind: call.Campaign}
	case 2, 3, 4, 5:
		return call.Call{Kind: call.Propose, Data: words[r.IntN(len(words))]}
	case 6:
		return call.Call{Kind: call.ProposeConfChange, N: r.IntN(4) - 1, Data: []string{"u1", "l2", "r2", "u3"}[r.IntN(4)]}
	case 8:
		return call.Call{Kind: call.TransferLeader, N: r.IntN(4)}
	case 9:
		return call.Call{Kind: call.ForgetLeader}
	case 10:
		return call.Call{Kind: call.ReportUnreachable, N: r.IntN(4)}
	case 11:
		return call.Call{Kind: call.ReportSnapshot, N: r.IntN(4), M: 1 + r.IntN(2)}
	case 12:
		return call.Call{Kind: call.TickQuiesced}
	default:
		return call.Call{Kind: call.Tick}
	}
}
