package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Where a replica listens. Other replicas may have a port of their own. Then clients that hold all
// the connections they may have do not keep replicas from each other.

// ports are the listeners of a replica.
type ports struct {
	clients net.Listener
	peers   net.Listener // nil if clients and peers share a port
}

// listen opens the ports of a replica.
func listen(o options) (p *ports, err error) {
	if err := o.checkPlaces(); err != nil {
		return nil, err
	}
	p = &ports{}
	if p.clients, err = listenAt(o.listen, o.address); err != nil {
		return nil, err
	}
	if o.peer != "" {
		if p.peers, err = listenAt(o.peerListen, o.peer); err != nil {
			return nil, errors.Join(err, p.close())
		}
		if o.maxConnections > 0 {
			p.clients = newLimited(p.clients, o.maxConnections)
		}
	}
	if isSecure(o.address) {
		p.clients = tls.NewListener(p.clients, o.serverConfig())
	}
	if isSecure(o.peer) {
		p.peers = tls.NewListener(p.peers, o.peerConfig())
	}
	return p, nil
}

func isSecure(base string) bool { return strings.HasPrefix(base, "https://") }

// checkPlaces returns an error if the addresses of a replica and its flags contradict each other.
func (o *options) checkPlaces() error {
	peer := cmp.Or(o.peer, o.address)
	switch {
	case isSecure(o.address) && o.clients == nil:
		return fmt.Errorf("the address of replica %d is %s: it needs -cert, -key and -peer-ca", o.id, o.address)
	case !isSecure(o.address) && o.clients != nil:
		return fmt.Errorf("the address of replica %d is %s: -cert needs https:// (-peer-cert does not)", o.id, o.address)
	case isSecure(peer) && o.peers == nil:
		return fmt.Errorf("the address of replica %d for others is %s: it needs -peer-cert, -peer-key and -peer-ca", o.id, peer)
	case isSecure(o.address) && !isSecure(peer):
		return fmt.Errorf("the address of replica %d for others is %s: it must be https://, like that for clients", o.id, peer)
	case o.peerListen != "" && o.peer == "":
		return fmt.Errorf("replica %d has one address, %s: -peer-listen needs one for others", o.id, o.address)
	}
	return nil
}

// listenAt listens at host:port, or at those of a base URL.
func listenAt(at, base string) (net.Listener, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	at = cmp.Or(at, u.Host)
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (is another copy running?): %w", at, err)
	}
	return l, nil
}

func (p *ports) close() error {
	if p.peers == nil {
		return p.clients.Close()
	}
	return errors.Join(p.clients.Close(), p.peers.Close())
}

// serve serves the ports until the servers are closed. That for peers is nil if they share a port
// with clients.
func (p *ports) serve(forClients, forPeers http.Handler, log *slog.Logger) (clients, peers *http.Server) {
	start := func(l net.Listener, handler http.Handler) *http.Server {
		s := newServer(handler)
		s.ErrorLog = serverLog(log)
		go func() { _ = s.Serve(l) }()
		return s
	}
	if p.peers != nil {
		peers = start(p.peers, forPeers)
	}
	return start(p.clients, forClients), peers
}

// limited is a listener with a bound on its connections. Others wait until one ends.
type limited struct {
	net.Listener
	room   chan struct{}
	closed context.Context
	cancel context.CancelFunc
}

func newLimited(l net.Listener, most int) *limited {
	closed, cancel := context.WithCancel(context.Background())
	return &limited{Listener: l, room: make(chan struct{}, most), closed: closed, cancel: cancel}
}

func (l *limited) Close() error {
	l.cancel()
	return l.Listener.Close()
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed.Done():
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.room })}, nil
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
