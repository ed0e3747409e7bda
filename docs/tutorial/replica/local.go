package replica

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/ffd200af/raft"
)

// Local is a cluster whose replicas run in this process, on ports of the loopback interface.
type Local struct {
	Replicas  map[uint64]*Replica // those that run
	dir       string
	addresses map[uint64]string
	first     []raft.Peer
}

// StartLocal starts a cluster of n first members, whose files are in a folder.
func StartLocal(dir string, n int) (*Local, error) {
	l := &Local{Replicas: map[uint64]*Replica{}, dir: dir, addresses: map[uint64]string{}}
	listeners := map[uint64]net.Listener{}
	for id := uint64(1); id <= uint64(n); id++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners[id], l.addresses[id] = listener, listener.Addr().String()
	}
	l.first = Members(l.addresses)
	for id, listener := range listeners {
		if err := l.start(id, listener); err != nil {
			return nil, errors.Join(err, l.Stop())
		}
	}
	return l, nil
}

// Members are the first members with these addresses. The list has to be the same everywhere, in
// the same order.
func Members(addresses map[uint64]string) []raft.Peer {
	var first []raft.Peer
	for id := uint64(1); id <= uint64(len(addresses)); id++ {
		first = append(first, raft.Peer{ID: id, Context: []byte(addresses[id])})
	}
	return first
}

// Start starts a replica again, or one that is to join.
func (l *Local) Start(id uint64) error {
	address := l.addresses[id]
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	l.addresses[id] = listener.Addr().String()
	return l.start(id, listener)
}

func (l *Local) start(id uint64, listener net.Listener) (err error) {
	o := Options{ID: id, File: filepath.Join(l.dir, fmt.Sprint("replica-", id)), Listener: listener, Peers: l.addresses}
	if id <= uint64(len(l.first)) {
		o.First = l.first
	}
	l.Replicas[id], err = Start(o)
	return err
}

// AddServer asks whoever leads to bring a replica in that was started, until the replica votes.
func (l *Local) AddServer(ctx context.Context, id uint64) error {
	for {
		leader, err := l.Leader(ctx, 0)
		if err != nil {
			return err
		}
		if err := l.Replicas[leader].AddServer(ctx, id, l.addresses[id]); err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(tickTime) // another one leads now, or an earlier change is not applied yet
	}
}

// Crash stops a replica.
func (l *Local) Crash(id uint64) error {
	r := l.Replicas[id]
	delete(l.Replicas, id)
	return r.Stop()
}

// Leader waits until a replica other than except leads, and returns its id.
func (l *Local) Leader(ctx context.Context, except uint64) (uint64, error) {
	for {
		for id, r := range l.Replicas {
			if leader, err := r.Leader(ctx); err != nil {
				return 0, err
			} else if leader == id && id != except {
				return id, nil
			}
		}
		time.Sleep(tickTime)
	}
}

// Stop stops all replicas.
func (l *Local) Stop() error {
	var errs []error
	for _, r := range l.Replicas {
		errs = append(errs, r.Stop())
	}
	return errors.Join(errs...)
}
