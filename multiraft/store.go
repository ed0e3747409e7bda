package multiraft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Store holds the groups of one machine. It is not safe for concurrent use.
type Store struct {
	cfg   Config
	clock uint64 // ticks since the start

	groups []group
	index  map[uint64]uint32 // position in groups by id; never iterated
	free   []uint32          // positions without a group
	lists  []list            // the wheel, and the sleeping groups by peer

	peers []*peer // peers[0] is this store
	// waking: some list may hold groups to wake.
	waking bool

	// queue holds the groups that have work, in the order in which they got it.
	queue fifo
	// Ready is made of these, too.
	beats   bool
	failed  []Failure
	unknown []Unknown
	spare   []*Ready

	// offers are the leaders' offers of sleep that are not agreed to by all, invites those that
	// followers have not answered.
	offers  map[uint32]*offer
	invites map[uint32]invite

	// lines are those of the group whose Ready is being handed out that may get a mark of sleep;
	// others says that it has other messages.
	lines  []line
	others bool

	touched uint64 // calls that reached a node, for tests
}

// group is the store's part of a group. There may be a million: what few need is in maps.
type group struct {
	node *raft.RawNode
	id   uint64
	// at is the tick of the store up to which the node's clock was advanced. While the group
	// sleeps, it is the tick at which it fell asleep.
	at uint64
	// due is the tick at which the node has something to do.
	due uint64
	// active is the last tick at which something happened that was no heartbeat.
	active     uint64
	prev, next uint32
	list       uint32

	leads  bool // this replica leads
	queued bool
	out    bool // its last Ready is with the application
	asleep bool
	// offered: the leader has offered sleep in this term, so followers may rely on this store.
	offered bool
	// maySleep: the group's Config allows sleep.
	maySleep bool
	failed   bool
}

// New returns a Store without groups. The error matches ErrConfig.
func New(config Config) (*Store, error) {
	cfg, err := config.normalized()
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, index: map[uint64]uint32{}, offers: map[uint32]*offer{}, invites: map[uint32]invite{},
		lists: make([]list, wheelSize),
	}
	for i := range s.lists {
		s.lists[i] = list{none, none}
	}
	s.addPeer(cfg.ID)
	return s, nil
}

// AddGroup starts this store's replica of a group from what config.Storage holds. The store keeps
// no reference to config. The error matches ErrGroupExists, ErrConfig, or is one of
// raft.NewRawNode.
//
// A first member calls raft.RawNode.Bootstrap by Do, or its Storage begins with a snapshot.
func (s *Store) AddGroup(id uint64, config *raft.Config) error {
	if _, ok := s.index[id]; ok {
		return groupError(id, ErrGroupExists)
	}
	cfg, err := s.groupConfig(id, config)
	if err != nil {
		return groupError(id, err)
	}
	node, err := raft.NewRawNode(cfg)
	if err != nil {
		return groupError(id, err)
	}
	i := uint32(len(s.groups))
	if n := len(s.free); n > 0 {
		i, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.groups = append(s.groups, group{})
	}
	s.groups[i] = group{
		node: node, id: id, at: s.clock, active: s.clock, list: none,
		maySleep: s.cfg.SleepTicks > 0 && cfg.ElectionTick >= s.cfg.ElectionTick,
	}
	s.index[id] = i
	s.settle(i)
	return nil
}

// RemoveGroup drops a group at once, with whatever it has under way. If it may be a member still,
// others have to be told by a configuration change before. The storage is the application's to
// clean. The error matches ErrNoGroup.
func (s *Store) RemoveGroup(id uint64) error {
	i, ok := s.index[id]
	if !ok {
		return groupError(id, ErrNoGroup)
	}
	s.oweAll(i)
	s.unlink(i)
	delete(s.offers, i)
	delete(s.invites, i)
	delete(s.index, id)
	s.groups[i] = group{list: none}
	s.free = append(s.free, i)
	return nil
}

// Len returns the number of groups.
func (s *Store) Len() int { return len(s.index) }

// Tick advances the clock of the store, and of all groups that are awake, by one tick.
func (s *Store) Tick() {
	s.clock++
	s.tickPeers()
	s.turn()
}

// find returns the position of a healthy group, or the reason why there is none.
func (s *Store) find(id uint64) (uint32, error) {
	i, ok := s.index[id]
	if !ok {
		return none, ErrNoGroup
	}
	if g := &s.groups[i]; g.failed {
		return none, g.node.Err()
	}
	return i, nil
}

// touch wakes a group, and makes the ticks that its node has not seen. Every call of a node comes
// after it, and before settle.
func (s *Store) touch(i uint32) *raft.RawNode {
	g := &s.groups[i]
	s.touched++
	if g.asleep {
		s.wake(i)
		s.oweLeaderWake(i)
	}
	if g.at < s.clock {
		g.node.TickN(s.clock - g.at)
		g.at = s.clock
	}
	return g.node
}

// settle looks at what a call has changed: work to hand out, the next due tick, the role.
func (s *Store) settle(i uint32) {
	g := &s.groups[i]
	if err := g.node.Err(); err != nil {
		s.fail(i, err)
		return
	}
	leads := g.node.BasicStatus().RaftState == raft.StateLeader
	if g.leads && !leads {
		s.oweWakes(i)
	}
	g.leads = leads
	if !g.queued && g.node.HasReady() { // which is false while its work is out
		g.queued = true
		s.queue.push(i)
	}
	if !g.asleep {
		s.plan(i)
	}
}

// fail takes a quarantined group out of everything. It stays until it is removed.
func (s *Store) fail(i uint32, err error) {
	g := &s.groups[i]
	s.oweAll(i)
	s.unlink(i)
	delete(s.offers, i)
	delete(s.invites, i)
	g.failed, g.asleep, g.leads, g.queued = true, false, false, false
	s.failed = append(s.failed, Failure{Group: g.id, Err: err})
}

// oweAll tells the other members that this replica is gone, as far as they rely on it.
func (s *Store) oweAll(i uint32) {
	if s.groups[i].asleep {
		s.oweLeaderWake(i)
	}
	s.oweWakes(i)
}

// Do calls f with a group's node, for what Store has no method for: campaigns, transfers,
// configuration changes, reads of the status that need the present time. The group wakes. f must
// not keep the node, use the store, nor call Tick, TickN, SkipTicks, Ready or Advance. The error is
// one of f, matches ErrNoGroup, or is that of a quarantined node; it is wrapped in a *GroupError.
func (s *Store) Do(id uint64, f func(node *raft.RawNode) error) error {
	i, err := s.find(id)
	if err != nil {
		return groupError(id, err)
	}
	node := s.touch(i)
	s.groups[i].active = s.clock
	err = f(node)
	s.settle(i)
	return groupError(id, err)
}

// Propose asks to append data to a group's log, see raft.RawNode.Propose.
func (s *Store) Propose(id uint64, data []byte) error {
	i, err := s.find(id)
	if err != nil {
		return groupError(id, err)
	}
	node := s.touch(i)
	s.groups[i].active = s.clock
	err = node.Propose(data)
	s.settle(i)
	return groupError(id, err)
}

// ReadIndex asks for a linearizable read, see raft.RawNode.ReadIndex. The answer is in Ready.Reads,
// or the context in Ready.DroppedReads.
func (s *Store) ReadIndex(id uint64, context []byte) error {
	return s.Do(id, func(node *raft.RawNode) error { node.ReadIndex(context); return nil })
}

// ApplyConfChange makes a committed configuration change active, see raft.RawNode.ApplyConfChange.
func (s *Store) ApplyConfChange(id uint64, cc pb.ConfChangeI) (cs *pb.ConfState, err error) {
	err = s.Do(id, func(node *raft.RawNode) error { cs = node.ApplyConfChange(cc); return nil })
	return cs, err
}

// StepMessage gives a group a message that did not come in a Batch, from a program with a transport
// of its own. The error is a *GroupError.
func (s *Store) StepMessage(id uint64, m pb.Message) error { return s.stepMessage(id, m, false) }

func (s *Store) stepMessage(id uint64, m pb.Message, fresh bool) error {
	i, err := s.find(id)
	if err != nil {
		if errors.Is(err, ErrNoGroup) {
			s.noteUnknown(id, &m)
		}
		return groupError(id, err)
	}
	if m.Type != pb.MsgHeartbeat && m.Type != pb.MsgHeartbeatResp {
		s.groups[i].active = s.clock
	}
	return groupError(id, s.stepTo(i, &m, fresh))
}

// Step takes a batch of another store. Messages that a group refuses do not keep the others from
// being handled; the error is the first refusal, a *GroupError. A batch that is not for this store
// is refused as a whole, with an error that matches ErrBatch. The store keeps the data of entries
// and snapshots, and no slice of the batch.
func (s *Store) Step(b *Batch) error {
	if b.To != s.cfg.ID || b.From == s.cfg.ID || b.From == 0 || b.Incarnation == 0 {
		return fmt.Errorf("%w: from store %x to store %x, at store %x", ErrBatch, b.From, b.To, s.cfg.ID)
	}
	at := s.peerOf(b.From)
	fresh := s.isFresh(at, b)
	if fresh {
		s.hearWakes(at, b)
		s.hear(at, b)
	}
	// An offer to an earlier life of this store may have ended, and that life has confirmed it.
	fresh = fresh && b.HeardIncarnation == s.cfg.Incarnation
	var first error
	note := func(id uint64, err error) {
		if err != nil && first == nil {
			first = groupError(id, err)
		}
	}
	for j := range b.Heartbeats {
		note(b.Heartbeats[j].Group, s.stepHeartbeat(&b.Heartbeats[j], fresh))
	}
	for j := range b.Responses {
		note(b.Responses[j].Group, s.stepResponse(at, &b.Responses[j], fresh))
	}
	for _, id := range b.Wakes { // after the offers: they are older
		if i, ok := s.index[id]; ok && fresh {
			delete(s.invites, i)
			s.wakeTold(i, at)
		}
	}
	for j := range b.Messages {
		m := &b.Messages[j]
		if err := s.stepMessage(m.Group, m.Message, fresh); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// maxUnknown bounds what one Ready says about groups that the store does not have.
const maxUnknown = 1024

func (s *Store) noteUnknown(id uint64, m *pb.Message) {
	if len(s.unknown) < maxUnknown {
		s.unknown = append(s.unknown, Unknown{Group: id, From: m.From, To: m.To, Type: m.Type})
	}
}

// fifo is a queue of groups in an array that is used again.
type fifo struct {
	list []uint32
	head int
}

func (q *fifo) len() int { return len(q.list) - q.head }

func (q *fifo) push(i uint32) {
	if q.head > len(q.list)/2 && q.head > 64 {
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.head = 0
	}
	q.list = append(q.list, i)
}

func (q *fifo) pop() uint32 {
	i := q.list[q.head]
	q.head++
	if q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return i
}
