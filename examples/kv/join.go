package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// errRefused is matched by the error of a replica that the cluster does not take.
var errRefused = errors.New("the cluster refuses this replica")

// join asks the cluster to take this replica, until it votes. via is the address of any living
// replica. It returns nil then, and also when the replica is stopped.
func (r *replica) join(via string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-r.loop.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := r.checkCluster(ctx, via); err != nil {
		return err
	}
	for try := 0; ctx.Err() == nil && !r.votes(ctx); try++ {
		known, cluster, err := r.askCaller(ctx)
		if err != nil {
			known, cluster, err = r.askToJoin(ctx, r.living(ctx, via, try))
		}
		if errors.Is(err, errRefused) {
			return err
		}
		if err == nil {
			_ = r.query(ctx, func() {
				if err = r.loop.adopt(cluster); err == nil {
					r.loop.meet(known)
				}
			})
			if err != nil {
				return err
			}
		}
		select {
		case <-time.After(5 * r.opts.tick):
		case <-ctx.Done():
		}
	}
	return nil
}

// checkCluster refuses to join a cluster with the folder of another one. As far as such a replica
// knows, it may be a voter already, and then it would not ask.
func (r *replica) checkCluster(ctx context.Context, via string) error {
	own := r.peers.cluster.get()
	report, err := askIdentity(ctx, r.peers.client, via)
	if err == nil && own != "" && report.Cluster != "" && report.Cluster != own {
		return fmt.Errorf("%w: %w", errRefused, stranger(via, report.Cluster, own))
	}
	return nil // via need not be up
}

// votes reports whether this replica is a voter, as far as it knows.
func (r *replica) votes(ctx context.Context) bool {
	votes := false
	_ = r.query(ctx, func() { votes = slices.Contains(r.store.conf.Voters, r.opts.id) })
	return votes
}

// living picks whom to ask: the one that was named, and in turn those that are known by now.
func (r *replica) living(ctx context.Context, via string, try int) string {
	all := []string{via}
	_ = r.query(ctx, func() {
		known := r.loop.met
		if len(r.store.members) > 0 {
			known = r.store.members.peers()
		}
		for _, id := range slices.Sorted(maps.Keys(known)) {
			if address := known[id]; id != r.opts.id && !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	})
	return all[try%len(all)]
}

// meet makes peers of the replicas at these addresses, while there are no members from the log.
// They get the answers of this replica, without which it would never have members.
func (l *loop) meet(addresses map[uint64]string) {
	if len(l.store.members) > 0 {
		return
	}
	maps.Copy(l.met, addresses)
	l.peers.follow(l.met)
}

// errNoCaller is the error when no replica that knows this one has called.
var errNoCaller = errors.New("no replica calls")

// askCaller is askToJoin for a replica that was added and has not heard of it. The leader that it
// has asked may be gone, and the next one sends messages. The name of this folder is random: a
// cluster that knows it has added this replica.
func (r *replica) askCaller(ctx context.Context) (known map[uint64]string, cluster string, err error) {
	address, _ := r.caller.Load().(string)
	if address == "" || r.peers.cluster.get() != "" {
		return nil, "", errNoCaller
	}
	report, err := askIdentity(ctx, r.peers.client, address)
	if err != nil {
		return nil, "", err
	}
	if own := report.Members[r.opts.id]; report.Cluster == "" || own.Removed || own.Data != r.store.identity {
		return nil, "", errNoCaller
	}
	return report.Members.peers(), report.Cluster, nil
}

// askToJoin returns the addresses of those who take part, and the id of their cluster.
func (r *replica) askToJoin(ctx context.Context, at string) (known map[uint64]string, cluster string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.opts.timeout)
	defer cancel()
	body, err := json.Marshal(joinRequest{ID: r.opts.id, member: member{Address: r.opts.address, Peer: r.opts.peer, Data: r.store.identity}})
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/members", bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	if cluster = r.peers.cluster.get(); cluster != "" {
		req.Header.Set(headerCluster, cluster)
	}
	if err := r.opts.present(req); err != nil {
		return nil, "", err
	}
	resp, err := r.peers.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		err := fmt.Errorf("%s answers %s: %s", at, resp.Status, strings.TrimSpace(string(why)))
		final := slices.Contains([]int{http.StatusConflict, http.StatusBadRequest, http.StatusUnauthorized}, resp.StatusCode)
		if strange := r.peers.checkStranger(at, resp); strange != nil {
			err, final = strange, true
		}
		if final && resp.Header.Get(headerRetry) == "" {
			err = fmt.Errorf("%w: %w", errRefused, err)
		}
		return nil, "", err
	}
	if cluster = resp.Header.Get(headerCluster); cluster == "" {
		return nil, "", fmt.Errorf("%s does not say which cluster it belongs to", at)
	}
	var report membersReport
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil {
		return nil, "", err
	}
	known = map[uint64]string{}
	for _, m := range report.Members {
		known[m.ID] = cmp.Or(m.Peer, m.Address)
	}
	return known, cluster, nil
}
