package replica

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft/raftpb"
)

// network carries messages between replicas: each is the body of an HTTP request. It may lose
// messages; the library sends again what matters.
type network struct {
	server      *http.Server
	incoming    chan<- raftpb.Message
	unreachable func(id uint64)
	stopped     context.Context
	stop        context.CancelFunc
	workers     sync.WaitGroup
	cut         atomic.Bool // for demonstrations: nothing comes in, nothing goes out

	peers map[uint64]*peer // belongs to the loop
}

// peer is another replica, with the messages that wait for it.
type peer struct {
	id      uint64
	address string
	queue   chan raftpb.Message
}

// The bounds of the network.
const (
	maxQueue   = 1000
	maxMessage = 16 << 20
	sendTime   = time.Second
)

func newNetwork(l net.Listener, addresses map[uint64]string, incoming chan<- raftpb.Message, unreachable func(uint64)) *network {
	n := &network{incoming: incoming, unreachable: unreachable, peers: map[uint64]*peer{}}
	n.stopped, n.stop = context.WithCancel(context.Background())
	for id, address := range addresses {
		n.add(id, address)
	}
	n.server = &http.Server{Handler: http.HandlerFunc(n.receive), ReadTimeout: sendTime}
	n.work(func() { _ = n.server.Serve(l) })
	return n
}

// add makes a replica known. An address replaces an earlier one.
func (n *network) add(id uint64, address string) {
	if p := n.peers[id]; p != nil {
		if p.address == address {
			return
		}
		close(p.queue)
	}
	p := &peer{id: id, address: address, queue: make(chan raftpb.Message, maxQueue)}
	n.peers[id] = p
	n.work(func() { n.deliver(p) })
}

// send queues messages. It never waits: a message to a peer that is too slow is lost.
func (n *network) send(messages []raftpb.Message) {
	for _, m := range messages {
		if p := n.peers[m.To]; p != nil {
			select {
			case p.queue <- m:
			default:
			}
		}
	}
}

// deliver sends the messages that wait for a peer, in their order.
func (n *network) deliver(p *peer) {
	for {
		select {
		case m, ok := <-p.queue:
			if !ok {
				return
			}
			if err := n.post(p.address, m); err != nil {
				n.unreachable(p.id)
			}
		case <-n.stopped.Done():
			return
		}
	}
}

func (n *network) post(address string, m raftpb.Message) error {
	if n.cut.Load() {
		return nil // lost
	}
	body, err := m.Marshal()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.stopped, sendTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/raft", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("replica: %s answers %s", address, answer.Status)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return err
}

// receive takes a message of another replica.
func (n *network) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxMessage))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var m raftpb.Message
	if err := m.Unmarshal(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if !n.cut.Load() {
		select {
		case n.incoming <- m:
		default: // the loop does not keep up: lost
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// work runs f until close.
func (n *network) work(f func()) {
	n.workers.Add(1)
	go func() {
		defer n.workers.Done()
		f()
	}()
}

func (n *network) close() {
	n.stop()
	_ = n.server.Close()
	n.workers.Wait()
}
