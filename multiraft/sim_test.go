package multiraft

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

var simSeeds = flag.Int("seeds", 30, "how many seeds TestStoresInASimulatedWorld tries")
var simFirst = flag.Int("from", 1, "the first of them")

// Random faults on 3 to 5 stores: crashes, restarts with old and with empty disks, cuts in one
// direction, loss, delay, duplicates, slow disks, slow clocks, groups that move, reads, and long
// times of rest. Package property checks every group in each step. In the end a minority of stores
// stays dead, the network is healed, and every group has to commit.
func TestStoresInASimulatedWorld(t *testing.T) {
	if testing.Short() {
		*simSeeds = min(*simSeeds, 6)
	}
	slept, sleepers, leases := 0, 0, 0
	for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := newSimulation(t, uint64(seed))
			s.run(150)
			s.end()
			slept, sleepers = slept+s.slept, sleepers+s.world.asleep()
			leases += s.leases
		})
	}
	if *simSeeds < 10 {
		return
	}
	if slept == 0 || sleepers == 0 || leases == 0 {
		t.Errorf("%d replicas slept during the runs and %d at their ends, %d reads from leases: nothing is shown", slept, sleepers, leases)
	}
	t.Logf("%d times a replica slept at a fault, %d at the ends, %d reads from leases", slept, sleepers, leases)
}

// simulation is a world that is disturbed.
type simulation struct {
	*world
	groups uint64
	next   map[uint64]uint64 // the next id of a replica of a store, in hundreds
	slept  int
	wrote  int
}

func newSimulation(tb testing.TB, seed uint64) *simulation {
	stores := 3 + int(seed%3)
	w := newWorld(tb, seed, stores)
	w.delay, w.hold = w.rng.IntN(3), w.rng.IntN(4)
	w.late = w.rng.IntN(2) * 5
	limit := w.rng.IntN(3) * 4
	w.tune = func(c *Config) {
		c.SleepTicks = 2 + int(seed%5)
		c.MaxWakes, c.MaxCampaigns, c.MaxReadyGroups = limit, limit, limit
		c.BeatTicks = 1 + int(seed%2)*2
		c.SendEarly = seed%7 < 4
		if seed%5 == 0 { // each store as it likes
			c.ElectionTick = 8 + w.rng.IntN(3)
			c.BeatTicks = 1 + w.rng.IntN(3)
		}
	}
	w.tuneGroup = func(c *raft.Config) {
		c.HeartbeatTick = 1 + int(seed/2%2)*2
		c.DeferCommit = seed%3 == 0
		switch seed % 4 {
		case 0, 1:
			c.LeaseDriftTicks = 2
		case 2:
			c.PreVote, c.CheckQuorum = seed%8 == 2, seed%16 < 8
		}
	}
	for id := 1; id <= stores; id++ {
		if w.rng.IntN(3) == 0 {
			w.slow[uint64(id)] = 10 + w.rng.IntN(30) // two ticks in the time of a lease at most
		}
	}
	w.start()
	s := &simulation{world: w, groups: 4 + seed%9, next: map[uint64]uint64{}}
	for g := uint64(1); g <= s.groups; g++ {
		var members []uint64
		first := w.rng.IntN(stores)
		size := 3
		if seed%6 == 1 {
			size = min(3+w.rng.IntN(3), stores)
		}
		for i := range size {
			members = append(members, uint64((first+i)%stores)+1)
		}
		w.group(g, members...)
	}
	return s
}

func (s *simulation) pick() uint64 { return 1 + s.rng.Uint64N(uint64(len(s.stores))) }
func (s *simulation) any() uint64  { return 1 + s.rng.Uint64N(s.groups) }

// run makes faults, with some time after each.
func (s *simulation) run(faults int) {
	for range faults {
		s.slept += s.asleep()
		s.fault()
		if s.rng.IntN(6) == 0 {
			s.ticks(30 + s.rng.IntN(60)) // to fall asleep
		} else {
			s.ticks(s.rng.IntN(12))
		}
	}
}

func (s *simulation) fault() {
	switch s.rng.IntN(18) {
	case 0, 1:
		s.crash(s.pick())
	case 2, 3:
		if m := s.stores[s.pick()-1]; m.store == nil {
			s.boot(m)
		}
	case 4:
		s.cut[[2]uint64{s.pick(), s.pick()}] = true
	case 5, 6:
		clear(s.cut)
	case 7:
		s.loss = s.rng.IntN(3) * 10
	case 8:
		s.move(s.any())
	case 9:
		s.wipe(s.stores[s.pick()-1])
	case 10, 11:
		for range 1 + s.rng.IntN(4) {
			s.read(s.stores[s.pick()-1], s.any())
		}
	case 12, 13:
		if m := s.stores[s.pick()-1]; m.store != nil {
			m.store.ForgetStore(s.pick()) // which comes back
		}
	case 14:
		s.restart(s.stores[s.pick()-1], s.any())
	case 15:
		id := s.any()
		if m := s.leader(id); m != nil {
			target := s.pick()
			_ = m.store.Do(id, func(n *raft.RawNode) error { n.TransferLeader(target); return nil })
		}
	default:
		for range 1 + s.rng.IntN(4) {
			if m := s.stores[s.pick()-1]; m.store != nil {
				s.wrote++
				_ = m.store.Propose(s.any(), fmt.Append(nil, s.wrote))
			}
		}
	}
}

// restart starts a replica again, and not its store.
func (s *simulation) restart(m *machine, g uint64) {
	if r := m.replicaOf(g); r == nil || r.failed || len(m.held) > 0 {
		return
	}
	m.disks[g].rec.Stops()
	if err := m.store.RemoveGroup(g); err != nil {
		s.tb.Fatal(err)
	}
	s.startGroup(m, g)
}

// lost returns a member of a group whose disk is gone; 0 if there is none.
func (s *simulation) lost(g uint64) uint64 {
	for _, id := range s.history[g].config.Voters {
		if d := s.stores[storeOf(g, id)-1].disks[g]; d == nil || d.replica != id {
			return id
		}
	}
	return 0
}

// wipe restarts a store with empty disks. Its replicas have to be replaced before another store may
// lose its own.
func (s *simulation) wipe(m *machine) {
	for g := uint64(1); g <= s.groups; g++ {
		if h := s.history[g]; s.lost(g) != 0 || len(h.config.VotersOutgoing) > 0 || h.last < h.LastConfChange {
			return
		}
	}
	s.crash(m.id)
	for _, g := range m.order {
		m.disks[g] = nil
	}
	s.boot(m)
}

// move replaces a member of a group by a new replica on a store that has none, in one joint change:
// one that has lost its disk, or any.
func (s *simulation) move(g uint64) {
	lead := s.leader(g)
	if lead == nil {
		return
	}
	voters := s.history[g].config.Voters
	if len(voters) == 0 || len(s.history[g].config.VotersOutgoing) > 0 {
		return
	}
	old, to := voters[s.rng.IntN(len(voters))], s.pick()
	if lost := s.lost(g); lost != 0 {
		old, to = lost, storeOf(g, lost)
	}
	m := s.stores[to-1]
	if m.store == nil {
		return
	}
	d := m.disks[g]
	if d != nil && (s.lost(g) == 0 || slices.Contains(voters, d.replica)) {
		return
	}
	if d == nil { // otherwise the change that adds it was lost
		s.next[to]++
		d = &disk{MemoryStorage: raft.NewMemoryStorage(), replica: to + 100*s.next[to]}
	}
	replica := d.replica
	cc := pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{
		{Type: pb.ConfChangeAddNode, NodeID: replica}, {Type: pb.ConfChangeRemoveNode, NodeID: old},
	}}
	if lead.store.Do(g, func(n *raft.RawNode) error {
		if err := n.CheckConfChange(cc); err != nil {
			return err
		}
		return n.ProposeConfChange(cc)
	}) != nil || m.disks[g] != nil {
		return
	}
	// The new replica begins with the configuration that all have begun with, and gets the log.
	for _, other := range s.stores {
		if o := other.disks[g]; o != nil {
			snap, _ := o.Snapshot()
			_ = d.ApplySnapshot(snap)
			_ = d.SetHardState(pb.HardState{Term: 1, Commit: 1})
			break
		}
	}
	s.addDisk(m, g, d)
	s.startGroup(m, g)
}

// end leaves a minority dead, heals everything else, and waits for every group to commit.
func (s *simulation) end() {
	s.tb.Helper()
	clear(s.cut)
	s.loss, s.late, s.hold = 0, 0, 0
	for _, m := range s.stores {
		if m.store == nil {
			s.boot(m)
		}
	}
	// Changes that are under way end first: a minority of the stores has to be one of each group.
	s.ticks(150)
	for g := uint64(1); g <= s.groups; g++ {
		for range 20 {
			if s.lost(g) == 0 {
				break
			}
			s.move(g)
			s.ticks(30)
		}
		if s.lost(g) != 0 {
			s.tb.Fatalf("group %d: replica %d has lost its disk and is not replaced", g, s.lost(g))
		}
	}
	s.clean()
	s.crash(s.pick())
	s.ticks(150)
	for g := uint64(1); g <= s.groups; g++ {
		s.mustCommit(g)
	}
	for _, m := range s.stores {
		if m.store == nil {
			s.boot(m)
		}
	}
	s.mustSleep()
}

// clean removes replicas that are no members any more: they would campaign for ever.
func (s *simulation) clean() {
	s.tb.Helper()
	for _, m := range s.stores {
		for _, g := range m.order {
			if d := m.disks[g]; d != nil && !slices.Contains(s.history[g].config.Voters, d.replica) {
				if err := m.store.RemoveGroup(g); err != nil {
					s.tb.Fatal(err)
				}
				m.disks[g] = nil
			}
		}
	}
}

func (s *simulation) mustCommit(g uint64) {
	s.tb.Helper()
	before := s.history[g].last
	if err := s.propose(g, "end"); err != nil {
		s.tb.Fatalf("%v, voters %v", err, s.history[g].config.Voters)
	}
	s.ticks(20)
	if s.history[g].last <= before {
		s.tb.Fatalf("group %d commits nothing", g)
	}
}

// mustSleep: with all stores up, all members of all groups fall asleep, and then cause no message.
func (s *simulation) mustSleep() {
	s.tb.Helper()
	s.delay = 0
	members := func() (n int) {
		for g := uint64(1); g <= s.groups; g++ {
			n += len(s.history[g].config.Voters)
		}
		return n
	}
	for range 400 {
		s.tick()
	}
	leading := 0
	for g := uint64(1); g <= s.groups; g++ {
		if m := s.leader(g); m != nil && m.replicaOf(g).asleep {
			leading++
		}
	}
	if uint64(leading) != s.groups || s.asleep() < members() {
		s.tb.Fatalf("of %d groups %d leaders sleep, and %d replicas of %d", s.groups, leading, s.asleep(), members())
	}
}
