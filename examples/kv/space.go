package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// A replica keeps a reserve on its disk. Below it the replica takes no more data, neither from
// clients nor from the leader, until there is room again:
//
//   - It drops appends with data, as a network might. So nothing waits in memory, and the leader
//     sends what its window holds once. Votes, first entries of leaders and changes of the members
//     are small. They are still written, so that the cluster can elect and replace.
//   - It answers 507 to writes, and to reads that need entries which it did not take.
//   - If it leads, it hands over to a voter with room. Without one it stays leader, for reads.
//   - It begins no snapshot that would not fit.
//
// What was taken before is written and applied: the reserve has room for it, and for the tables
// that Pebble makes of it. Pebble itself limits its larger compactions to half of the free space.
// The reserve is free space rather than a file to delete, so other programs may use it up. Then a
// write may fail all the same, and the replica ends (see engine.go).

// space watches the free space of a folder.
type space struct {
	fs  vfs.FS
	dir string
	// min is the reserve, in bytes; 0 if the disk is not watched. It is set before the first look.
	min uint64

	free    atomic.Uint64 // at the last look
	waiting atomic.Int64  // bytes that the writer has, and will write
	full    atomic.Bool
	written atomic.Int64  // bytes since the last look
	soon    chan struct{} // asks for the next look
}

const (
	lookPause = 100 * time.Millisecond
	// lookBytes is how much is written at most between two looks.
	lookBytes = 8 << 20
)

func newSpace(fs vfs.FS, dir string) *space {
	return &space{fs: fs, dir: dir, soon: make(chan struct{}, 1)}
}

// look looks at the disk. It reports whether the replica is full since now, or no longer. The end
// needs a quarter more room than the beginning, because tables come and go.
func (sp *space) look() (changed bool) {
	if sp.min == 0 {
		return false
	}
	sp.written.Store(0)
	usage, err := sp.fs.GetDiskUsage(sp.dir)
	if err != nil {
		return false // not every file system tells
	}
	sp.free.Store(usage.AvailBytes)
	need := sp.min + uint64(sp.waiting.Load())
	if sp.full.Load() {
		need += sp.min / 4
	}
	full := usage.AvailBytes < need
	return sp.full.Swap(full) != full
}

// wrote counts bytes that were written.
func (sp *space) wrote(bytes int) {
	if sp.written.Add(int64(bytes)) < lookBytes {
		return
	}
	select {
	case sp.soon <- struct{}{}:
	default:
	}
}

// errDiskFull is matched by the errors of a replica that has not enough room.
var errDiskFull = errors.New("disk full")

// check returns an error if the replica takes no data.
func (sp *space) check() error {
	if !sp.full.Load() {
		return nil
	}
	return fmt.Errorf("%w: %d bytes are free, and %d are kept in reserve. Make room for the folder of this replica, "+
		"or use another replica", errDiskFull, sp.free.Load(), sp.min)
}

// checkRoom returns an error if there is no room for so many bytes.
func (sp *space) checkRoom(bytes uint64) error {
	if free := sp.free.Load(); sp.min > 0 && free > 0 && free < sp.min+bytes {
		return fmt.Errorf("%w: a snapshot needs %d bytes beside the reserve of %d, and %d are free", errDiskFull, bytes, sp.min, free)
	}
	return sp.check()
}

// watchSpace looks at the disk until the loop ends. A disk may hang, so the loop does not look.
func (r *replica) watchSpace() {
	sp := r.store.space
	for {
		if sp.look() {
			r.noteSpace()
		}
		select {
		case <-time.After(lookPause):
		case <-sp.soon:
		case <-r.loop.ended:
			return
		case <-r.store.failed:
			return
		}
	}
}

func (r *replica) noteSpace() {
	sp := r.store.space
	if sp.full.Load() {
		r.opts.log.Warn("disk full: this replica takes no more writes until there is room", "folder", sp.dir,
			"free", sp.free.Load(), "reserve", sp.min)
		return
	}
	r.opts.log.Info("there is room on the disk again", "folder", sp.dir, "free", sp.free.Load())
}

// diskReport is what GET /status says of the disk.
type diskReport struct {
	Free uint64 `json:"free"`
	Full bool   `json:"full"`
}

// report returns nil if the disk is not watched.
func (sp *space) report() *diskReport {
	if sp.min == 0 {
		return nil
	}
	return &diskReport{Free: sp.free.Load(), Full: sp.full.Load()}
}

// refuses reports whether a message is dropped for want of room. An append beyond the last index
// is dropped too: a rejection would have the leader send everything again.
func (l *loop) refuses(m *raftpb.Message) bool {
	if !l.store.space.full.Load() {
		return false
	}
	switch m.Type {
	case raftpb.MsgProp:
		return slices.ContainsFunc(m.Entries, hasData)
	case raftpb.MsgApp:
		return m.Index > l.store.end || slices.ContainsFunc(m.Entries, hasData)
	}
	return false
}

// hasData reports whether a client has written an entry.
func hasData(e raftpb.Entry) bool { return e.Type == raftpb.EntryNormal && len(e.Data) > 0 }

// handover is how far a leader is that has no room.
type handover struct {
	ticks  int // until the voters may be asked again, if above 0
	asking bool
}

// tickSpace has a leader without room ask the other voters for theirs, once an election timeout.
func (l *loop) tickSpace() {
	h := &l.handover
	if h.ticks--; !l.store.space.full.Load() || h.asking || h.ticks > 0 || l.leads() != nil {
		return
	}
	voters := map[uint64]string{}
	for _, id := range l.store.conf.Voters {
		if m, known := l.store.members[id]; known && id != l.id {
			voters[id] = m.peer()
		}
	}
	if len(voters) == 0 {
		return
	}
	h.asking, h.ticks = true, l.electionTicks
	go func() {
		able := haveRoom(l.peers.client, voters)
		select {
		case l.queries <- func() { l.handOver(able) }:
		case <-l.ended:
		}
	}()
}

// haveRoom asks replicas, by id and address, and returns those that say that they have room.
func haveRoom(client *http.Client, replicas map[uint64]string) (able []uint64) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for id, address := range replicas {
		all.Go(func() {
			if report, err := askIdentity(context.Background(), client, address); err == nil && report.ID == id && !report.DiskFull {
				mu.Lock()
				defer mu.Unlock()
				able = append(able, id)
			}
		})
	}
	all.Wait()
	return able
}

// handOver gives the leadership to the one of these voters that has the longest log.
func (l *loop) handOver(able []uint64) {
	l.handover.asking = false
	if !l.store.space.full.Load() || l.leads() != nil {
		return
	}
	best, longest := raft.None, uint64(0)
	l.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if slices.Contains(able, id) && (best == raft.None || pr.Match > longest) && l.node.CheckTransfer(id) == nil {
			best, longest = id, pr.Match
		}
	})
	if best != raft.None {
		l.log.Info("the disk is full: another replica is to lead", "to", best)
		l.node.TransferLeader(best)
	}
}

// insufficient answers a request for which there is no room. Nothing was done.
func insufficient(w http.ResponseWriter, err error) {
	http.Error(w, "nothing was done: "+err.Error(), http.StatusInsufficientStorage)
}
