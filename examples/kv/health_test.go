package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ffd200af/raft/raftpb"
)

// TestAHindranceIsReportedWhenItLasts gives a sample a second; patience is two.
func TestAHindranceIsReportedWhenItLasts(t *testing.T) {
	idle := sample{leader: 1, commit: 5, applied: 5, last: 5}
	for _, tc := range []struct {
		name    string
		samples []sample
		want    hindrance
	}{
		{"idle", []sample{idle, idle, idle, idle}, ""},
		{"an election", []sample{idle, {}, {}, idle}, ""},
		{"several elections", []sample{{}, {}, idle, {}, {}}, ""},
		{"no leader", []sample{idle, {}, {}, {}}, noLeader},
		{"too few voters", []sample{idle, {noQuorum: true}, {noQuorum: true}, {noQuorum: true}}, noQuorum},
		{"a follower hears from its leader only", []sample{{leader: 2, noQuorum: true}, {leader: 2, noQuorum: true},
			{leader: 2, noQuorum: true}, {leader: 2, noQuorum: true}}, ""},
		{"under load", []sample{{leader: 1, commit: 1, applied: 1, last: 9}, {leader: 1, commit: 2, applied: 1, last: 9},
			{leader: 1, commit: 3, applied: 2, last: 9}, {leader: 1, commit: 4, applied: 3, last: 9}}, ""},
		{"nothing is acknowledged", []sample{{leader: 1, last: 1}, {leader: 1, last: 1}, {leader: 1, last: 2}, {leader: 1, last: 3}}, noQuorum},
		{"nothing is applied", []sample{{leader: 1, commit: 1, last: 1}, {leader: 1, commit: 1, last: 1},
			{leader: 1, commit: 2, last: 2}, {leader: 1, commit: 3, last: 3}}, noApply},
		{"the loop hangs", []sample{idle, {stuck: true}, {stuck: true}, {stuck: true}}, noApply},
		{"the disk hangs", []sample{idle, {slowDisk: true}, {slowDisk: true}, {slowDisk: true}}, ownDisk},
		{"the loop waits for the disk", []sample{idle, {stuck: true, writing: true}, {stuck: true, writing: true}, {stuck: true, writing: true}}, ownDisk},
		{"the last reason counts", []sample{{}, {}, {noQuorum: true}}, noQuorum},
	} {
		p := progress{patience: 2 * time.Second}
		var got hindrance
		for i, s := range tc.samples {
			got = p.judge(time.Unix(int64(i), 0), s)
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// ask asks a replica without a network.
func (r *replica) ask(path string) (int, string) {
	answer := httptest.NewRecorder()
	r.routes().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer.Code, strings.TrimSpace(answer.Body.String())
}

func (r *replica) wantAnswer(t *testing.T, path string, code int, text string) {
	t.Helper()
	until(t, path+" says "+text, func() bool {
		gotCode, got := r.ask(path)
		return gotCode == code && got == text
	})
}

func TestAReplicaIsReadyWhenItHasALeaderAndIsNotBehind(t *testing.T) {
	alone := startSoloLeader(t, 3)
	alone.wantAnswer(t, "/health", http.StatusOK, "ok")
	alone.wantAnswer(t, "/ready", http.StatusServiceUnavailable, "no quorum: voters [2 3] are silent")
	alone.step(raftpb.Message{Type: raftpb.MsgPreVoteResp, From: 2, Term: 1, Reject: true})
	alone.wantAnswer(t, "/ready", http.StatusServiceUnavailable, "no leader")

	app := raftpb.Message{Type: raftpb.MsgApp, From: 2, Term: 9, LogTerm: 1, Index: 1, Commit: 2 + readyLag}
	alone.step(app)
	alone.wantAnswer(t, "/ready", http.StatusServiceUnavailable, "behind: applied 1, committed 1002")
	app.Entries = puts(2, 2+readyLag, 9)
	alone.step(app)
	alone.wantAnswer(t, "/ready", http.StatusOK, "ok")

	startSoloLeader(t, 3, 2).wantAnswer(t, "/ready", http.StatusOK, "ok")
}

// TestALoopThatHangsIsSeenFromOutside, and a disk that hangs.
func TestALoopThatHangsIsSeenFromOutside(t *testing.T) {
	var disk sync.Mutex
	r := onDisk(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSync {
			disk.Lock()
			defer disk.Unlock()
		}
		return nil
	})))
	defer func() { must(t, r.stop()) }()
	var log lines
	r.opts.log = slog.New(slog.NewTextHandler(&log, nil))
	go r.watchProgress()
	r.wantAnswer(t, "/ready", http.StatusOK, "ok")

	disk.Lock()
	written := make(chan error)
	go func() {
		_, err := r.do(context.Background(), command{op: opPut, key: []byte("k")})
		written <- err
	}()
	r.wantAnswer(t, "/health", http.StatusServiceUnavailable, "own disk")
	log.want(t, `level=WARN msg="no progress is made" reason="own disk"`)
	disk.Unlock()
	<-written // or given up: a leader whose disk hangs does not stay one
	log.want(t, `level=INFO msg="progress is made again"`)

	held, release := make(chan struct{}), make(chan struct{})
	go func() { _ = r.query(context.Background(), func() { close(held); <-release }) }()
	<-held
	r.wantAnswer(t, "/health", http.StatusServiceUnavailable, "the loop does not answer: no apply")
	r.wantAnswer(t, "/ready", http.StatusServiceUnavailable, "the loop does not answer: no apply")
	log.want(t, `reason="no apply"`)
	close(release)
	r.wantAnswer(t, "/health", http.StatusOK, "ok")
}

// TestEachHindranceInTheLogHasAnEnd, whatever came between. A full disk has lines of its own.
func TestEachHindranceInTheLogHasAnEnd(t *testing.T) {
	const no, again = "no progress is made\"", "progress is made again"
	for _, tc := range []struct {
		seen []hindrance
		want []string
	}{
		{[]hindrance{noLeader, ""}, []string{no, again}},
		{[]hindrance{noLeader, noLeader, ""}, []string{no, again}},
		{[]hindrance{noLeader, diskFull, ""}, []string{no, again}},
		{[]hindrance{noLeader, diskFull, diskFull, noQuorum, ""}, []string{no, no, again}},
		{[]hindrance{diskFull, noLeader, "", ""}, []string{no, again}},
		{[]hindrance{noLeader, "", diskFull, ""}, []string{no, again}},
		{[]hindrance{diskFull, ""}, nil},
	} {
		r, log := bareReplica(), &lines{}
		r.opts.log = slog.New(slog.NewTextHandler(log, nil))
		r.hindrance.Store(hindrance(""))
		for _, h := range tc.seen {
			r.noteHindrance(h, &sample{})
		}
		got := strings.Split(strings.TrimSpace(log.String()), "\n")
		same := len(tc.want) == 0 && log.String() == "" || slices.EqualFunc(got, tc.want, strings.Contains)
		if !same {
			t.Errorf("%q is logged as\n%s", tc.seen, log)
		}
	}
}

// TestAReplicaWithoutOthersSaysWhyItMakesNoProgress until there is another.
func TestAReplicaWithoutOthersSaysWhyItMakesNoProgress(t *testing.T) {
	first := map[uint64]string{1: "http://" + freeAddress(t), 2: "http://" + freeAddress(t)}
	dir := t.TempDir()
	makeFirst(t, dir, first)
	var log lines
	start := func(id uint64, name string) {
		r, err := startReplica(context.Background(), options{
			id: id, dir: filepath.Join(dir, name), tick: 10 * time.Millisecond,
			timeout: time.Second, compactAfter: 1000, log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		must(t, err)
		t.Cleanup(func() { must(t, r.stop()) })
	}
	start(1, "1")
	log.want(t, `level=WARN msg="no progress is made" reason="no quorum" leader=0 silent=[2]`)
	start(2, "2")
	log.want(t, `msg="progress is made again"`)
}

// lines are a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) want(t *testing.T, text string) {
	t.Helper()
	until(t, "log line "+text, func() bool { return strings.Contains(l.String(), text) })
}
