package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ffd200af/raft/raftpb"
)

// carryOut runs a command that must succeed.
func carryOut(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if status := run(args, &stdout, &stderr); status != 0 {
		t.Fatalf("%v: status %d, %s", args, status, stderr.String())
	}
	return stdout.String()
}

// TestABackupBecomesANewCluster that others join, with all keys and revisions.
func TestABackupBecomesANewCluster(t *testing.T) {
	c := newCluster(t, "-compact-after", "20")
	c.startAll()
	written := map[string]string{}
	for i := range 50 {
		key := fmt.Sprint("key", i)
		c.put(c.leader(), key, key)
		written[key] = key
	}
	tagOf := func(id uint64, key string) (etag string) {
		until(t, "revision of "+key, func() bool {
			resp, err := client.Get(c.urls[id] + "/kv/" + key)
			if err != nil {
				return false
			}
			etag = resp.Header.Get(headerTag)
			return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
		})
		return etag
	}
	want := tagOf(1, "key7")
	file := filepath.Join(t.TempDir(), "file")
	said := carryOut(t, "backup", "-from", c.urls[other(c, c.leader())], "-to", file)
	if !strings.Contains(said, "has 50 keys") {
		t.Errorf("backup says %s", said)
	}
	for id := range c.urls {
		_ = c.kill(id, syscall.SIGKILL)
	}

	c.dir, c.urls = t.TempDir(), map[uint64]string{4: "http://" + freeAddress(t)}
	carryOut(t, "restore", "-from", file, "-id", "4", "-address", c.urls[4], "-data", c.dir)
	c.run(4)
	c.wantEverywhere(written)
	if got := tagOf(4, "key7"); got != want {
		t.Errorf("revision %s, want %s", got, want)
	}
	c.put(4, "key7", "new")
	if got := tagOf(4, "key7"); len(got) < len(tag(restoreGap)) {
		t.Errorf("revision %s, which the old cluster may have given too", got)
	}
	written["key7"] = "new"
	c.join(5, 4)
	c.wantEverywhere(written)
}

// TestABackupHasOneMoment: b is written after a, and is never ahead of it.
func TestABackupHasOneMoment(t *testing.T) {
	r := startHere(t, 1)[1]
	written, stop := make(chan int), make(chan struct{})
	go func() {
		defer close(written)
		for i := 0; ; i++ {
			for _, key := range []string{"a", "b"} {
				_, err := r.do(context.Background(), command{op: opPut, key: []byte(key), value: fmt.Append(nil, i)})
				if err != nil {
					return
				}
			}
			select {
			case written <- i:
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 5 {
		before := <-written
		_, body := r.ask(backupPath)
		values := map[string]int{}
		at, err := backupKind.read(strings.NewReader(body), func(key, row []byte) error {
			revision, value, err := decodeRow(row)
			var n int
			_, scanErr := fmt.Sscan(string(value), &n)
			values[string(key)] = n
			if revision == 0 {
				err = errors.New("no revision")
			}
			return errors.Join(err, scanErr)
		})
		must(t, err)
		if a, b := values["ka"], values["kb"]; b < before || a != b && a != b+1 {
			t.Errorf("backup at %v has a=%d, b=%d after %d were written", at, a, b, before)
		}
	}
	close(stop)
	for range written {
	}
}

// TestASessionSurvivesARestore: a write that was carried out before the backup is not carried out
// again.
func TestASessionSurvivesARestore(t *testing.T) {
	r := startHere(t, 1)[1]
	_, answer := r.insist(t, http.MethodPost, "/session", "")
	session := []string{headerSession, strings.TrimRight(strings.TrimPrefix(answer, `{"session":`), "}\n"), headerSequence, "1"}
	r.answerTo(t, "PUT", "/kv/k?absent", "v", session...)
	file, dir := filepath.Join(t.TempDir(), "file"), t.TempDir()
	carryOut(t, "backup", "-from", r.opts.address, "-to", file)
	address := "http://" + freeAddress(t)
	carryOut(t, "restore", "-from", file, "-id", "7", "-address", address+"/", "-data", dir)
	opts := r.opts
	opts.id, opts.first, opts.address, opts.dir = 7, nil, "", filepath.Join(dir, "7")
	restored, err := startReplica(context.Background(), opts)
	must(t, err)
	defer func() { must(t, restored.stop()) }()
	if id := restored.peers.cluster.get(); len(id) != 24 || id == r.peers.cluster.get() {
		t.Errorf("the restored cluster is %q, that of the backup %q", id, r.peers.cluster.get())
	}
	if code, etag := restored.answerTo(t, "PUT", "/kv/k?absent", "v", session...); code != http.StatusNoContent || etag != "" {
		t.Errorf("repeated after the restore: %d, ETag %s", code, etag)
	}
}

func TestADamagedBackupIsRefused(t *testing.T) {
	s := openTest(t, t.TempDir())
	for i := range 3 {
		must(t, s.db.Set(dataKey(fmt.Append(nil, i)), encodeRow(uint64(i+1), []byte("value")), nil))
	}
	image := s.openImage()
	var whole bytes.Buffer
	must(t, backupKind.write(&whole, image))
	s.closeImage(image)
	must(t, s.close())

	file, dir := filepath.Join(t.TempDir(), "file"), t.TempDir()
	restore := func(content []byte) (status int, said string) {
		must(t, os.WriteFile(file, content, 0o600))
		var stderr bytes.Buffer
		status = run([]string{"restore", "-from", file, "-id", "1", "-address", "http://a:1", "-data", dir}, io.Discard, &stderr)
		return status, stderr.String()
	}
	ignore := func(_, _ []byte) error { return nil }
	for i := range whole.Len() {
		short, flipped := whole.Bytes()[:i], bytes.Clone(whole.Bytes())
		flipped[i] ^= 0x10
		for _, bad := range [][]byte{short, flipped} {
			if _, err := backupKind.read(bytes.NewReader(bad), ignore); !errors.Is(err, errBadBackup) {
				t.Errorf("%d bytes, or byte %d flipped: %v", len(short), i, err)
			}
		}
	}
	huge := append(bytes.Clone(whole.Bytes()[:len(backupKind.magic)+16]), bytes.Repeat([]byte{0xff}, 7)...)
	if _, err := backupKind.read(bytes.NewReader(append(huge, 1)), ignore); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a row of 4 GiB: %v", err)
	}
	long := append(bytes.Clone(whole.Bytes()), 0)
	for what, bad := range map[string][]byte{"short": whole.Bytes()[:whole.Len()-1], "long": long, "empty": nil} {
		status, said := restore(bad)
		left, err := os.ReadDir(dir)
		if status != 1 || !strings.Contains(said, errBadBackup.Error()) || err != nil || len(left) > 0 {
			t.Errorf("a %s file: status %d, %s, and %v is left", what, status, said, left)
		}
	}
	if status, said := restore(whole.Bytes()); status != 0 {
		t.Fatalf("the whole file: status %d, %s", status, said)
	}
	if status, said := restore(whole.Bytes()); status != 1 || !strings.Contains(said, "has data already") {
		t.Errorf("a second time: status %d, %s", status, said)
	}
}

// TestALargeBackupIsRestoredWhole: it is written in parts, because it need not fit into memory.
func TestALargeBackupIsRestoredWhole(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.close()
	for i := range 12 {
		must(t, s.db.Set(dataKey(fmt.Append(nil, i)), encodeRow(1, bytes.Repeat([]byte{1}, maxValue)), nil))
	}
	applied := entryID{term: 2, index: 9} // as it is while a snapshot from the leader is written
	must(t, s.db.Set(keyApplied, encodeID(applied), nil))
	image := s.openImage()
	defer s.closeImage(image)
	file, dir := filepath.Join(t.TempDir(), "file"), t.TempDir()
	f, err := os.Create(file)
	must(t, err)
	must(t, errors.Join(backupKind.write(f, image), f.Close()))
	carryOut(t, "restore", "-from", file, "-id", "1", "-address", "http://a:1", "-data", dir)
	to := openTest(t, filepath.Join(dir, "1"))
	defer to.close()
	at := entryID{term: applied.term, index: applied.index + restoreGap}
	if to.prev != at || to.applied != at || to.last != at.index || to.hard != (raftpb.HardState{Term: at.term, Commit: at.index}) {
		t.Errorf("it begins at %v with %+v, applied %v, want %v", to.prev, to.hard, to.applied, at)
	}
	rows := 0
	must(t, eachRow(to.db, dataPrefix, func(_, _ []byte) error { rows++; return nil }))
	if rows != 12 {
		t.Errorf("%d rows, want 12", rows)
	}
}

// deadlines is an answer that notes its deadlines.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error { d.last = at; return nil }

// TestABackupMayTakeLongerThanARequest: the deadline moves with each part.
func TestABackupMayTakeLongerThanARequest(t *testing.T) {
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	p := &paced{d, http.NewResponseController(d)}
	before := time.Now()
	_, err := p.Write([]byte("part"))
	must(t, err)
	if d.last.Before(before.Add(answerTimeout)) || d.Body.String() != "part" {
		t.Errorf("deadline %v, body %s", d.last, d.Body)
	}
}

func TestABackupThatIsBrokenOffLeavesNoFile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, backupKind.magic, "0123456789abcdef")
	}))
	defer server.Close()
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	must(t, os.WriteFile(there, nil, 0o600))
	for _, tc := range []struct{ from, to, want string }{
		{server.URL, filepath.Join(dir, "file"), "its end is missing"},
		{server.URL, there, "exists already"},
		{"http://127.0.0.1:1", filepath.Join(dir, "file"), "refused"},
	} {
		var stderr bytes.Buffer
		status := run([]string{"backup", "-from", tc.from, "-to", tc.to}, io.Discard, &stderr)
		if status != 1 || !strings.Contains(stderr.String(), tc.want) {
			t.Errorf("%v: status %d, %s", tc, status, stderr.String())
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || !slices.Equal(files, []string{there}) {
		t.Errorf("%v, %v", files, err)
	}
}

func TestACommandForABackupThatMakesNoSenseIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"backup":                           "needs -from and -to",
		"backup -from http://a:1":          "needs -from and -to",
		"backup -from a -to f":             `"a" is not like http://host:port`,
		"backup -from http://a:1 -to f x":  `"x" is not a flag`,
		"backup -id 1":                     "not defined: -id",
		"restore":                          "needs -from, -id and -address",
		"restore -from f -id 1":            "needs -from, -id and -address",
		"restore -from f -id 1 -address a": `"a" is not like http://host:port`,
		"restore -to f":                    "not defined: -to",
	} {
		var stdout, stderr bytes.Buffer
		status := run(strings.Fields(line), &stdout, &stderr)
		if status != 2 || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%s: status %d, %q, want %q", line, status, stderr.String(), want)
		}
	}
	for _, command := range []string{"backup", "restore"} {
		if help := carryOut(t, command, "-h"); !strings.Contains(help, "-from") {
			t.Errorf("%s -h says %s", command, help)
		}
	}
}

// TestABackupThatStandsStillIsGivenUp, however long it takes otherwise.
func TestABackupThatStandsStillIsGivenUp(t *testing.T) {
	for name, tc := range map[string]struct {
		header, pause time.Duration
		want          string
	}{
		"slow":         {backupStall - time.Second, backupStall - time.Second, "its end is missing"},
		"no answer":    {backupStall + time.Second, 0, errStalled.Error()},
		"stands still": {0, backupStall + time.Second, errStalled.Error()},
	} {
		synctest.Test(t, func(t *testing.T) {
			wait := func(ctx context.Context, d time.Duration) error {
				select {
				case <-time.After(d):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			c := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
				if err := wait(req.Context(), tc.header); err != nil {
					return nil, err
				}
				body, w := io.Pipe()
				go func() {
					_, err := io.WriteString(w, backupKind.magic)
					for range 3 {
						err = errors.Join(err, wait(req.Context(), tc.pause))
						if err == nil {
							_, err = w.Write([]byte{0})
						}
					}
					_ = w.CloseWithError(err)
				}()
				return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
			})}
			file := filepath.Join(t.TempDir(), "file")
			if _, _, err := fetchBackup(c, "http://a", file); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "nothing has") != (tc.want == errStalled.Error()) {
				t.Errorf("%s: %v, want %s", name, err, tc.want)
			}
		})
	}
}
