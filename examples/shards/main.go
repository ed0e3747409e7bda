// Command shards is a key-value store whose keys are spread over many Raft groups. Three stores
// have all groups, and each store has one loop and one log on disk for all of its own.
//
//	go run ./examples/shards                     # three stores in this process
//	curl -X PUT -d 1 http://127.0.0.1:7303/kv/a
//	curl http://127.0.0.1:7305/kv/a              # on another store
//	curl http://127.0.0.1:7303/groups
//
// With -store it runs one of the stores. Store N has its streams on port 7300 + 2N, and clients on
// the port after it, unless -peers and -http say otherwise.
//
//	shards -store 1 & shards -store 2 & shards -store 3
//
// Nothing is encrypted or authenticated: examples/kv shows how.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ffd200af/raft/examples/shards/driver"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	var (
		id       = flag.Uint64("store", 0, "the store to run; 0: all of them in this process")
		stores   = flag.Uint64("stores", 3, "number of stores, 1 to so many")
		founders = flag.Uint64("founders", 0, "the groups begin on stores 1 to so many; 0: on all")
		groups   = flag.Uint64("groups", 48, "number of groups; it never changes")
		data     = flag.String("data", "shards-data", "folder; each store has one in it")
		port     = flag.Uint64("port", 7300, "base of the ports")
		peers    = flag.String("peers", "", "where stores take streams, as 1=HOST:PORT,2=HOST:PORT")
		web      = flag.String("http", "", "where the store of -store serves clients, as HOST:PORT")
		tick     = flag.Duration("tick", 100*time.Millisecond, "a tick; an election timeout is 10 to 19 of them")
		sleep    = flag.Int("sleep", 50, "ticks after which an idle group sleeps; 0: an election timeout")
	)
	flag.Parse()
	o := driver.Options{Groups: *groups, Tick: *tick, SleepTicks: *sleep, Peers: map[uint64]string{}}
	for i := uint64(1); i <= *stores; i++ {
		o.Peers[i] = fmt.Sprint("127.0.0.1:", *port+2*i)
		if i <= *founders || *founders == 0 {
			o.Founders = append(o.Founders, i)
		}
	}
	if err := setPeers(o.Peers, *peers); err != nil {
		return err
	}
	begin, end := uint64(1), *stores
	if *id > 0 {
		begin, end = *id, *id
	}
	// A sync keeps a processor of Go busy for a while. There is one more for each store.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + int(end-begin) + 1)
	}
	failed := make(chan error, 2*(end-begin+1))
	for i := begin; i <= end; i++ {
		o.ID, o.Dir = i, filepath.Join(*data, fmt.Sprint(i))
		address := *web
		if address == "" || *id == 0 {
			address = fmt.Sprint("127.0.0.1:", *port+2*i+1)
		}
		s, err := start(o, address, failed)
		if err != nil {
			return fmt.Errorf("store %d: %w", i, err)
		}
		defer s.Stop()
		log.Printf("store %d serves http://%s/kv/KEY", i, address)
	}
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt, syscall.SIGTERM)
	select {
	case <-interrupt:
		return nil
	case err := <-failed:
		return err
	}
}

// setPeers replaces addresses by those of the flag -peers.
func setPeers(addresses map[uint64]string, given string) error {
	if given == "" {
		return nil
	}
	for _, peer := range strings.Split(given, ",") {
		var i uint64
		var address string
		if _, err := fmt.Sscanf(peer, "%d=%s", &i, &address); err != nil || addresses[i] == "" {
			return fmt.Errorf("-peers: %q is not the address of a store", peer)
		}
		addresses[i] = address
	}
	return nil
}

// start starts a store and serves its clients.
func start(o driver.Options, web string, failed chan<- error) (*driver.Store, error) {
	clients, err := net.Listen("tcp", web)
	if err != nil {
		return nil, err
	}
	if o.Listener, err = net.Listen("tcp", o.Peers[o.ID]); err != nil {
		return nil, err
	}
	s, err := driver.Start(o)
	if err != nil {
		return nil, err
	}
	go func() {
		<-s.Ended()
		failed <- fmt.Errorf("store %d: %w", o.ID, errors.Join(errors.New("it has ended"), s.Stop()))
	}()
	server := &http.Server{Handler: api(s), ReadHeaderTimeout: requestTimeout}
	go func() { failed <- server.Serve(clients) }()
	return s, nil
}
