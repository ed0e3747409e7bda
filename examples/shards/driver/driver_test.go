package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/examples/shards/grouplog"
)

// patience bounds every wait; nothing waits longer than it must.
const patience = 60 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// cluster is some stores in this process, on ports and folders that stay.
type cluster struct {
	t         *testing.T
	tune      func(*Options)
	dirs      map[uint64]string
	addresses map[uint64]string
	stores    map[uint64]*Store
	founders  []uint64
}

// newCluster starts stores, of which the first three have all groups.
func newCluster(t *testing.T, stores int, tune func(*Options)) *cluster {
	c := &cluster{t: t, tune: tune, dirs: map[uint64]string{}, addresses: map[uint64]string{}, stores: map[uint64]*Store{}, founders: []uint64{1, 2, 3}}
	listeners := map[uint64]net.Listener{}
	for id := uint64(1); id <= uint64(stores); id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		listeners[id], c.addresses[id], c.dirs[id] = l, l.Addr().String(), t.TempDir()
	}
	for id, l := range listeners {
		c.start(id, l)
	}
	t.Cleanup(func() {
		for _, s := range c.stores {
			_ = s.Stop()
		}
	})
	return c
}

func (c *cluster) start(id uint64, l net.Listener) {
	c.t.Helper()
	if l == nil {
		until(c.t, "the port of the store again", func() (ok bool) {
			var err error
			l, err = net.Listen("tcp", c.addresses[id])
			return err == nil
		})
	}
	o := Options{ID: id, Dir: c.dirs[id], Listener: l, Peers: c.addresses, Founders: c.founders, Groups: 8,
		Tick: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	if c.tune != nil {
		c.tune(&o)
	}
	s, err := Start(o)
	must(c.t, err)
	c.stores[id] = s
}

func (c *cluster) stop(id uint64) {
	c.t.Helper()
	must(c.t, c.stores[id].Stop())
	delete(c.stores, id)
}

// put writes through some store until it is acknowledged.
func (c *cluster) put(id uint64, key, value string) {
	c.t.Helper()
	until(c.t, "write of "+key, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return c.stores[id].Put(ctx, key, []byte(value)) == nil
	})
}

// wantValue reads through a store until there is an answer, which has to be right at once.
func (c *cluster) wantValue(id uint64, key, want string) {
	c.t.Helper()
	until(c.t, "read of "+key, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		value, err := c.stores[id].Get(ctx, key)
		if err == nil && string(value) != want {
			c.t.Fatalf("store %d reads %q for %s, want %q", id, value, key, want)
		}
		return err == nil
	})
}

// leader waits for the leader of a group among the stores that run.
func (c *cluster) leader(group uint64) uint64 {
	c.t.Helper()
	var leader uint64
	until(c.t, "a leader", func() bool {
		for id, s := range c.stores {
			if leader = id; s.Leader(group) == id {
				return true
			}
		}
		return false
	})
	return leader
}

// holders returns the stores that have a replica of a group.
func (c *cluster) holders(group uint64) (ids []uint64) {
	c.t.Helper()
	for id, s := range c.stores {
		all, err := s.Status(context.Background())
		must(c.t, err)
		if slices.ContainsFunc(all, func(st Status) bool { return st.Group == group }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// move asks whoever leads.
func (c *cluster) move(group, from, to uint64) {
	c.t.Helper()
	until(c.t, "a move", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := c.stores[c.leader(group)].Move(ctx, group, from, to)
		var other *LeaderError
		if err != nil && !errors.As(err, &other) && !errors.Is(err, ErrNotHere) {
			c.t.Fatal(err)
		}
		return err == nil
	})
}

func TestKeysAreWrittenAndReadOnEveryStore(t *testing.T) {
	c := newCluster(t, 3, nil)
	for i := range 30 {
		c.put(uint64(i%3+1), fmt.Sprint("key", i), fmt.Sprint("value", i))
	}
	must(t, c.stores[1].Delete(context.Background(), "key7"))
	for i := range 30 {
		want := fmt.Sprint("value", i)
		if i == 7 {
			want = ""
		}
		c.wantValue(uint64((i+1)%3+1), fmt.Sprint("key", i), want)
	}
}

func TestStoppedStoresComeBackWithEverything(t *testing.T) {
	c := newCluster(t, 3, func(o *Options) {
		o.Disk = grouplog.Options{SegmentBytes: 4000, KeepBytes: 10_000, KeepEntries: 5}
		o.SleepTicks = 20
	})
	for round := range 3 {
		for i := range 20 {
			c.put(uint64(i%3+1), fmt.Sprint("key", i), fmt.Sprint("value", round, i))
		}
		down := uint64(round + 1)
		c.stop(down)
		up := down%3 + 1
		for i := range 20 { // it misses more than the others keep entries of
			for j := range 5 {
				c.put(up, fmt.Sprint("key", i), fmt.Sprint("value", round, i, j))
			}
		}
		c.start(down, nil)
		for i := range 20 {
			c.wantValue(down, fmt.Sprint("key", i), fmt.Sprint("value", round, i, 4))
		}
	}
	for id := range c.dirs {
		c.stop(id)
	}
	for id := range c.dirs {
		c.start(id, nil)
	}
	for i := range 20 {
		c.wantValue(1, fmt.Sprint("key", i), fmt.Sprint("value", 2, i, 4))
	}
}

func TestAReplicaMovesThereAndBack(t *testing.T) {
	c := newCluster(t, 4, nil)
	group := c.stores[1].GroupOf("a")
	c.put(1, "a", "1")
	from, to := c.leader(group), uint64(4) // the leader itself goes
	for range 3 {
		c.move(group, from, to)
		want := []uint64{1, 2, 3, 4}
		want = slices.DeleteFunc(want, func(id uint64) bool { return id == from })
		until(t, "the old replica is gone", func() bool { return slices.Equal(c.holders(group), want) })
		c.wantValue(to, "a", "1")
		if _, err := c.stores[from].Get(context.Background(), "a"); !errors.Is(err, ErrNotHere) {
			t.Errorf("a read on the store that has no replica any more: %v", err)
		}
		from, to = to, from
	}
}

// A store that is down while its replica is removed hears of it when it is back, even if the group
// is idle. When the group comes back to it, that is another replica.
func TestAMoveThatIsNoneChangesNothing(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader(1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, to := range []uint64{leader, 0, 9, 1 << storeBits} {
		if err := c.stores[leader].Move(ctx, 1, leader, to); !errors.Is(err, ErrBadMove) {
			t.Errorf("to store %d: %v", to, err)
		}
	}
	if got := c.holders(1); !slices.Equal(got, c.founders) {
		t.Errorf("the group is on stores %v", got)
	}
}

func TestAStoreThatWasDownHearsThatAReplicaWasRemoved(t *testing.T) {
	c := newCluster(t, 4, nil)
	group := c.stores[1].GroupOf("a")
	c.put(1, "a", "1")
	down := c.leader(group)%3 + 1
	c.stop(down)
	c.move(group, down, 4)
	c.start(down, nil)
	until(t, "the old replica is gone", func() bool { return !slices.Contains(c.holders(group), down) })
	c.move(group, 4, down)
	c.wantValue(down, "a", "1")
	c.stop(down)
	c.start(down, nil)
	c.wantValue(down, "a", "1")
}

// A replica that was removed while its store was down gives way to a newer one of its group, even
// if it asks for no votes, from which others would see that it is still there.
func TestARemovedReplicaGivesWayToItsSuccessor(t *testing.T) {
	c := newCluster(t, 4, nil)
	group := c.stores[1].GroupOf("a")
	c.put(1, "a", "1")
	down := c.leader(group)%3 + 1
	c.stop(down)
	c.move(group, down, 4)
	c.tune = func(o *Options) { o.Tick = time.Hour }
	c.start(down, nil)
	c.move(group, 4, down)
	c.wantValue(down, "a", "1")
}

// A replica that is not a member may have been added by a change that is not applied here yet. Then
// its log goes on behind what is.
func TestOnlyReplicasThatAreKnownToBeRemovedAreTold(t *testing.T) {
	r := &replica{Group: &grouplog.Group{ID: 7}, applied: 10, conf: pb.ConfState{Voters: []uint64{1, 2, 3}}}
	s := &Store{replicas: map[uint64]*replica{7: r}}
	for _, tc := range []struct {
		m    pb.Message
		told bool
	}{
		{pb.Message{Type: pb.MsgPreVote, From: 5<<storeBits | 3, Index: 10}, true},
		{pb.Message{Type: pb.MsgVote, From: 4, Index: 9}, true},
		{pb.Message{Type: pb.MsgPreVote, From: 5<<storeBits | 3, Index: 11}, false},
		{pb.Message{Type: pb.MsgPreVote, From: 3, Index: 10}, false},
		{pb.Message{Type: pb.MsgAppResp, From: 4, Index: 10}, false},
	} {
		b := &multiraft.Batch{Messages: []multiraft.Message{{Group: 7, Message: tc.m}, {Group: 8, Message: tc.m}}}
		if got := s.removed(b); (len(got) == 1 && got[0] == notice{7, tc.m.From}) != tc.told {
			t.Errorf("%v: %v", tc.m, got)
		}
	}
}

// A store whose folder is empty has forgotten its votes. Others know that it was here before.
func TestAStoreThatLostItsFolderStops(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.put(1, "a", "1")
	c.wantValue(3, "a", "1") // some store has heard it
	c.stop(3)
	c.dirs[3] = t.TempDir()
	c.start(3, nil)
	select {
	case <-c.stores[3].Ended():
	case <-time.After(patience):
		t.Fatal("it takes part")
	}
	if err := c.stores[3].Stop(); !errors.Is(err, errLost) {
		t.Errorf("it ends with %v", err)
	}
}
