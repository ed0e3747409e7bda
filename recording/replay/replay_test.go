package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/tracker"
)

// lives runs a simulated cluster and returns what each life of each node has recorded.
func lives(t testing.TB, c sim.Config) [][]byte {
	t.Helper()
	var all []*bytes.Buffer
	c.Recording = func(uint64) io.Writer {
		all = append(all, &bytes.Buffer{})
		return all[len(all)-1]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	var recordings [][]byte
	for _, b := range all {
		recordings = append(recordings, b.Bytes())
	}
	return recordings
}

func read(t testing.TB, data []byte) []recording.Record {
	t.Helper()
	records, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestEveryLifeOfASimulatedNodeIsReplayedToTheByte(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 10
	}
	kinds := map[recording.Kind]int{}
	replayed, bytes := 0, 0
	for seed := uint64(1); seed <= seeds; seed++ {
		for life, data := range lives(t, sim.Config{Seed: seed, Steps: 3000, Bootstrap: seed%4 == 0}) {
			records := read(t, data)
			inputs := 0
			if err := Run(records, func(*Step) error { inputs++; return nil }); err != nil {
				t.Fatalf("seed %d, life %d of %d records: %v", seed, life, len(records), err)
			}
			for i := range records {
				kinds[records[i].Kind]++
			}
			replayed, bytes = replayed+inputs, bytes+len(data)
		}
	}
	t.Logf("%d inputs, %d bytes each", replayed, bytes/replayed)
	for k := recording.Start; k <= recording.Batch; k++ { // the others are not for a stream
		unseen := k == recording.TickQuiesced || k == recording.SkipTicks || k == recording.TickN || k == recording.TickAsleep ||
			k == recording.AwaitCatchUp || k == recording.SetTimeout || k == recording.StorageAvailable
		if kinds[k] == 0 && !unseen && k.String()[:1] != "K" && seeds > 10 {
			t.Errorf("there was no %s", k)
		}
	}
}

// What the simulator does not do, by hand.
func TestTheOtherInputsAreReplayedToo(t *testing.T) {
	var out bytes.Buffer
	storage := raft.NewMemoryStorage()
	c := raft.DefaultConfig(1, storage)
	c.Recording, c.Logger = &out, raft.DiscardLogger
	n, err := raft.NewRawNode(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Bootstrap([]raft.Peer{{ID: 1, Context: []byte("here")}}); err != nil {
		t.Fatal(err)
	}
	handleReadies(t, n, storage)
	if err := n.SetRandomizedElectionTimeout(3); err != nil {
		t.Fatal(err)
	}
	n.TickQuiesced()
	n.SkipTicks(7)
	n.TickN(2)
	n.Tick()
	handleReadies(t, n, storage)
	if err := n.ProposeConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}); err != nil {
		t.Fatal(err)
	}
	handleReadies(t, n, storage)
	if err := n.AwaitCatchUp(2); err != nil {
		t.Fatal(err)
	}
	n.StorageAvailable()
	n.TransferLeader(9)
	_ = n.ForgetLeader()
	if err := n.StepDown(); !errors.Is(err, raft.ErrTransferTarget) {
		t.Error(err)
	}
	handleReadies(t, n, storage)
	// What comes while the application has a batch in hand, as it does with a Node.
	if err := n.Propose([]byte("first")); err != nil {
		t.Fatal(err)
	}
	rd := n.Ready()
	if err := errors.Join(n.Propose([]byte("second")), n.AddServer(3, []byte("there"))); err != nil {
		t.Fatal(err)
	}
	n.ReadIndex([]byte("read"))
	n.Tick()
	handleReady(t, n, storage, rd)
	// Who only looks is not recorded.
	n.LeaseRead()
	n.WithProgress(func(uint64, raft.ProgressType, tracker.Progress) {})
	if err := n.Verify(); err != nil || n.Status().Term != 2 {
		t.Error(err, n.Status())
	}
	handleReadies(t, n, storage)
	if n.BasicStatus().RaftState != raft.StateLeader {
		t.Error("it does not lead")
	}
	checkReplayed(t, out.Bytes(), n)
}

// handleReadies does what a node asks for, until it asks for nothing more.
func handleReadies(t *testing.T, n *raft.RawNode, storage *raft.MemoryStorage) {
	t.Helper()
	for n.HasReady() {
		handleReady(t, n, storage, n.Ready())
	}
}

func handleReady(t *testing.T, n *raft.RawNode, storage *raft.MemoryStorage, rd raft.Ready) {
	t.Helper()
	if err := errors.Join(storage.Append(rd.Entries), storage.SetHardState(rd.HardState)); err != nil {
		t.Fatal(err)
	}
	for i := range rd.CommittedEntries {
		cc, err := driver.Change(&rd.CommittedEntries[i])
		if err != nil {
			t.Fatal(err)
		}
		if cc != nil {
			n.ApplyConfChange(cc)
		}
	}
	n.Advance(rd)
}

// checkReplayed replays and exports a recording: both bring the node where it is.
func checkReplayed(t *testing.T, recorded []byte, n *raft.RawNode) {
	t.Helper()
	records := read(t, recorded)
	var last raft.BasicStatus
	if err := Run(records, func(s *Step) error { last = s.Node.BasicStatus(); return nil }); err != nil {
		t.Fatal(err)
	}
	if last != n.BasicStatus() {
		t.Errorf("the replayed node is %+v, the recorded one %+v", last, n.BasicStatus())
	}
	var script bytes.Buffer
	if err := Export(records, Lives(records)[0], &script); err != nil || !strings.Contains(script.String(), "# ends as the recording did") {
		t.Errorf("%v\n%s", err, script.String())
	}
}

// What a leader asleep is told of its members is part of the input.
func TestTimeAsleepIsReplayed(t *testing.T) {
	var out bytes.Buffer
	storage := raft.NewMemoryStorage()
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
	if err := errors.Join(storage.ApplySnapshot(snap), storage.SetHardState(pb.HardState{Term: 1, Commit: 1})); err != nil {
		t.Fatal(err)
	}
	c := raft.DefaultConfig(1, storage)
	c.Recording, c.Logger, c.PreVote = &out, raft.DiscardLogger, false
	n, err := raft.NewRawNode(c)
	if err != nil {
		t.Fatal(err)
	}
	work := func() {
		for n.HasReady() {
			rd := n.Ready()
			if err := errors.Join(storage.Append(rd.Entries), storage.SetHardState(rd.HardState)); err != nil {
				t.Fatal(err)
			}
			n.Advance(rd)
		}
	}
	_ = n.Campaign()
	work()
	_ = n.Step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2})
	work()
	for id := uint64(2); id <= 3; id++ {
		_ = n.Step(pb.Message{Type: pb.MsgAppResp, From: id, To: 1, Term: 2, Index: 2})
	}
	work()
	n.TickAsleep(25, func(id uint64) (arrived, sent uint64) { return 7 * (id - 2), 9 })
	active := func(n *raft.RawNode) (list []bool) {
		for id := uint64(1); id <= 3; id++ {
			list = append(list, n.Status().Progress[id].RecentActive)
		}
		return list
	}
	var last *raft.RawNode
	if err := Run(read(t, out.Bytes()), func(s *Step) error { last = s.Node; return nil }); err != nil {
		t.Fatal(err)
	}
	if got, want := active(last), active(n); !slices.Equal(got, want) || !slices.Equal(want, []bool{true, true, false}) {
		t.Errorf("replayed: %t, recorded: %t", got, want)
	}
}

// A Node is recorded by the same means, from its goroutine: what the application's goroutines do to
// it comes in the order in which the node has taken it. Its next life goes into the same stream.
func TestANodeWithGoroutinesIsReplayed(t *testing.T) {
	var stream bytes.Buffer
	storage := raft.NewMemoryStorage()
	for life := range 2 {
		c := raft.DefaultConfig(1, storage)
		c.Recording, c.Logger = &stream, raft.DiscardLogger
		var n raft.Node
		if life == 0 {
			n = raft.StartNode(c, []raft.Peer{{ID: 1}})
		} else {
			n = raft.RestartNode(c)
		}
		proposed := false
		for done := false; !done; {
			var rd raft.Ready
			select {
			case rd = <-n.Ready():
			default:
				n.Tick()
				runtime.Gosched()
				continue
			}
			if err := errors.Join(storage.Append(rd.Entries), storage.SetHardState(rd.HardState)); err != nil {
				t.Error(err)
			}
			for _, e := range rd.CommittedEntries {
				switch {
				case e.Type == pb.EntryConfChange:
					var cc pb.ConfChange
					if err := cc.Unmarshal(e.Data); err != nil {
						t.Error(err)
					}
					n.ApplyConfChange(cc)
				case string(e.Data) == fmt.Sprint("life", life):
					done = true
				}
			}
			n.Advance()
			if st := n.Status(); st.RaftState == raft.StateLeader && !proposed {
				proposed = true
				go func() { _ = n.Propose(context.Background(), fmt.Append(nil, "life", life)) }()
			}
		}
		n.Stop()
	}
	records := read(t, stream.Bytes())
	if err := Run(records, nil); err != nil {
		t.Fatal(err)
	}
	all := Lives(records)
	if len(all) != 2 {
		t.Fatalf("%d lives", len(all))
	}
	for _, l := range all {
		var script bytes.Buffer
		if err := Export(records, l, &script); err != nil || !strings.Contains(script.String(), "# ends as the recording did") {
			t.Errorf("%v\n%s", err, script.String())
		}
	}
}

// One record more or less, or a bit of one that is different, is noticed before the end.
func TestARecordingThatWasChangedDiverges(t *testing.T) {
	data := slices.MaxFunc(lives(t, sim.Config{Seed: 3, Steps: 3000}), func(a, b []byte) int { return len(a) - len(b) })
	records := read(t, data)
	changed := func(change func(list []recording.Record) []recording.Record) error {
		return Run(change(slices.Clone(records)), nil)
	}
	first := func(k recording.Kind) int {
		return slices.IndexFunc(records, func(r recording.Record) bool { return r.Kind == k })
	}
	// A message that a Ready follows has done something.
	answered := func(l []recording.Record) int {
		for i := range l {
			if l[i].Kind == recording.Step && l[i+1].Kind == recording.Ready {
				return i
			}
		}
		return 0
	}
	for name, change := range map[string]func(list []recording.Record) []recording.Record{
		"a tick is missing": func(l []recording.Record) []recording.Record {
			return slices.Delete(l, first(recording.Tick), first(recording.Tick)+1)
		},
		"a message is missing": func(l []recording.Record) []recording.Record {
			i := answered(l)
			return slices.Delete(l, i, i+1)
		},
		"a message comes twice": func(l []recording.Record) []recording.Record {
			i := first(recording.Ready)
			return slices.Insert(l, i, l[i])
		},
		"another fingerprint": func(l []recording.Record) []recording.Record {
			l[first(recording.Batch)].Numbers = []uint64{1}
			return l
		},
		"another seed": func(l []recording.Record) []recording.Record {
			l[0].Numbers = slices.Clone(l[0].Numbers)
			l[0].Numbers[15]++
			return l
		},
		"another answer of the storage": func(l []recording.Record) []recording.Record {
			i := first(recording.LastIndex)
			l[i].Numbers = []uint64{0, l[i].Numbers[1] + 1}
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			var d *Divergence
			if err := changed(change); !errors.As(err, &d) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARecordingMayEndAnywhere(t *testing.T) {
	data := lives(t, sim.Config{Seed: 4, Nodes: 1, Steps: 300, Faults: sim.NoFaults()})[0]
	for end := len(recording.Header); end < len(data); end += 1 + end/50 {
		records := read(t, data[:end])
		whole := len(records) == 0 || records[len(records)-1].Kind != recording.Lost
		if err := Run(records, nil); errors.Is(err, ErrDamaged) == whole && len(records) > 1 || err != nil && !errors.Is(err, ErrDamaged) && len(records) > 1 {
			t.Fatalf("at %d of %d bytes: %v", end, len(data), err)
		}
	}
}

// A ring that is too small for the state of the node can be read only.
func TestARingWithoutRoomForACheckpointIsReadAndNotReplayed(t *testing.T) {
	ring := recording.NewRing(500)
	if _, err := sim.Run(sim.Config{Seed: 4, Nodes: 1, Steps: 300, Faults: sim.NoFaults(), Recording: func(uint64) io.Writer { return ring }}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := ring.WriteTo(&out); err != nil || n != int64(out.Len()) {
		t.Fatal(n, err)
	}
	records := read(t, out.Bytes())
	if records[0].Kind != recording.Lost || records[0].Number(0) == 0 || len(records) < 20 {
		t.Errorf("%d records, the first %+v", len(records), records[0])
	}
	if out.Len() > 600 {
		t.Errorf("%d bytes are kept", out.Len())
	}
	if err := Run(records, nil); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}

// A file to which each life of a node is appended is replayed life after life, also where a life
// ends within a record.
func TestAllLivesInAFileAreReplayed(t *testing.T) {
	files := map[uint64]*bytes.Buffer{}
	starts := map[uint64]int{}
	c := sim.Config{Seed: 9, Nodes: 3, Steps: 4000, Recording: func(id uint64) io.Writer {
		if files[id] == nil {
			files[id] = &bytes.Buffer{}
		}
		if starts[id]++; starts[id] > 1 {
			files[id].Truncate(files[id].Len() - 3)
		}
		return files[id]
	}}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	several := 0
	for id, file := range files {
		records := read(t, file.Bytes())
		seen := map[int]int{}
		err := Run(records, func(s *Step) error { seen[s.Life]++; return nil })
		if err != nil && !errors.Is(err, ErrDamaged) || errors.Is(err, ErrDamaged) != (starts[id] > 1) {
			t.Fatalf("node %d: %v after %d starts", id, err, starts[id])
		}
		if lives := Lives(records); len(lives) != starts[id] || len(seen) != starts[id] {
			t.Errorf("node %d: %d lives are there and %d replayed, of %d", id, len(lives), len(seen), starts[id])
		}
		if starts[id] > 1 {
			several++
		}
	}
	if several == 0 {
		t.Error("nobody was started again")
	}
}

func TestLivesBeginWhereTheyCan(t *testing.T) {
	list := func(kinds ...recording.Kind) (records []recording.Record) {
		for _, k := range kinds {
			records = append(records, recording.Record{Kind: k})
		}
		return records
	}
	const start, tick, lost, state = recording.Start, recording.Tick, recording.Lost, recording.Checkpoint
	for _, tc := range []struct {
		records []recording.Record
		want    []Life
	}{
		{nil, nil},
		{list(tick, tick), []Life{{1, 0, 2, 2}}},
		{list(start, tick, state, start), []Life{{1, 0, 0, 3}, {2, 3, 3, 4}}},
		{list(lost, start, tick), []Life{{1, 0, 1, 1}, {2, 1, 1, 3}}},
		{append([]recording.Record{{Kind: lost, Numbers: []uint64{3}}}, list(start, tick)...), []Life{{1, 0, 1, 3}}},
		{list(lost, tick, state, tick, start), []Life{{1, 0, 2, 4}, {2, 4, 4, 5}}},
		{list(start, lost, start, tick), []Life{{1, 0, 0, 2}, {2, 2, 2, 4}}},
	} {
		if got := Lives(tc.records); !slices.Equal(got, tc.want) {
			t.Errorf("%v: %v, want %v", tc.records, got, tc.want)
		}
	}
}

// brokenDisk fails after some writes. The node does not mind.
type brokenDisk int

func (d *brokenDisk) Write(b []byte) (int, error) {
	if *d--; *d < 0 {
		return 0, errors.New("no space")
	}
	return len(b), nil
}

func TestARecorderThatFailsDoesNotStopTheNode(t *testing.T) {
	disk := brokenDisk(20)
	if _, err := sim.Run(sim.Config{Seed: 5, Steps: 500, Recording: func(uint64) io.Writer { return &disk }}); err != nil {
		t.Fatal(err)
	}
	if disk >= 0 {
		t.Error("the disk has not failed")
	}
}

// summed puts right checksums after the records in data, so that what was changed gets to the
// player.
func summed(data []byte) []byte {
	head := min(len(data), len(recording.Header))
	out, rest := bytes.Clone(data[:head]), data[head:]
	for len(rest) > 0 {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length+2 > uint64(len(rest)-n) || length > 1<<20 {
			break
		}
		end := n + int(length)
		sum := crc32.Checksum(rest[n:end], crc32.MakeTable(crc32.Castagnoli))
		out = append(append(out, rest[:end]...), byte(sum), byte(sum>>8))
		rest = rest[end+2:]
	}
	return append(out, rest...)
}

// FuzzReplay gives anything to the player. It does not panic.
func FuzzReplay(f *testing.F) {
	data := lives(f, sim.Config{Seed: 4, Nodes: 1, Steps: 60, Faults: sim.NoFaults()})[0]
	f.Add(data)
	f.Add([]byte(recording.Header))
	f.Add(append([]byte(recording.Header), recording.Encode(&recording.Record{Kind: recording.Lost, Numbers: []uint64{3}})...))
	fromState := []byte(recording.Header)
	for _, r := range oftenLives(f, sim.Config{Seed: 4, Nodes: 3, Steps: 200, Faults: sim.NoFaults()}, 30)[0] {
		if fromState = append(fromState, recording.Encode(&r)...); r.Kind == recording.Start {
			fromState = fromState[:len(recording.Header)] // a checkpoint stands for it
		}
	}
	f.Add(fromState)
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := Read(bytes.NewReader(summed(data)))
		if err != nil && !errors.Is(err, recording.ErrFormat) {
			t.Fatal(err)
		}
		_ = Run(records, func(s *Step) error {
			_ = fmt.Sprint(s.Input)
			return nil
		})
	})
}
