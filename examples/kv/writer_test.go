package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ffd200af/raft/raftpb"
)

// onLogSync calls f when the engine's log is synced.
func onLogSync(disk vfs.FS, f func()) vfs.FS {
	return errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSync) {
			f()
		}
		return nil
	}))
}

func TestALeaderSendsWhileItWrites(t *testing.T) {
	var disk sync.Mutex
	var sent atomic.Uint64 // the last entry that replica 2 has got
	peer := streamServer(t, func(m raftpb.Message) {
		for i := range m.Entries {
			sent.Store(m.Entries[i].Index)
		}
	})
	l := startSoloLeaderOn(t, onLogSync(vfs.NewMem(), func() { disk.Lock(); defer disk.Unlock() }),
		map[uint64]string{1: "http://127.0.0.1:1", 2: peer, 3: "http://127.0.0.1:3"}, 2)
	until(t, "the first entry", func() bool { return sent.Load() == 2 })
	l.acknowledge()

	disk.Lock()
	written := make(chan error)
	go func() {
		_, err := l.do(context.Background(), command{op: opPut, key: []byte("k")})
		written <- err
	}()
	until(t, "the entry of the write", func() bool { return sent.Load() == 3 })
	l.acknowledge()
	l.onLoop(func() {
		if l.store.last >= 3 || l.store.applied.index >= 3 {
			t.Errorf("the log ends at %d, and %d is applied, before they are durable", l.store.last, l.store.applied.index)
		}
	})
	disk.Unlock()
	must(t, <-written)
}

func TestWritesThatComeTogetherShareASync(t *testing.T) {
	var syncs atomic.Int32
	s, err := openFirst(onLogSync(vfs.NewMem(), func() { syncs.Add(1) }), "1", map[uint64]string{1: "http://127.0.0.1:1"})
	must(t, err)
	defer func() { must(t, s.close()) }()
	w := newWriter(s)
	go w.run()
	defer w.stop()
	answered := 0
	for round := uint64(0); round < 3; round++ {
		before := syncs.Load()
		for i := 2 + 5*round; i < 7+5*round; i++ {
			m := raftpb.Message{Entries: puts(i, i, 1), Responses: []raftpb.Message{{Index: i}}}
			must(t, w.add(&m, i%5 == 0)) // a later write is not synced for itself
		}
		w.start()
		w.start() // nothing more is queued
		must(t, <-w.ended)
		w.finish(func(responses []raftpb.Message) {
			answered += len(responses)
			if s.last != responses[0].Index {
				t.Errorf("answered %d when the log ends at %d", responses[0].Index, s.last)
			}
		})
		if n := syncs.Load() - before; n != 1 {
			t.Errorf("%d syncs", n)
		}
	}
	if answered != 15 {
		t.Errorf("%d responses", answered)
	}
}

// TestACommitIsNotSynced: a commit index alone can be learnt again.
func TestACommitIsNotSynced(t *testing.T) {
	var syncs atomic.Int32
	l := startSoloLeaderOn(t, onLogSync(vfs.NewMem(), func() { syncs.Add(1) }),
		map[uint64]string{1: "http://127.0.0.1:1", 2: "http://127.0.0.1:2", 3: "http://127.0.0.1:3"}, 2)
	write := func() {
		l.want(http.MethodPut, "/kv/k", "v", http.StatusNoContent)
		until(t, "a written commit index", func() (written bool) {
			l.onLoop(func() {
				written = l.store.hard.Commit == l.loop.node.BasicStatus().Commit && len(l.loop.writer.current) == 0
			})
			return written
		})
	}
	write()
	before := syncs.Load()
	const writes = 10
	for range writes {
		write()
	}
	if n := syncs.Load() - before; n != writes {
		t.Errorf("%d syncs for %d writes", n, writes)
	}
}
