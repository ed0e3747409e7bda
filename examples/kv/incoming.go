package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/raftpb"
)

// incoming takes snapshots of peers into a file in the folder of this replica. There is at most one
// file: of the image that comes, or of the one that has come and is to be installed. A connection
// that breaks leaves the file, and the next one goes on at its end. The file need not be synced: a
// replica that starts removes it, and the leader knows of a snapshot only what is installed.
type incoming struct {
	fs  vfs.FS
	dir string

	part atomic.Pointer[part] // what has come so far; nil if nothing has

	mu    sync.Mutex // held while part changes, which may wait for the disk
	whole string     // name of the image that has come, until it is installed or not needed
}

// part is an image that comes.
type part struct {
	name        string
	term, index uint64 // the term is the sender's
	size        atomic.Int64

	mu    sync.Mutex
	file  vfs.File
	sum   *digest
	claim int // the request that may write: the last one that has claimed the part
}

const (
	incomingPrefix = "incoming-"
	tableSuffix    = ".table"
	// chunkTimeout bounds the time between two chunks of a snapshot.
	chunkTimeout = 10 * time.Second
)

// Why a snapshot is not taken now. The sender tries again.
var (
	errOtherSnapshot = errors.New("another snapshot is on its way here or is being installed")
	errOtherOffset   = errors.New("the snapshot does not go on where it has broken off")
	errBadSnapshot   = errors.New("the snapshot is damaged: it has to be sent again")
)

func (in *incoming) path(name string) string { return filepath.Join(in.dir, incomingPrefix+name) }

// clear removes what an earlier process has left.
func (in *incoming) clear() error {
	names, err := in.fs.List(in.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, incomingPrefix) {
			err = errors.Join(err, in.fs.Remove(filepath.Join(in.dir, name)))
		}
	}
	return err
}

// has returns the number of bytes of an image that are here.
func (in *incoming) has(name string) int64 {
	if p := in.part.Load(); p != nil && p.name == name {
		return p.size.Load()
	}
	return 0
}

// begin lets a request write an image from an offset on. Another image takes the place of the one
// that has come so far, unless that is of a later leader.
func (in *incoming) begin(name string, m *raftpb.Message, offset int64) (p *part, claim int, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	p = in.part.Load()
	switch {
	case in.whole != "" || p != nil && p.term > m.Term:
		return nil, 0, errOtherSnapshot
	case p != nil && p.name != name:
		p, err = nil, in.dropPart()
	}
	if err == nil && p == nil {
		p, err = in.newPart(name, m)
	}
	if err != nil {
		return nil, 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim++ // a request before this one may have lost its connection without knowing
	if offset != p.size.Load() {
		return nil, 0, fmt.Errorf("%w: at %d, not %d", errOtherOffset, p.size.Load(), offset)
	}
	return p, p.claim, nil
}

func (in *incoming) newPart(name string, m *raftpb.Message) (*part, error) {
	file, err := in.fs.Create(in.path(name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	p := &part{name: name, term: m.Term, index: m.Snapshot.Metadata.Index, file: file, sum: newDigest()}
	in.part.Store(p)
	return p, nil
}

// dropPart removes what has come so far. The caller holds mu.
func (in *incoming) dropPart() error {
	p := in.part.Swap(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim++
	return errors.Join(p.file.Close(), in.fs.Remove(in.path(p.name)))
}

// drop removes a part, if it is still the one that comes.
func (in *incoming) drop(p *part) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.part.Load() != p {
		return nil
	}
	return in.dropPart()
}

// write adds a chunk.
func (p *part) write(claim int, chunk []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.claim != claim {
		return errOtherSnapshot
	}
	_, _ = p.sum.Write(chunk) // first: the file may change the bytes
	if _, err := p.file.Write(chunk); err != nil {
		return err
	}
	p.size.Store(p.sum.size)
	return nil
}

// finish makes the part whole if it is what the sender says.
func (in *incoming) finish(p *part, claim int, end []byte) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	p.mu.Lock()
	current, good := p.claim == claim, p.sum.is(end)
	p.mu.Unlock()
	switch {
	case !current:
		return errOtherSnapshot
	case !good:
		return errors.Join(errBadSnapshot, in.dropPart())
	}
	in.part.Store(nil)
	if err := p.file.Close(); err != nil {
		return errors.Join(err, in.fs.Remove(in.path(p.name)))
	}
	in.whole = p.name
	return nil
}

// settle removes an image that is installed, or that the node does not take.
func (in *incoming) settle(name string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if name == "" || in.whole != name {
		return nil
	}
	in.whole = ""
	return in.fs.Remove(in.path(name))
}

// forget removes a part that would bring nothing new.
func (in *incoming) forget(applied uint64) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p := in.part.Load(); p == nil || p.index > applied {
		return nil
	}
	return in.dropPart()
}

// figures are the index of the snapshot that comes and the bytes that are here; 0 if none comes.
func (in *incoming) figures() (index uint64, size int64) {
	if p := in.part.Load(); p != nil {
		return p.index, p.size.Load()
	}
	return 0, 0
}

// snapshotPath is where a replica takes the snapshots of peers: GET answers with the number of
// bytes that are here, or that there is no room, and POST has the rest.
const snapshotPath = "/raft/snapshot/"

func (r *replica) snapshotSize(w http.ResponseWriter, req *http.Request) {
	here := r.store.incoming.has(req.PathValue("name"))
	size, _ := strconv.ParseUint(req.URL.Query().Get("size"), 10, 62)
	// Pebble makes a table of the file before the file goes.
	if err := r.store.space.checkRoom(2*size - min(2*size, uint64(here))); err != nil {
		insufficient(w, err)
		return
	}
	_, _ = fmt.Fprint(w, here)
}

// receiveSnapshot takes the rest of a snapshot. The answer means that it is with the loop.
func (r *replica) receiveSnapshot(w http.ResponseWriter, req *http.Request) {
	switch err := r.takeSnapshot(w, req); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errOtherOffset):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, wire.ErrBadFrame), errors.Is(err, errBadSnapshot):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

func (r *replica) takeSnapshot(w http.ResponseWriter, req *http.Request) error {
	ctx, cancel := context.WithTimeout(req.Context(), sendTimeout)
	release, err := r.largeBatchBytes.take(ctx, maxChunk)
	cancel()
	if err != nil {
		return err
	}
	defer release()
	in, conn := &r.store.incoming, http.NewResponseController(w)
	frames := wire.Reader{From: req.Body, Max: maxChunk}
	next := func() ([]byte, error) {
		end := time.Now().Add(chunkTimeout)
		_ = errors.Join(conn.SetReadDeadline(end), conn.SetWriteDeadline(end.Add(answerTimeout)))
		return frames.Next()
	}
	name := req.PathValue("name")
	m, offset, err := r.readSnapshotHead(req, name, next)
	if err != nil {
		return err
	}
	p, claim, err := in.begin(name, &m, offset)
	if err != nil {
		return err
	}
	for {
		chunk, err := next()
		if err != nil {
			return err
		}
		if len(chunk) == 0 {
			break
		}
		if err = r.store.space.check(); err == nil {
			err = p.write(claim, chunk)
		}
		if err != nil {
			if !errors.Is(err, errOtherSnapshot) { // the disk: nobody knows what is in the file now
				err = errors.Join(err, in.drop(p))
			}
			return err
		}
		r.loop.counters.snapshotReceived.Add(float64(len(chunk)))
	}
	end, err := next()
	if err != nil {
		return err
	}
	if err := in.finish(p, claim, end); err != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(req.Context(), chunkTimeout)
	defer cancel()
	select {
	case r.loop.inbox <- m:
		return nil
	case <-r.loop.ended:
		err = r.loop.cause
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, in.settle(name))
}

// readSnapshotHead reads what comes before the chunks.
func (r *replica) readSnapshotHead(req *http.Request, name string, next func() ([]byte, error)) (m raftpb.Message, offset int64, err error) {
	if offset, err = strconv.ParseInt(req.URL.Query().Get("offset"), 10, 64); err != nil {
		return m, 0, fmt.Errorf("%w: %w", wire.ErrBadFrame, err)
	}
	head, err := next()
	if err != nil {
		return m, 0, err
	}
	if err := m.Unmarshal(head); err != nil {
		return m, 0, fmt.Errorf("%w: %w", wire.ErrBadFrame, err)
	}
	if m.Type != raftpb.MsgSnap || m.To != r.opts.id || m.Snapshot == nil || string(m.Snapshot.Data) != name || !isImageName(name) {
		return m, 0, fmt.Errorf("%w: it does not begin with a snapshot for replica %d", wire.ErrBadFrame, r.opts.id)
	}
	return m, offset, nil
}
