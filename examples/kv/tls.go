package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
)

// TLS: how a replica proves who it is, and which certificates it accepts.
//
// Replicas verify each other. Each of them needs a certificate that an authority in -peer-ca has
// signed for use as a server. A certificate for clients only is not enough, even if the same
// authority has signed it. Clients verify the replica. They may present a certificate that an
// authority in -client-ca has signed, and must with -need-client-cert.
//
// Only HTTP/1.1 is spoken. Its deadlines and budgets count by connection, see limits.go.

// Why a connection or a request is refused.
var (
	errNoCertificate = errors.New("no certificate was presented")
	errNoAuthority   = errors.New("no authority is configured whose certificates would be accepted")
)

// tlsFlags are the flags of a replica that are about TLS.
type tlsFlags struct {
	cert, key, clientCA       string
	needClientCert            bool
	peerCert, peerKey, peerCA string
}

func (f *tlsFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.cert, "cert", "", "file with the certificate of this replica, if its address is https://")
	flags.StringVar(&f.key, "key", "", "file with the key of -cert")
	flags.StringVar(&f.clientCA, "client-ca", "", "file with the authorities whose certificates clients may present; they may change members and leader")
	flags.BoolVar(&f.needClientCert, "need-client-cert", false, "with -client-ca: refuse clients without a certificate")
	flags.StringVar(&f.peerCert, "peer-cert", "", "file with the certificate for connections between replicas, if it is not -cert")
	flags.StringVar(&f.peerKey, "peer-key", "", "file with the key of -peer-cert")
	flags.StringVar(&f.peerCA, "peer-ca", "", "file with the authorities whose certificates other replicas must present")
}

// flags are those that were given, as they are typed.
func (f *tlsFlags) flags() (text string) {
	for _, given := range [][2]string{
		{"cert", f.cert}, {"key", f.key}, {"client-ca", f.clientCA}, {"peer-cert", f.peerCert}, {"peer-key", f.peerKey}, {"peer-ca", f.peerCA},
	} {
		if given[1] != "" {
			text += " -" + given[0] + " " + given[1]
		}
	}
	if f.needClientCert {
		text += " -need-client-cert"
	}
	return text
}

// security is what a replica has for TLS.
type security struct {
	clients        *certFiles // for connections of clients; nil without -cert
	peers          *certFiles // for connections between replicas; nil without -peer-ca
	needClientCert bool
}

// load checks the flags and reads the files.
func (f *tlsFlags) load(to *slog.Logger) (s security, err error) {
	switch {
	case (f.cert == "") != (f.key == ""):
		return s, errors.New("-cert and -key need each other")
	case (f.peerCert == "") != (f.peerKey == ""):
		return s, errors.New("-peer-cert and -peer-key need each other")
	case f.clientCA != "" && f.cert == "":
		return s, errors.New("-client-ca needs -cert and -key")
	case f.needClientCert && f.clientCA == "":
		return s, errors.New("-need-client-cert needs -client-ca")
	case (f.peerCA == "") != (f.peerCert == "" && f.cert == ""):
		return s, errors.New("-peer-ca needs -cert or -peer-cert, and they need it: replicas verify each other")
	}
	if f.peerCA == "" {
		return s, nil
	}
	s.needClientCert = f.needClientCert
	s.peers = &certFiles{cert: f.peerCert, key: f.peerKey, ca: f.peerCA, log: to}
	if f.peerCert == "" {
		s.peers.cert, s.peers.key = f.cert, f.key
	}
	if _, err := s.peers.current(); err != nil || f.cert == "" {
		return s, err
	}
	s.clients = &certFiles{cert: f.cert, key: f.key, ca: f.clientCA, log: to}
	_, err = s.clients.current()
	return s, err
}

// peerConfig is the configuration of a port for other replicas.
func (s *security) peerConfig() *tls.Config {
	return s.peers.serverConfig(func(state tls.ConnectionState) error { return s.isPeer(&state) })
}

// serverConfig is the configuration of the port for clients, at which other replicas may call as
// well.
func (s *security) serverConfig() *tls.Config {
	return s.clients.serverConfig(func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 && !s.needClientCert {
			return nil
		}
		return s.identified(&state)
	})
}

// identified returns nil if a client or another replica has presented an accepted certificate.
func (s *security) identified(state *tls.ConnectionState) error {
	err := s.clients.verify(state, x509.ExtKeyUsageClientAuth)
	if err == nil || s.isPeer(state) == nil {
		return nil
	}
	return err
}

// isPeer returns nil if the other side has presented the certificate of a replica.
func (s *security) isPeer(state *tls.ConnectionState) error {
	return s.peers.verify(state, x509.ExtKeyUsageServerAuth)
}

// httpClient is the client for requests to other replicas.
func (s *security) httpClient() *http.Client { return s.peers.httpClient() }

// dial connects to a replica.
func (s *security) dial(ctx context.Context, base string) (net.Conn, error) {
	host, secure := strings.CutPrefix(base, "https://")
	switch {
	case !secure:
		return dialPlain(ctx, base)
	case s.peers == nil:
		return nil, fmt.Errorf("a connection to %s needs -peer-ca", base)
	}
	return s.peers.dialTLS(ctx, "tcp", host)
}

// certFiles are the certificate of one side of connections and its authorities. The files are read
// again when they have changed, which is checked at each new connection.
type certFiles struct {
	cert, key string // may be empty on the side of a client
	ca        string // empty for the authorities of the system
	log       *slog.Logger
	warned    seldom

	once   sync.Once
	client *http.Client

	mu   sync.Mutex
	seen []os.FileInfo // of the files that were read last
	last *certificates
}

type certificates struct {
	own         []tls.Certificate // one or none
	authorities *x509.CertPool    // nil for those of the system
}

// current returns what the files have now. While they cannot be read, because they are being
// replaced for instance, the last certificates stay in use.
func (f *certFiles) current() (*certificates, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen, err := f.stat()
	if err == nil && f.last != nil && slices.EqualFunc(seen, f.seen, unchanged) {
		return f.last, nil
	}
	var fresh *certificates
	if err == nil {
		fresh, err = f.read()
	}
	switch {
	case err == nil:
		f.seen, f.last = seen, fresh
	case f.last != nil:
		f.warned.log(f.log, "cannot read new certificates, the old ones stay in use", "err", err)
		err = nil
	}
	return f.last, err
}

func (f *certFiles) stat() (all []os.FileInfo, err error) {
	for _, name := range []string{f.cert, f.key, f.ca} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

func unchanged(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (f *certFiles) read() (*certificates, error) {
	c := &certificates{}
	if f.cert != "" {
		own, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
		}
		c.own = []tls.Certificate{own}
	}
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, err
		}
		c.authorities = x509.NewCertPool()
		if !c.authorities.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate", f.ca)
		}
	}
	return c, nil
}

// serverConfig asks the other side for a certificate, and check says whether to go on.
func (f *certFiles) serverConfig(check func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := f.current()
		if err != nil {
			return nil, err
		}
		return &tls.Config{
			Certificates: c.own, NextProtos: []string{"http/1.1"}, ClientAuth: tls.RequestClientCert, VerifyConnection: check,
		}, nil
	}}
}

// verify returns nil if the other side has presented a certificate that one of the authorities has
// signed for this use.
func (f *certFiles) verify(state *tls.ConnectionState, use x509.ExtKeyUsage) error {
	switch {
	case state == nil || len(state.PeerCertificates) == 0:
		return errNoCertificate
	case f == nil || f.ca == "":
		return errNoAuthority
	}
	c, err := f.current()
	if err != nil {
		return err
	}
	opts := x509.VerifyOptions{Roots: c.authorities, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{use}}
	for _, between := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(between)
	}
	_, err = state.PeerCertificates[0].Verify(opts)
	return err
}

// httpClient returns the client that uses the files for https://. Without files it trusts the
// authorities of the system.
func (f *certFiles) httpClient() *http.Client {
	if f == nil {
		return &http.Client{CheckRedirect: noRedirect}
	}
	f.once.Do(func() {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialTLSContext = f.dialTLS
		f.client = &http.Client{Transport: t, CheckRedirect: noRedirect}
	})
	return f.client
}

// noRedirect keeps requests where they are sent: they may have the token of the cluster.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// dialTLS makes a connection to a host and port.
func (f *certFiles) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := f.current()
	if err != nil {
		return nil, err
	}
	d := tls.Dialer{Config: &tls.Config{Certificates: c.own, RootCAs: c.authorities}}
	conn, err := d.DialContext(ctx, network, address)
	if refused := (*tls.CertificateVerificationError)(nil); errors.As(err, &refused) {
		f.warned.log(f.log, "refused the certificate of a server", "address", address, "err", err)
	}
	return conn, err
}

// serverLog is the log of an http.Server. It has failed handshakes at most once in ten seconds: a
// peer that is refused tries again all the time.
func serverLog(to *slog.Logger) *log.Logger {
	return log.New(&serverLines{to: to}, "", 0)
}

type serverLines struct {
	to      *slog.Logger
	refused seldom
}

func (s *serverLines) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	_, handshake, found := strings.Cut(text, "TLS handshake error from ")
	from, why, _ := strings.Cut(handshake, ": ")
	switch {
	case !found:
		s.to.Warn(text)
	case why == "EOF" || strings.Contains(why, " tcp "): // the other side has gone
		s.to.Debug(text)
	default:
		s.refused.log(s.to, "refused a connection", "from", from, "err", why)
	}
	return len(line), nil
}
