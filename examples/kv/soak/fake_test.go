package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// Servers that are wrong. The test binary is one of them when this variable is set.
const (
	fakeVariable = "SOAK_FAKE"
	fakeAlone    = "alone" // each replica keeps its own keys, and forgets them when it is killed
	fakeEnds     = "ends"  // replica 2 ends by itself
	fakeFails    = "fails" // writes are answered with 500
	fakeMixes    = "mixes" // reads are answered with another key's value
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(fakeVariable); kind != "" && len(os.Args) > 1 && os.Args[1] == "-id" {
		fmt.Fprintln(os.Stderr, serveFake(kind, os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveFake(kind string, args []string) error {
	flags := flag.NewFlagSet("fake", flag.ContinueOnError)
	id := flags.Int("id", 0, "")
	cluster := flags.String("cluster", "", "")
	flags.String("data", "", "")
	flags.Bool("bootstrap", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, m := range strings.Split(*cluster, ",") {
		if address, ok := strings.CutPrefix(m, fmt.Sprintf("%d=http://", *id)); ok {
			return http.ListenAndServe(address, &fake{kind: kind, id: *id, values: map[string]string{}})
		}
	}
	return errors.New("no address")
}

type fake struct {
	kind string
	id   int

	mu     sync.Mutex
	values map[string]string
	served func() // if set, called for each request
}

func (f *fake) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.served != nil {
		f.served()
	}
	write := req.Method != http.MethodGet
	value, ok := f.values[req.URL.Path]
	query := req.URL.Query()
	switch {
	case req.Method == http.MethodPost:
		http.NotFound(w, req) // its clients share no connections
	case write && f.kind == fakeEnds && f.id == 2:
		fmt.Fprintln(os.Stderr, "the end of the log")
		os.Exit(7)
	case write && f.kind == fakeFails:
		http.Error(w, "fails", http.StatusInternalServerError)
	case !write && ok && f.kind == fakeMixes:
		_, _ = io.WriteString(w, "x"+value)
	case !write && ok:
		_, _ = io.WriteString(w, value)
	case !write:
		http.NotFound(w, req)
	case query.Has("absent") && ok, query.Has("expect") && (!ok || value != query.Get("expect")):
		w.WriteHeader(http.StatusPreconditionFailed)
	case req.Method == http.MethodDelete:
		delete(f.values, req.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		body, _ := io.ReadAll(req.Body)
		f.values[req.URL.Path] = string(body)
		w.WriteHeader(http.StatusNoContent)
	}
}
