package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

// The first start of the first replicas. Each one stores a random name for its folder, tells it to
// the others, and waits until it has the names of all. The id of the cluster is made of the names,
// and the members keep them. So all first replicas have to be up once, and a replica whose folder
// was lost never becomes one again:
//
//   - It has a new name. Those that were born with it know another one, and it refuses to start.
//   - If they do not answer, it waits for them, and neither votes nor acknowledges anything.
//   - Two sets of names never make two clusters that both work. Each replica takes part in one of
//     them, and only one can have a majority.
//
// So -bootstrap does no harm when it stays on the command line.

// errLost is matched by the error of a new replica whose peers are not new.
var errLost = errors.New("cannot begin")

// prepare gives a new folder to a first replica, and refuses it to one that does not say that it is
// new.
func (o *options) prepare(ctx context.Context, s *store) error {
	switch {
	case s.cluster != "":
		if o.ignored != "" {
			o.tell("%s has data already, which says who takes part: %s ignored for replica %d", o.dir, o.ignored, o.id)
		}
		return nil
	case o.first != nil:
		return o.beBorn(ctx, s)
	case o.joins:
		return nil
	}
	return o.notNew("")
}

// advised is an error with the commands that help: lines of their own, to be copied.
type advised struct {
	error
	advice string
}

func (a *advised) Unwrap() error { return a.error }

// adviceIn returns the lines of advice that come with an error.
func adviceIn(err error) string {
	if a := (*advised)(nil); errors.As(err, &a) {
		return a.advice
	}
	return ""
}

// notNew is the error of a replica without data that does not say how it comes to be. cluster is
// what its command line has for -cluster.
func (o *options) notNew(cluster string) error {
	if cluster == "" {
		cluster = "1=http://HOST:PORT,2=http://HOST:PORT,..."
	}
	data := filepath.Dir(o.dir)
	return &advised{fmt.Errorf("replica %d has no data in %s, and -bootstrap or -join does not say that it is new", o.id, o.dir),
		fmt.Sprintf(`This starts it as one of the first replicas of a new cluster:
  kv -id %d -data %s -cluster %s -bootstrap%s
This adds it to a cluster, under an id that was never used there:
  kv -id ID -data %s -join http://HOST:PORT -address http://HOST:PORT%s
`, o.id, data, cluster, o.access, data, o.access)}
}

// beBorn makes the store one of a first replica when all of them are there.
func (o *options) beBorn(ctx context.Context, s *store) error {
	ports, err := listen(*o)
	if err != nil {
		return err
	}
	handler := o.newcomer(s.identity)
	clients, peers := ports.serve(handler, handler, o.log)
	defer func() {
		_ = clients.Close()
		if peers != nil {
			_ = peers.Close()
		}
		_ = ports.close() // the servers may not have begun to serve
	}()

	var said []uint64
	for begun := time.Now(); ; {
		first, absent, err := o.askFirst(ctx, s.identity)
		switch {
		case err == nil:
			return s.begin(first)
		case len(absent) == 0:
			return err
		}
		if time.Since(begun) > 10*o.tick && !slices.Equal(absent, said) {
			o.tell("replica %d is new, and waits for the other first replicas %d: %v", o.id, absent, err)
			said = absent
		}
		select {
		case <-time.After(o.tick):
		case <-ctx.Done():
			return errStopped
		}
	}
}

// newcomer serves a replica that is not born yet.
func (o *options) newcomer(folder string) http.Handler {
	report := identityReport{ID: o.id, Folder: folder, Members: o.first}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+identityPath, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, report) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answerCheck(w, nil, nil) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this replica is new, and waits until all first replicas are up", http.StatusServiceUnavailable)
	})
	return mux
}

// named are replicas with the names of their folders.
func (ms members) named(folders map[uint64]string) members {
	all := members{}
	for id, m := range ms {
		m.Data = folders[id]
		all[id] = m
	}
	return all
}

// askFirst asks the other first replicas once. It returns all first replicas, or those that do not
// answer and why. An error without any of those is final.
func (o *options) askFirst(ctx context.Context, folder string) (first members, absent []uint64, why error) {
	folders := map[uint64]string{o.id: folder}
	for _, id := range slices.Sorted(maps.Keys(o.first)) {
		if id == o.id {
			continue
		}
		report, err := askIdentity(ctx, o.httpClient(), o.first[id].peer())
		switch {
		case err != nil:
			absent, why = append(absent, id), err
			continue
		case report.ID != id:
			return nil, nil, fmt.Errorf("%w: replica %d answers at %s, where -cluster has replica %d", errLost, report.ID, o.first[id].peer(), id)
		case report.Cluster != "":
			first, err := o.sameBirth(report, folder)
			return first, nil, err
		case !maps.Equal(report.Members, o.first):
			return nil, nil, fmt.Errorf("%w: replica %d at %s was started with another -cluster", errLost, id, o.first[id].peer())
		}
		folders[id] = report.Folder
	}
	return o.first.named(folders), absent, why
}

func askIdentity(ctx context.Context, client *http.Client, address string) (report identityReport, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+identityPath, nil)
	if err != nil {
		return report, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return report, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return report, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	return report, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&report)
}

// sameBirth returns the first replicas if the one that reports was born a moment ago, together with
// this folder. Removed members keep the names of their folders, so it knows all of them.
func (o *options) sameBirth(report identityReport, folder string) (members, error) {
	own, known := report.Members[o.id]
	folders := map[uint64]string{}
	for id, m := range report.Members {
		folders[id] = m.Data
	}
	first := o.first.named(folders)
	switch {
	case own.Removed:
		return nil, errRemoved
	case known && own.Data == folder && clusterOf(first) == report.Cluster:
		return first, nil
	}
	return nil, o.lost(report, known)
}

// credentials are the arguments of curl for a request that changes the cluster.
func (o *options) credentials() string {
	switch {
	case o.tokenFile != "":
		return fmt.Sprintf(`-H "Authorization: Bearer $(cat %s)" `, o.tokenFile)
	case o.clients != nil && o.clients.ca != "":
		return "--cert CLIENT.pem --key CLIENT-KEY.pem "
	}
	return ""
}

// lost is the error of a replica that would be a stranger in the cluster of its peers.
func (o *options) lost(report identityReport, known bool) error {
	at := o.first[report.ID]
	join := fmt.Sprintf("  kv -id %d -data %s -join %s -address %s",
		slices.Max(append(slices.Collect(maps.Keys(report.Members)), o.id))+1, filepath.Dir(o.dir), at.peer(), o.address)
	if o.peer != "" {
		join += " -peer-address " + o.peer
	}
	join += o.access + "\n"
	err := fmt.Errorf("%w: the folder %s of replica %d is new, and replica %d at %s belongs to cluster %s already",
		errLost, o.dir, o.id, report.ID, at.peer(), report.Cluster)
	if !known {
		return &advised{fmt.Errorf("%w, which has no replica %d", err, o.id), "This adds one:\n" + join}
	}
	return &advised{
		fmt.Errorf("%w, which knows replica %d with another folder: that one was lost, with votes and entries in it", err, o.id),
		fmt.Sprintf("Remove the replica, and add one with a new id:\n  %s -X DELETE %s%s/members/%d\n%s",
			curlFor(at.Address), o.credentials(), at.Address, o.id, join),
	}
}
