package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestAnEmptyFolderNeedsAWord: the error has the commands that help, and nothing is written.
func TestAnEmptyFolderNeedsAWord(t *testing.T) {
	dir := inData(t)
	for line, cluster := range map[string]string{
		"-id 3":            "1=http://HOST:PORT,2=http://HOST:PORT,...",
		"-id 3 -bootstrap": "1=http://HOST:PORT,2=http://HOST:PORT,...",
		"-id 3 -cluster 1=http://a:1,3=http://c:3":            "1=http://a:1,3=http://c:3",
		"-id 3 -bootstrap -cluster 1=http://a:1,2=http://b:2": "1=http://HOST:PORT,2=http://HOST:PORT,...",
	} {
		var stdout, stderr bytes.Buffer
		status := run(append([]string{"-data", dir}, strings.Fields(line)...), &stdout, &stderr)
		want := fmt.Sprintf("kv: replica 3 has no data in %[1]s/3, and -bootstrap or -join does not say that it is new\nThis starts it as one of the first replicas of a new cluster:\n"+
			"  kv -id 3 -data %[1]s -cluster %[2]s -bootstrap\n"+
			"This adds it to a cluster, under an id that was never used there:\n"+
			"  kv -id ID -data %[1]s -join http://HOST:PORT -address http://HOST:PORT\n", dir, cluster)
		if status != 2 || stderr.String() != want || stdout.Len() > 0 {
			t.Errorf("%s: status %d\n%s", line, status, stderr.String())
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "3")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of replica 3: %v", err)
	}
}

// newcomer is a replica that waits for others in this process.
func newcomer(t *testing.T, id uint64, first map[uint64]string, dir string) options {
	t.Helper()
	return options{
		id: id, first: at(first), address: first[id], dir: filepath.Join(dir, fmt.Sprint(id)), tick: 10 * time.Millisecond,
		timeout: 10 * time.Second, compactAfter: 1000, log: slog.New(slog.DiscardHandler),
	}
}

// at are replicas at these addresses.
func at(addresses map[uint64]string) members {
	all := members{}
	for id, address := range addresses {
		all[id] = member{Address: address}
	}
	return all
}

func addresses(t *testing.T, n uint64) map[uint64]string {
	first := map[uint64]string{}
	for id := uint64(1); id <= n; id++ {
		first[id] = "http://" + freeAddress(t)
	}
	return first
}

// TestABirthGoesOnAfterACrash: a folder keeps the name that others have heard.
func TestABirthGoesOnAfterACrash(t *testing.T) {
	o := newcomer(t, 1, addresses(t, 2), t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := startReplica(ctx, o)
		ended <- err
	}()
	var before identityReport
	until(t, "a newcomer", func() (ok bool) {
		var err error
		before, err = askIdentity(context.Background(), client, o.address)
		return err == nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	if before.ID != 1 || before.Cluster != "" || before.Folder == "" || len(before.Members) != 2 {
		t.Errorf("it says %+v", before)
	}
	// It has a folder now, and still has to say that it is new.
	bare := o
	bare.first = nil
	if _, err := startReplica(context.Background(), bare); err == nil || !strings.Contains(adviceIn(err), "-bootstrap") {
		t.Errorf("it starts: %v", err)
	}
	s, err := openStore(o.dir)
	must(t, err)
	defer s.close()
	if s.identity != before.Folder || s.cluster != "" || s.last != 0 {
		t.Errorf("the folder is %q of cluster %q, and ends with entry %d", s.identity, s.cluster, s.last)
	}
}

// TestABirthGivesTheAddressBack at once: the replica itself listens there next.
func TestABirthGivesTheAddressBack(t *testing.T) {
	o := newcomer(t, 1, addresses(t, 1), "")
	for range 200 {
		s, err := openStoreIn(vfs.NewMem(), "1")
		must(t, err)
		must(t, o.prepare(t.Context(), s))
		l, err := listen(o)
		must(t, err)
		must(t, errors.Join(l.close(), s.close()))
	}
}

// TestAReplicaIsBornAfterTheOthers: it was killed when they had its name, and they go on already.
func TestAReplicaIsBornAfterTheOthers(t *testing.T) {
	first, dir, folders := addresses(t, 3), t.TempDir(), map[uint64]string{}
	for id := range first {
		s, err := openStore(filepath.Join(dir, fmt.Sprint(id)))
		must(t, err)
		folders[id] = s.identity
		must(t, s.close())
	}
	start := func(id uint64) *replica {
		r, err := startReplica(context.Background(), newcomer(t, id, first, dir))
		must(t, err)
		t.Cleanup(func() { must(t, r.stop()) })
		return r
	}
	for id := uint64(1); id <= 2; id++ {
		s, err := openStore(filepath.Join(dir, fmt.Sprint(id)))
		must(t, err)
		must(t, errors.Join(s.begin(at(first).named(folders)), s.close()))
	}
	r := start(1) // replica 2 is down
	born := start(3)
	if born.store.cluster != r.store.cluster || born.store.last != 1 {
		t.Errorf("replica 3 belongs to cluster %s, the others to %s", born.store.cluster, r.store.cluster)
	}
	if code, answer := born.insist(t, http.MethodPut, "/kv/k", "v"); code != http.StatusNoContent {
		t.Errorf("%d %s", code, answer)
	}
}

// TestANewReplicaIsTooLate plays a peer that was born before.
func TestANewReplicaIsTooLate(t *testing.T) {
	first := map[uint64]string{1: "http://a:1", 2: "http://b:2"}
	o := options{id: 2, first: at(first), address: first[2], dir: "data/2"}
	born := o.first.named(map[uint64]string{1: "x", 2: "y"})
	report := func(cluster string, own *member) identityReport {
		ms := members{1: born[1], 7: {Address: "http://c:7"}}
		if own != nil {
			ms[2] = *own
		}
		return identityReport{ID: 1, Cluster: cluster, Folder: "x", Members: ms}
	}
	same, removed, other := born[2], born[2], born[2]
	removed.Removed, other.Data = true, "other"
	for name, tc := range map[string]struct {
		report identityReport
		want   error
		says   []string
	}{
		"together":        {report(clusterOf(born), &same), nil, nil},
		"removed":         {report(clusterOf(born), &removed), errRemoved, nil},
		"lost":            {report(clusterOf(born), &other), errLost, []string{"curl -X DELETE http://a:1/members/2\n", "kv -id 8 -data data -join http://a:1 -address http://b:2"}},
		"another cluster": {report("OTHER", &same), errLost, []string{"cluster OTHER already"}},
		"unknown":         {report(clusterOf(born), nil), errLost, []string{"has no replica 2", "kv -id 8 -data data -join http://a:1 -address http://b:2"}},
	} {
		got, err := o.sameBirth(tc.report, "y")
		if !errors.Is(err, tc.want) || err == nil && clusterOf(got) != clusterOf(born) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		for _, text := range tc.says {
			if !strings.Contains(err.Error()+adviceIn(err), text) {
				t.Errorf("%s: %v does not say %q", name, err, text)
			}
		}
	}
	o.first[1] = member{Address: "https://a:1"}
	_, err := o.sameBirth(report(clusterOf(born), &other), "y")
	if !strings.Contains(adviceIn(err), "curl --cacert CA.pem -X DELETE https://a:1/members/2\n") {
		t.Errorf("with TLS: %s", adviceIn(err))
	}
	o.access, o.clients = " -cert c -key k", &certFiles{ca: "ca"}
	for _, want := range []string{"-X DELETE --cert CLIENT.pem --key CLIENT-KEY.pem https://a:1/", "-address http://b:2 -cert c -key k\n"} {
		if said := adviceIn(o.lost(report(clusterOf(born), &other), true)); !strings.Contains(said, want) {
			t.Errorf("with client certificates: %q is not in %s", want, said)
		}
	}
	o.tokenFile = "file"
	if said := adviceIn(o.lost(report(clusterOf(born), &other), true)); !strings.Contains(said, `-X DELETE -H "Authorization: Bearer $(cat file)" https://a:1/`) {
		t.Errorf("with a token: %s", said)
	}
}

// TestNewReplicasMustAgree on who they are.
func TestNewReplicasMustAgree(t *testing.T) {
	var peer http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { peer.ServeHTTP(w, req) }))
	defer server.Close()
	o := options{id: 2, first: at(map[uint64]string{1: server.URL, 2: "http://b:2"})}
	ask := func(id uint64, first members) (members, []uint64, error) {
		peer = (&options{id: id, first: first}).newcomer("x")
		return o.askFirst(context.Background(), "y")
	}
	first, absent, err := ask(1, o.first)
	if err != nil || len(absent) > 0 || clusterOf(first) != clusterOf(o.first.named(map[uint64]string{1: "x", 2: "y"})) {
		t.Errorf("%v, %v, %v", first, absent, err)
	}
	if _, _, err := ask(3, o.first); !errors.Is(err, errLost) || !strings.Contains(err.Error(), "replica 3 answers at "+server.URL) {
		t.Errorf("another id: %v", err)
	}
	if _, _, err := ask(1, at(map[uint64]string{1: server.URL, 2: "http://other:2"})); !errors.Is(err, errLost) || !strings.Contains(err.Error(), "another -cluster") {
		t.Errorf("another list: %v", err)
	}
	peer = http.NotFoundHandler()
	if _, absent, err := o.askFirst(context.Background(), "y"); err == nil || !slices.Equal(absent, []uint64{1}) {
		t.Errorf("no answer: %v, %v", absent, err)
	}
	for path, want := range map[string]int{"/health": http.StatusOK, "/ready": http.StatusServiceUnavailable, "/raft": http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		o.newcomer("y").ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("a newcomer answers %s with %d", path, w.Code)
		}
	}
}

// TestFirstReplicasWaitForEachOther, and Ctrl-C ends that.
func TestFirstReplicasWaitForEachOther(t *testing.T) {
	c := newCluster(t)
	c.start(1)
	c.start(2)
	for id := 1; id <= 2; id++ {
		c.said.want(t, fmt.Sprintf("replica %d is new, and waits for the other first replicas [3]: ", id))
	}
	if code, said := c.asked(http.MethodGet, c.urls[1]+"/status"); code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", code, said)
	}
	if err := c.kill(1, syscall.SIGINT); err != nil {
		t.Errorf("it ends with %v", err)
	}
	c.start(3)
	c.start(1)
	c.put(c.leader(), "k", "v")
	for id := range c.urls {
		c.wantRead(id, "k", "", "v")
	}
}

// lose ends a replica and deletes its folder.
func (c *cluster) lose(id uint64) {
	c.t.Helper()
	if c.processes[id] != nil {
		_ = c.kill(id, syscall.SIGKILL)
	}
	must(c.t, os.RemoveAll(c.folder(id)))
}

// TestALostFolderDoesNotVoteAgain with the command line of its first start, whether or not the
// others are there to notice. The commands that it prints help.
func TestALostFolderDoesNotVoteAgain(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	lost := other(c, leader)
	intact := 6 - leader - lost
	c.put(leader, "k", "v")
	_ = c.kill(intact, syscall.SIGKILL)
	c.put(leader, "k", "new") // intact does not have this one
	_ = c.kill(leader, syscall.SIGKILL)
	c.lose(lost)

	c.start(lost)
	c.said.want(t, fmt.Sprintf("replica %d is new, and waits", lost)) // nobody answers
	c.start(intact)
	c.wantFailure(lost)
	c.start(lost) // its folder is not empty any more, but still new
	c.wantFailure(lost)
	c.said.want(t, fmt.Sprintf("replica %d at %s belongs to cluster", intact, c.urls[intact]))
	until(t, "the status of the other", func() bool {
		s, ok := c.status(intact)
		if s.Role == "Leader" {
			t.Fatalf("%+v", s)
		}
		return ok
	})

	c.start(leader)
	c.wantRead(intact, "k", "", "new")
	c.said.want(t, fmt.Sprintf("curl -X DELETE %s/members/%d\n  kv -id 4 -data %s -join %s -address %s\n",
		c.urls[intact], lost, c.dir, c.urls[intact], c.urls[lost]))
	c.remove(intact, lost)
	c.urls[4] = c.urls[lost]
	c.join(4, intact)
	c.wantVoters(4, slices.Sorted(slices.Values([]uint64{leader, intact, 4}))...)
	c.wantRead(4, "k", "", "new")
}

// startTogether starts all in one process.
func (c *cluster) startTogether() {
	c.t.Helper()
	cmd := exec.Command(c.binary, "-cluster", c.flag, "-data", c.dir, "-tick", "20ms", "-timeout", "1s")
	cmd.Stdout, cmd.Stderr = &c.said, &c.said
	must(c.t, cmd.Start())
	c.processes[1] = cmd
}

// TestReplicasOfOneProcessAreBornTogether, without -bootstrap, and notice a folder that was lost.
// The others go on, so that they can be told to remove it.
func TestReplicasOfOneProcessAreBornTogether(t *testing.T) {
	c := newCluster(t)
	for range 2 { // on an empty and on a used folder
		c.startTogether()
		c.put(1, "k", "v")
		for id := range c.urls {
			c.wantRead(id, "k", "", "v")
		}
		if err := c.kill(1, syscall.SIGINT); err != nil {
			t.Errorf("it ends with %v", err)
		}
	}
	must(t, os.RemoveAll(c.folder(3)))
	c.startTogether()
	c.said.want(t, "cannot begin: the folder "+c.folder(3)+" of replica 3 is new")
	c.said.want(t, "/members/3\n  kv -id 4 ") // at replica 1 or 2
	c.wantRead(2, "k", "", "v")
	c.remove(1, 3)
	_ = c.kill(1, syscall.SIGINT)
	c.startTogether()
	c.said.want(t, "replica 3 was removed from the cluster")
	c.wantRead(2, "k", "", "v")
}

// TestTheFlagsOfTheFirstStartAreIgnoredLater, and a line says so.
func TestTheFlagsOfTheFirstStartAreIgnoredLater(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	defer s.close()
	var said bytes.Buffer
	o := options{id: 1, dir: dir, first: at(map[uint64]string{1: "http://a:1"}), ignored: "-cluster and -bootstrap are", say: &said}
	must(t, o.prepare(context.Background(), s))
	want := "kv: " + dir + " has data already, which says who takes part: -cluster and -bootstrap are ignored for replica 1\n"
	if said.String() != want || len(s.members) != 3 {
		t.Errorf("it says %q, want %q; the members are %v", said.String(), want, s.members)
	}
	said.Reset()
	o.ignored = ""
	must(t, o.prepare(context.Background(), s))
	if said.Len() > 0 {
		t.Errorf("it says %q", said.String())
	}
}
