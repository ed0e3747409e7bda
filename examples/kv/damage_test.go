package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ffd200af/raft"
)

// killed returns what a store leaves that is killed after 1000 acknowledged entries. All but the
// last 50 are in a table, the others in the log.
func killed(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s, err := openStoreIn(fs, "1")
	must(t, err)
	defer s.close()
	must(t, s.save(raft.Ready{Entries: puts(1, 950, 1), MustSync: true}))
	must(t, s.db.Flush())
	for i := uint64(951); i <= 1000; i++ {
		must(t, s.save(raft.Ready{Entries: puts(i, i, 1), MustSync: true}))
	}
	return copied(fs)
}

func copied(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// newest is the last file in dir whose name matches.
func newest(t *testing.T, fs vfs.FS, dir, pattern string) string {
	t.Helper()
	names, err := fs.List(dir)
	must(t, err)
	names = slices.DeleteFunc(names, func(name string) bool {
		matched, _ := path.Match(pattern, name)
		return !matched
	})
	return fs.PathJoin(dir, slices.Max(names))
}

// flip changes a byte of a file, at so many percent of what is not zero at the end.
func flip(t *testing.T, fs vfs.FS, name string, percent int) {
	t.Helper()
	file, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	must(t, err)
	defer file.Close()
	b, err := io.ReadAll(file)
	must(t, err)
	at := len(bytes.TrimRight(b, "\x00")) * percent / 100
	_, err = file.WriteAt([]byte{b[at] ^ 0x10}, int64(at))
	must(t, err)
}

func TestADamagedFileIsNamed(t *testing.T) {
	intact := killed(t)
	for _, tc := range []struct {
		pattern         string
		percent, starts int
	}{
		// The first start must not hide a short log from the second.
		{"*.log", 1, 2}, {"*.log", 50, 2}, {"*.log", 99, 2}, {"MANIFEST-*", 1, 2}, {"*.sst", 1, 1}, {"*.sst", 50, 1},
	} {
		t.Run(fmt.Sprint(tc.pattern, tc.percent), func(t *testing.T) {
			fs := copied(intact)
			file := newest(t, fs, "1", tc.pattern)
			flip(t, fs, file, tc.percent)
			for range tc.starts {
				s, err := openStoreIn(fs, "1")
				if err == nil { // it was not read yet
					_, err = s.Entries(1, 1001, 1<<40)
					err = s.closeAfter(err)
				}
				if err == nil || !strings.Contains(err.Error(), path.Base(file)) || !strings.Contains(err.Error(), "with a new id") {
					t.Fatalf("%s is damaged: %v", file, err)
				}
				if strings.ContainsAny(err.Error(), "\n?") {
					t.Errorf("more than a line, or a question: %v", err)
				}
			}
		})
	}
}

func TestALogThatAnotherFollowsMustBeWhole(t *testing.T) {
	fs := killed(t)
	file := newest(t, fs, "1", "*.log")
	flip(t, fs, file, 50)
	next, err := fs.Create("1/000099.log", vfs.WriteCategoryUnspecified)
	must(t, err)
	must(t, next.Close())
	if _, err := openStoreIn(fs, "1"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%s is damaged: %v", file, err)
	}
}

func TestAnIntactFolderStartsWhateverItsMarkIs(t *testing.T) {
	intact := killed(t)
	for name, change := range map[string]func(vfs.FS, string){
		"intact":  func(vfs.FS, string) {},
		"gone":    func(fs vfs.FS, mark string) { must(t, fs.Remove(mark)) },
		"damaged": func(fs vfs.FS, mark string) { flip(t, fs, mark, 50) },
	} {
		fs := copied(intact)
		change(fs, "1/mark")
		s, err := openStoreIn(fs, "1")
		if err != nil {
			t.Fatalf("mark %s: %v", name, err)
		}
		wantLog(t, s, 1, 1000)
		must(t, s.close())
	}
}

// TestAStoppedReplicaIsCheckedAfterALossOfPower: the mark is synced when the store is closed.
func TestAStoppedReplicaIsCheckedAfterALossOfPower(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := openStoreIn(fs, "1")
	must(t, err)
	must(t, s.save(raft.Ready{Entries: puts(1, 9, 1), MustSync: true}))
	must(t, s.close())
	fs = fs.CrashClone(vfs.CrashCloneCfg{})
	flip(t, fs, newest(t, fs, "1", "*.log"), 1)
	if _, err := openStoreIn(fs, "1"); err == nil || !strings.Contains(err.Error(), "batch 0 of 2") {
		t.Errorf("an empty log: %v", err)
	}
}

func TestAFolderThatCannotBeLockedIsNotInUse(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "LOCK"), 0o755))
	if _, err := openStore(dir); err == nil || strings.Contains(err.Error(), "?") {
		t.Errorf("the lock is a folder: %v", err)
	}
}

// TestDamageAndASecondCopyEndTheProcessWithOneLine: the line about another copy is for that only.
func TestDamageAndASecondCopyEndTheProcessWithOneLine(t *testing.T) {
	c := newCluster(t)
	c.urls = map[uint64]string{1: c.urls[1]}
	c.flag = "1=" + c.urls[1]
	run := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, c.binary, "-id", "1", "-data", c.dir).CombinedOutput()
		if err == nil || err.Error() != "exit status 1" || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "level=ERROR") {
			t.Errorf("%v\n%s", err, out)
		}
		return string(out)
	}
	c.start(1)
	c.put(1, "k", "v")
	if out := run(); !strings.Contains(out, "is another copy running?") {
		t.Errorf("a second copy: %s", out)
	}
	_ = c.kill(1, syscall.SIGKILL)
	file := newest(t, vfs.Default, filepath.Join(c.dir, "1"), "*.log")
	flip(t, vfs.Default, file, 50)
	if out := run(); !strings.Contains(out, file) || strings.Contains(out, "another copy") {
		t.Errorf("%s is damaged: %s", file, out)
	}
}

// brokenDisk fails, once it is broken, wherever a file that matches is made or written.
func brokenDisk(pattern string, failure error, broken *atomic.Bool) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		what := "write " + path.Base(op.Path)
		if op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite {
			what = "make " + path.Base(op.Path)
		}
		if matched, _ := path.Match(pattern, what); matched && broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return &os.PathError{Op: "write", Path: op.Path, Err: failure}
		}
		return nil
	}))
}

// onDisk starts a replica that is a group of its own.
func onDisk(t *testing.T, disk vfs.FS) *replica {
	t.Helper()
	s, err := openFirst(disk, "1", map[uint64]string{1: "http://127.0.0.1:1"})
	must(t, err)
	r, err := newReplica(options{
		id: 1, tick: 10 * time.Millisecond, timeout: patience, compactAfter: 100, log: slog.New(slog.DiscardHandler),
	}, s)
	must(t, err)
	r.server = &http.Server{}
	go r.loop.run()
	return r
}

func TestABrokenDiskEndsTheReplica(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		failure error
		want    string
	}{
		{"*", syscall.ENOSPC, "make room"},
		{"write *.log", syscall.ENOSPC, "make room"},
		{"make *.log", syscall.ENOSPC, "make room"},
		{"*.sst", syscall.ENOSPC, "make room"},
		{"*MANIFEST*", syscall.ENOSPC, "make room"},
		{"*mark", syscall.ENOSPC, "make room"},
		{"write *.log", syscall.EIO, ".log: input/output error"},
		{"*.sst", syscall.EIO, ".sst: input/output error"},
		{"*MANIFEST*", syscall.EIO, "input/output error"},
	} {
		t.Run(fmt.Sprint(tc.pattern, " ", tc.failure), func(t *testing.T) {
			var broken atomic.Bool
			r := onDisk(t, brokenDisk(tc.pattern, tc.failure, &broken))
			endings := make(chan ending, 2)
			go r.watch("", endings, io.Discard)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			write := func() error {
				_, err := r.do(ctx, command{op: opPut, key: []byte("k"), value: make([]byte, 1<<20)})
				return err
			}
			must(t, write())
			broken.Store(true)
			go func() {
				for write() == nil { // until there has to be another table
				}
			}()
			select {
			case e := <-endings:
				if e.err == nil || !strings.Contains(e.err.Error(), tc.want) || strings.Contains(e.err.Error(), "\n") {
					t.Errorf("it ends with %v, want %s", e.err, tc.want)
				}
			case <-ctx.Done():
				t.Fatal("the replica hangs")
			}
			if err := r.stop(); err == nil {
				t.Error("it stops without an error")
			}
		})
	}
}

func TestTheFailureOfTheEngineIsTheCauseOfWhatFollows(t *testing.T) {
	s, err := openStoreIn(vfs.NewMem(), "1")
	must(t, err)
	s.fail(errors.New("cause"))
	if err := s.closeAfter(errors.New("effect")); err == nil || err.Error() != "cause" {
		t.Errorf("it says %v", err)
	}
}

func TestAReplicaDoesNotStartOnAFullDisk(t *testing.T) {
	for _, pattern := range []string{"*", "write *.log", "make *.log", "*MANIFEST*", "*mark"} {
		var full atomic.Bool
		full.Store(true)
		_, err := openStoreIn(brokenDisk(pattern, syscall.ENOSPC, &full), "1")
		if err == nil || !strings.Contains(err.Error(), "make room") || strings.Contains(err.Error(), "\n") {
			t.Errorf("no room for %q: %v", pattern, err)
		}
	}
}
