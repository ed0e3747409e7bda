package rafttest

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// newCluster makes n voters that start from a snapshot at index 10, with log lines from warnings
// on.
func newCluster(t testing.TB, n int, opts *InteractionOpts) *InteractionEnv {
	t.Helper()
	env := NewInteractionEnv(opts)
	noError(t, env.LogLevel("warn"))
	var snap pb.Snapshot
	snap.Metadata.Index = 10
	for id := range uint64(n) {
		snap.Metadata.ConfState.Voters = append(snap.Metadata.ConfState.Voters, id+1)
	}
	noError(t, env.AddNodes(n, DefaultConfig(), snap))
	return env
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run carries out a command line.
func run(t testing.TB, env *InteractionEnv, line string) string {
	t.Helper()
	cmd, cmdArgs, err := datadriven.ParseLine(line)
	noError(t, err)
	return env.Run(datadriven.TestData{Cmd: cmd, CmdArgs: cmdArgs})
}

// A program can do by method calls what a script does by commands.
func TestTheMethodsDriveAClusterWithoutAScript(t *testing.T) {
	env := newCluster(t, 3, nil)
	noError(t, env.Campaign(0))
	noError(t, env.Stabilize())
	noError(t, env.Propose(0, []byte("foo")))
	noError(t, env.Stabilize())
	if st := env.Nodes[0].BasicStatus(); st.RaftState != raft.StateLeader || st.Applied != 12 {
		t.Errorf("node 1 is %s and has applied %d", st.RaftState, st.Applied)
	}
	for i := range env.Nodes {
		if got := string(env.Nodes[i].machine().Data); got != "foo" {
			t.Errorf("node %d has the content %q", i+1, got)
		}
	}
	noError(t, env.Tick(0, 1))
	noError(t, env.ProcessReady(0))
	if got := env.DeliverMsgs(pb.MsgApp, Recipient{ID: 2}); got != 0 {
		t.Errorf("%d appends delivered", got)
	}
	if got := env.DeliverMsgs(-1, Recipient{ID: 2}, Recipient{ID: 3, Drop: true}); got != 2 || len(env.Messages) != 0 {
		t.Errorf("%d messages delivered or dropped, %d in flight", got, len(env.Messages))
	}
	noError(t, env.Compact(0, 11))
	noError(t, env.SendSnapshot(0, 1))
	noError(t, env.ProposeConfChange(0, pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 3}))
	noError(t, env.Stabilize(0, 1))
	if got := len(env.Nodes[0].machine().Metadata.ConfState.Voters); got != 2 {
		t.Errorf("%d voters are left", got)
	}
	noError(t, env.Check())
}

func TestTheContentIsTheDataOfWhatWasApplied(t *testing.T) {
	env := NewInteractionEnv(nil)
	run(t, env, "add-nodes 1 voters=(1) index=10 content=a")
	run(t, env, "campaign 1")
	run(t, env, "stabilize")
	run(t, env, "propose 1 b")
	run(t, env, "propose 1 c")
	run(t, env, "stabilize")
	var got []string
	for _, s := range env.Nodes[0].History {
		got = append(got, string(s.Data))
	}
	if text := strings.Join(got, " "); text != "a a ab abc" {
		t.Errorf("history of the content: %s", text)
	}
	snap, err := env.Nodes[0].Storage.Snapshot()
	if err != nil || snap.Metadata.Index != 13 || string(snap.Data) != "abc" {
		t.Errorf("the newest snapshot is %v, %v", snap, err)
	}
	// A restarted node goes on from there.
	noError(t, env.Restart(0))
	if got := env.Nodes[0].BasicStatus().Applied; got != 13 {
		t.Errorf("restarted with %d applied", got)
	}
}

func TestAPartitionCutsWhatCrossesItAndNothingElse(t *testing.T) {
	w := network{groups: map[uint64]int{1: 1, 2: 1, 3: 2}}
	for _, tc := range []struct {
		name     string
		from, to uint64
		want     bool
	}{
		{"within a group", 1, 2, true},
		{"across", 1, 3, false},
		{"out of the partition", 1, 4, false},
		{"outside", 4, 5, true},
		{"to itself", 3, 3, true},
		{"from the append thread", raft.LocalAppendThread, 1, true},
		{"from the apply thread", raft.LocalApplyThread, 3, true},
	} {
		m := pb.Message{From: tc.from, To: tc.to}
		if got := w.connects(&m); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
		if !new(network).connects(&m) {
			t.Errorf("%s: cut without a partition", tc.name)
		}
	}
}

func TestNodesDoNotShareTheirContent(t *testing.T) {
	env := NewInteractionEnv(nil)
	run(t, env, "add-nodes 2 voters=(1,2) index=10 content=a")
	noError(t, env.apply(&env.Nodes[0], []pb.Entry{{Term: 1, Index: 11, Data: []byte("b")}}))
	noError(t, env.apply(&env.Nodes[1], []pb.Entry{{Term: 1, Index: 11, Data: []byte("c")}}))
	if a, b := string(env.Nodes[0].machine().Data), string(env.Nodes[1].machine().Data); a != "ab" || b != "ac" {
		t.Errorf("contents %q and %q", a, b)
	}
}

func TestRestartKeepsTheConfigurationThatWasApplied(t *testing.T) {
	env := newCluster(t, 2, nil)
	noError(t, env.Campaign(0))
	noError(t, env.Stabilize())
	noError(t, env.ProposeConfChange(0, pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 3}))
	noError(t, env.Stabilize())
	noError(t, env.Restart(0))
	_, cs, err := env.Nodes[0].InitialState()
	if err != nil || len(cs.Learners) != 1 {
		t.Fatalf("stored configuration %v, %v", cs, err)
	}
	if _, ok := env.Nodes[0].RawNode.Status().Config.Learners[3]; !ok {
		t.Error("the node has forgotten its learner")
	}
}

func TestOptionsCustomizeNodes(t *testing.T) {
	var fixed []int
	env := newCluster(t, 1, &InteractionOpts{
		OnConfig: func(c *raft.Config) { c.ElectionTick = 7 },
		SetRandomizedElectionTimeout: func(node *raft.RawNode, timeout int) {
			fixed = append(fixed, timeout)
			_ = node.SetRandomizedElectionTimeout(timeout)
		},
	})
	if got := run(t, env, "set-randomized-election-timeout 1 timeout=9"); got != "ok" || len(fixed) != 1 || fixed[0] != 9 {
		t.Errorf("%s; timeouts fixed: %v", got, fixed)
	}
	run(t, env, "tick-election 1")
	if env.Nodes[0].BasicStatus().Term != 0 {
		t.Error("campaigns after 7 ticks")
	}
	run(t, env, "tick 1 2")
	if env.Nodes[0].BasicStatus().Term != 1 {
		t.Error("does not campaign after 9 ticks")
	}
}

func TestOnConfigMustNotChangeTheID(t *testing.T) {
	env := NewInteractionEnv(&InteractionOpts{OnConfig: func(c *raft.Config) { c.ID++ }})
	if err := env.AddNodes(1, DefaultConfig(), pb.Snapshot{}); err == nil || len(env.Nodes) != 0 {
		t.Errorf("%v, %d nodes", err, len(env.Nodes))
	}
}

func TestMethodsRefuseNodesThatDoNotExist(t *testing.T) {
	env := newCluster(t, 1, nil)
	for _, idx := range []int{-1, 1} {
		for name, err := range map[string]error{
			"Campaign": env.Campaign(idx), "Propose": env.Propose(idx, nil), "Tick": env.Tick(idx, 1),
			"ProcessReady": env.ProcessReady(idx), "ProcessAppendThread": env.ProcessAppendThread(idx),
			"ProcessApplyThread": env.ProcessApplyThread(idx), "Stabilize": env.Stabilize(idx), "Status": env.Status(idx),
			"RaftLog": env.RaftLog(idx), "Compact": env.Compact(idx, 1), "SendSnapshot from": env.SendSnapshot(idx, 0),
			"SendSnapshot to": env.SendSnapshot(0, idx), "Crash": env.Crash(idx), "Restart": env.Restart(idx),
			"ProposeConfChange": env.ProposeConfChange(idx, pb.ConfChange{}),
		} {
			if err == nil || !strings.HasPrefix(err.Error(), "there is no such node") {
				t.Errorf("%s(%d): %v", name, idx, err)
			}
		}
	}
	env.Output.Reset()
	env.ForgetLeader(3)
	if got := env.Output.String(); got != "there is no such node: 4\n" {
		t.Errorf("ForgetLeader prints %q", got)
	}
}

func TestAnEndlessStabilizeEnds(t *testing.T) {
	env := newCluster(t, 1, nil)
	// A message whose delivery puts it back.
	env.Nodes[0].Storage = refilling{env.Nodes[0].Storage, env}
	noError(t, env.Campaign(0))
	err := env.Stabilize()
	if err == nil || !strings.Contains(err.Error(), "has not come to rest") {
		t.Errorf("%v", err)
	}
}

// refilling is a disk whose every write brings another message.
type refilling struct {
	Storage
	env *InteractionEnv
}

func (s refilling) Append(entries []pb.Entry) error {
	s.env.Nodes[0].RawNode.Tick()
	_ = s.env.Nodes[0].RawNode.Propose([]byte("again"))
	return s.Storage.Append(entries)
}

func TestAFailingDiskIsTold(t *testing.T) {
	env := newCluster(t, 1, nil)
	env.Nodes[0].Storage = brokenDisk{env.Nodes[0].Storage}
	run(t, env, "campaign 1")
	if got := run(t, env, "stabilize"); !strings.HasSuffix(got, "the disk is full") {
		t.Errorf("got %s", got)
	}
}

type brokenDisk struct{ Storage }

func (brokenDisk) SetHardState(pb.HardState) error { return errDisk }

var errDisk = errString("the disk is full")

type errString string

func (e errString) Error() string { return string(e) }
