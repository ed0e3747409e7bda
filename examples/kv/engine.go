package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// engine is the database below the store, with what tells that it cannot go on.
type engine struct {
	db     *pebble.DB
	lock   *pebble.Lock
	mark   *mark
	synced uint64 // batches so far, see mark

	space     *space
	writing   atomic.Int32 // batches that are being written
	syncTimes prometheus.Histogram

	// failed is closed when the database must not go on; cause then says why. Most failures
	// happen in the background, where nobody waits for an answer.
	failed chan struct{}
	cause  error
	once   sync.Once
}

// openEngine opens the database in dir, or creates it.
func openEngine(fs vfs.FS, dir string) (*engine, error) {
	e := &engine{failed: make(chan struct{}), syncTimes: newSyncTimes(), space: newSpace(fs, dir)}
	fs = vfs.OnDiskFull(fs, func() { e.full(dir) })
	if err := e.guard(func() error { return e.open(fs, dir) }); err != nil {
		if e.failure() == nil {
			err = errors.Join(explain(err), e.release())
		}
		return nil, err
	}
	return e, nil
}

func (e *engine) open(fs vfs.FS, dir string) (err error) {
	if err := makeFolders(fs, dir); err != nil {
		return err
	}
	if e.lock, err = pebble.LockDirectory(dir, fs); errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("%s is in use (is another copy running?): %w", dir, err)
	} else if err != nil {
		return err
	}
	if e.mark, err = openMark(fs, dir); err != nil {
		return err
	}
	if e.mark.batches > 0 {
		if err := e.checkMark(fs, dir); err != nil {
			return err
		}
	}
	if e.db, err = pebble.Open(dir, e.options(fs)); err != nil {
		return inFile(dir, err)
	}
	if e.synced, err = readSynced(e.db); err != nil {
		return errors.Join(inFile(dir, err), e.db.Close())
	}
	return nil
}

// makeFolders makes a folder with its parents. Each that is new is there after a crash: the one
// above it is synced.
func makeFolders(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	above := fs.PathDir(dir)
	if err := makeFolders(fs, above); err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	d, err := fs.OpenDir(above)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cacheSize bounds the blocks of tables that are kept in memory. Pebble takes its memtables off it,
// which leaves next to nothing of the 8 MiB that are its default.
const cacheSize = 64 << 20

func (e *engine) options(fs vfs.FS) *pebble.Options {
	return &pebble.Options{FS: fs, CacheSize: cacheSize, Lock: e.lock, Logger: e, EventListener: &pebble.EventListener{
		DataCorruption:  func(info pebble.DataCorruptionInfo) { e.fail(fmt.Errorf("%s: %w", info.Path, info.Details)) },
		BackgroundError: func(err error) { e.halt(err) }, // Pebble would try again at once, for ever
	}}
}

// checkMark compares the database with the mark before anything in the folder changes.
func (e *engine) checkMark(fs vfs.FS, dir string) error {
	options := e.options(fs)
	options.ReadOnly = true
	db, err := pebble.Open(dir, options)
	if err != nil {
		return inFile(dir, err)
	}
	synced, err := readSynced(db)
	if err = errors.Join(err, db.Close()); err != nil {
		return inFile(dir, err)
	}
	if synced < e.mark.batches {
		return fmt.Errorf("%s: %w: it ends with batch %d of %d", newestLog(fs, dir), pebble.ErrCorruption, synced, e.mark.batches)
	}
	return nil
}

// commit writes a batch. A synced one is counted, in the database first and then in the mark.
func (e *engine) commit(b *pebble.Batch, sync bool) error {
	if b.Empty() && !sync {
		return nil
	}
	e.writing.Add(1)
	defer e.writing.Add(-1)
	e.space.wrote(b.Len())
	if !sync {
		return b.Commit(pebble.NoSync)
	}
	synced := e.synced + 1
	if err := b.Set(keySynced, binary.BigEndian.AppendUint64(nil, synced), nil); err != nil {
		return err
	}
	started := time.Now()
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	e.syncTimes.Observe(time.Since(started).Seconds())
	e.synced = synced
	return e.mark.write(synced)
}

func (e *engine) close() error { return errors.Join(e.db.Close(), e.release()) }

// release lets go of what is not the database's.
func (e *engine) release() (err error) {
	if e.mark != nil {
		err = e.mark.close()
	}
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
	}
	return err
}

// guard runs f, which may never return when the database fails meanwhile.
func (e *engine) guard(f func() error) error {
	if err := e.failure(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-e.failed:
		return e.cause
	}
}

// fail notes the first failure.
func (e *engine) fail(err error) {
	e.once.Do(func() {
		e.cause = explain(err)
		close(e.failed)
	})
}

// halt notes a failure and does not return to Pebble, which must not go on. Pebble may hold locks
// here that others wait for, so nobody may wait for the loop of this replica any more.
func (e *engine) halt(err error) {
	e.fail(err)
	select {}
}

// full is called when the disk is full, before Pebble hears of it: it would panic where it cannot
// make a new log.
func (e *engine) full(dir string) { e.halt(fmt.Errorf("%s: %w", dir, syscall.ENOSPC)) }

func (e *engine) failure() error {
	select {
	case <-e.failed:
		return e.cause
	default:
		return nil
	}
}

// Infof and Errorf keep Pebble's reports to itself; errors still come back as errors.
func (*engine) Infof(string, ...any)  {}
func (*engine) Errorf(string, ...any) {}

// Fatalf is called when the database cannot go on. It must not return.
func (e *engine) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, arg := range args {
		if cause, ok := arg.(error); ok {
			err = cause
		}
	}
	e.halt(err)
}

// explain says in one line what is wrong, and what to do about it.
func explain(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	switch {
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%s: damaged. Remove this replica and add one with a new id, or restore all from a backup", text)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s: make room and start the replica again", text)
	}
	return errors.New(text)
}

// inFile names the file that an error of the database in dir is about: the log that could not be
// read, if it says that.
func inFile(dir string, err error) error {
	var detail interface{ ErrorDetail() string }
	var number int
	if errors.As(err, &detail) {
		if n, _ := fmt.Sscanf(detail.ErrorDetail(), "replaying wal %d", &number); n == 1 {
			dir = filepath.Join(dir, fmt.Sprintf("%06d.log", number))
		}
	}
	return fmt.Errorf("%s: %w", dir, err)
}

// newestLog is the file that the database wrote last.
func newestLog(fs vfs.FS, dir string) string {
	newest := ""
	names, _ := fs.List(dir)
	for _, name := range names {
		if filepath.Ext(name) == ".log" && name > newest {
			newest = name
		}
	}
	return filepath.Join(dir, newest)
}
