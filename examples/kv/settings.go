package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The command line, and what it makes of replicas. What is typed is carried out, refused, or
// ignored with a line that says so.

// localCluster is what runs without flags.
var localCluster = members{
	1: {Address: "http://127.0.0.1:9121"},
	2: {Address: "http://127.0.0.1:9122"},
	3: {Address: "http://127.0.0.1:9123"},
}

// settings are the command line.
type settings struct {
	id              uint64
	cluster, data   string
	join            string
	address, listen string
	peerAddress     string
	peerListen      string
	maxConnections  int
	tick, timeout   time.Duration
	compactAfter    uint64
	bootstrap       bool
	logLevel        slog.Level
	pprof           string
	snapshotRate    int
	tokenFile       string
	tls             tlsFlags
	security        security
	minFree         uint64
}

// parseSettings reads the command line. For -h the error matches flag.ErrHelp and is the help.
func parseSettings(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("kv", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Uint64Var(&s.id, "id", 0, "run only the replica with this id")
	flags.StringVar(&s.cluster, "cluster", "", "the first replicas: 1=http://host:port,2=http://host:port,... or, with an address for replicas after the one for clients, 1=http://host:port+http://host:port,...")
	flags.BoolVar(&s.bootstrap, "bootstrap", false, "with -id and -cluster: this replica is new, and one of the first; ignored if its folder has data")
	flags.StringVar(&s.join, "join", "", "add the replica -id at -address to the cluster of the living replica at this address")
	flags.StringVar(&s.address, "address", "", "with -join: http://host:port at which the others and clients reach this replica")
	flags.StringVar(&s.peerAddress, "peer-address", "", "with -join: http://host:port at which the others reach this replica, if -address is for clients only")
	flags.StringVar(&s.peerListen, "peer-listen", "", "with -id: host:port to listen on for other replicas, if not the address for them")
	flags.IntVar(&s.maxConnections, "max-connections", 2048, "bound on the connections of clients, if replicas have an address of their own")
	flags.StringVar(&s.listen, "listen", "", "with -id: host:port to listen on, if not the one in the address")
	flags.StringVar(&s.data, "data", "kv-data", "folder of the data; each replica has a folder of its own in it")
	flags.DurationVar(&s.tick, "tick", 100*time.Millisecond, "length of a tick; the election timeout is 10 to 20 of them")
	flags.DurationVar(&s.timeout, "timeout", 5*time.Second, "time limit of a request")
	flags.Uint64Var(&s.compactAfter, "compact-after", 0, "also compact the log at this many applied entries; 0 compacts by bytes only")
	flags.IntVar(&s.snapshotRate, "snapshot-rate", 0, "bound on bytes per second of snapshots to other replicas; 0 means no bound")
	flags.StringVar(&s.tokenFile, "token-file", "", "file with the token that is required to change members or leader")
	s.tls.register(flags)
	flags.Uint64Var(&s.minFree, "min-free", 64<<20, "take no writes below this many bytes of free space; 0 disables the check")
	flags.TextVar(&s.logLevel, "log-level", slog.LevelInfo, "lowest level that is logged: debug, info, warn or error")
	flags.StringVar(&s.pprof, "pprof", "", "serve profiles at this host:port, under /debug/pprof/")
	askVersion := flags.Bool("version", false, "print the version and exit")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		var help strings.Builder
		flags.SetOutput(&help)
		flags.Usage()
		return nil, helpError(help.String())
	case err == nil && *askVersion:
		return nil, helpError(version())
	case err != nil:
		return nil, fmt.Errorf("%w (-h lists the flags)", err)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is not a flag, and there are no other arguments (-h lists the flags)", flags.Arg(0))
	case s.maxConnections <= 0:
		return nil, errors.New("-max-connections must be above 0")
	case s.tick <= 0 || s.timeout <= 0:
		return nil, errors.New("-tick and -timeout must be above 0")
	case s.compactAfter > 0 && s.compactAfter < logKept:
		return nil, fmt.Errorf("-compact-after must be 0, or at least %d", logKept)
	case s.snapshotRate < 0:
		return nil, errors.New("-snapshot-rate must not be below 0")
	case s.logLevel > slog.LevelError:
		return nil, errors.New("-log-level must be error or below: the line with which a replica fails is at that level")
	}
	// An empty value is a variable that was not set rather than a wish.
	flags.Visit(func(f *flag.Flag) {
		if value := f.Value.String(); value == "" || f.Name == "id" && s.id == 0 {
			err = fmt.Errorf("-%s must not be %q", f.Name, value)
		}
	})
	if err == nil && s.tokenFile != "" {
		_, err = readToken(s.tokenFile)
	}
	return s, err
}

// log returns the log of this process.
func (s *settings) log(stderr io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: s.logLevel}))
}

// helpError is what -h or -version asks for.
type helpError string

func (h helpError) Error() string { return string(h) }
func (helpError) Unwrap() error   { return flag.ErrHelp }

// replicas are those to be run in this process.
func (s *settings) replicas(stderr io.Writer) ([]options, error) {
	var err error
	if s.security, err = s.tls.load(s.log(stderr)); err != nil {
		return nil, err
	}
	first := localCluster
	if s.cluster != "" {
		if first, err = parseCluster(s.cluster); err != nil {
			return nil, err
		}
	}
	switch {
	case s.join != "":
		return s.joining(stderr)
	case s.address != "" || s.peerAddress != "" || (s.listen != "" || s.peerListen != "") && s.id == 0:
		return nil, errors.New("-address needs -join, and -listen needs -id (-peer-address and -peer-listen likewise)")
	case s.id != 0:
		o, err := s.one(first, stderr)
		return []options{o}, err
	}
	var all []options
	for _, id := range slices.Sorted(maps.Keys(first)) {
		all = append(all, s.place(id, first, stderr))
	}
	return all, nil
}

// place returns the options of a replica. -cluster and -bootstrap count only for an empty folder.
func (s *settings) place(id uint64, first members, stderr io.Writer) options {
	o := options{
		id: id, first: first, address: first[id].Address, peer: first[id].Peer, listen: s.listen, peerListen: s.peerListen,
		maxConnections: s.maxConnections, dir: filepath.Join(s.data, strconv.FormatUint(id, 10)),
		say: stderr, tick: s.tick, timeout: s.timeout, compactAfter: s.compactAfter, snapshotRate: s.snapshotRate,
		tokenFile: s.tokenFile, security: s.security, minFree: s.minFree,
		log: s.log(stderr).With("replica", id),
	}
	o.access = s.tls.flags()
	if s.tokenFile != "" {
		o.access += " -token-file " + s.tokenFile
	}
	switch {
	case s.cluster != "" && s.bootstrap:
		o.ignored = "-cluster and -bootstrap are"
	case s.cluster != "":
		o.ignored = "-cluster is"
	case s.bootstrap:
		o.ignored = "-bootstrap is"
	}
	return o
}

// inUse reports whether the folder of a replica has data.
func (o *options) inUse() bool {
	files, err := os.ReadDir(o.dir)
	return err == nil && len(files) > 0
}

// one is the replica -id. A folder with data knows everything. Without data, -bootstrap has to say
// that the replica is new, and -cluster who the first replicas are. Replicas that share a process
// need neither: they are new together.
func (s *settings) one(first members, stderr io.Writer) (options, error) {
	o := s.place(s.id, first, stderr)
	cluster := s.cluster
	switch {
	case s.cluster == "":
		o.first, o.address, o.peer = nil, "", ""
	case o.address == "":
		o.first, cluster = nil, ""
	case !s.bootstrap:
		o.first = nil
	}
	if o.first == nil && !o.inUse() {
		return o, o.notNew(cluster)
	}
	return o, nil
}

// joining is the replica that is to be added.
func (s *settings) joining(stderr io.Writer) ([]options, error) {
	if s.cluster != "" || s.bootstrap || s.id == 0 || s.address == "" {
		return nil, errors.New("-join needs -id and -address, and no -cluster or -bootstrap")
	}
	for _, base := range []*string{&s.join, &s.address} {
		parsed, err := parseBase(*base)
		if err != nil {
			return nil, err
		}
		*base = parsed
	}
	if s.peerAddress != "" {
		var err error
		if s.peerAddress, err = parsePeer(s.peerAddress, s.address); err != nil {
			return nil, err
		}
	}
	o := s.place(s.id, nil, stderr)
	o.address, o.peer, o.joins = s.address, s.peerAddress, true
	return []options{o}, nil
}

func parseCluster(s string) (members, error) {
	cluster := members{}
	for _, word := range strings.Split(s, ",") {
		left, right, _ := strings.Cut(word, "=")
		id, err := strconv.ParseUint(left, 10, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("%q does not begin with the id of a replica", word)
		}
		address, peer, both := strings.Cut(right, "+")
		m := member{}
		m.Address, err = parseBase(address)
		if err == nil && both {
			m.Peer, err = parsePeer(peer, m.Address)
		}
		if _, twice := cluster[id]; err != nil || twice {
			return nil, fmt.Errorf("%q does not give replica %d one http://host:port or https://host:port", word, id)
		}
		cluster[id] = m
	}
	return cluster, nil
}

// parseBase reads the base URL of a replica.
func parseBase(s string) (string, error) {
	u, err := url.Parse(s)
	if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		if base := u.Scheme + "://" + u.Host; strings.TrimSuffix(s, "/") == base {
			return base, nil
		}
	}
	return "", fmt.Errorf("%q is not like http://host:port or https://host:port", s)
}

// parsePeer reads the base URL for other replicas of a replica that has another one for clients.
func parsePeer(s, address string) (string, error) {
	peer, err := parseBase(s)
	if err == nil && peer == address {
		err = fmt.Errorf("%s is the address for clients already", s)
	}
	return peer, err
}
