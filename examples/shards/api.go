package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ffd200af/raft/examples/shards/driver"
)

const (
	// requestTimeout bounds the time of a request.
	requestTimeout = 5 * time.Second
	// moveTimeout bounds the time of a move.
	moveTimeout = time.Minute
	maxValue    = 1 << 20
)

// api serves a store's clients.
func api(s *driver.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /kv/{key...}", func(w http.ResponseWriter, r *http.Request) {
		value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxValue))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		answer(w, within(r, requestTimeout, func(ctx context.Context) error { return s.Put(ctx, r.PathValue("key"), value) }))
	})
	mux.HandleFunc("DELETE /kv/{key...}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, within(r, requestTimeout, func(ctx context.Context) error { return s.Delete(ctx, r.PathValue("key")) }))
	})
	mux.HandleFunc("GET /kv/{key...}", func(w http.ResponseWriter, r *http.Request) {
		var value []byte
		err := within(r, requestTimeout, func(ctx context.Context) (err error) {
			value, err = s.Get(ctx, r.PathValue("key"))
			return err
		})
		switch {
		case err != nil:
			answer(w, err)
		case value == nil:
			http.Error(w, "there is no such key", http.StatusNotFound)
		default:
			_, _ = w.Write(value)
		}
	})
	mux.HandleFunc("GET /groups", func(w http.ResponseWriter, r *http.Request) {
		var all []driver.Status
		err := within(r, requestTimeout, func(ctx context.Context) (err error) {
			all, err = s.Status(ctx)
			return err
		})
		if err != nil {
			answer(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(all)
	})
	mux.HandleFunc("POST /move", func(w http.ResponseWriter, r *http.Request) {
		var numbers [3]uint64
		for i, name := range []string{"group", "from", "to"} {
			var err error
			if numbers[i], err = strconv.ParseUint(r.FormValue(name), 10, 64); err != nil {
				http.Error(w, "group, from and to must be numbers", http.StatusBadRequest)
				return
			}
		}
		answer(w, within(r, moveTimeout, func(ctx context.Context) error { return s.Move(ctx, numbers[0], numbers[1], numbers[2]) }))
	})
	return mux
}

func within(r *http.Request, timeout time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	return f(ctx)
}

// answer answers a request that has no other result than its error.
func answer(w http.ResponseWriter, err error) {
	var leader *driver.LeaderError
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, driver.ErrNotHere), errors.As(err, &leader):
		http.Error(w, err.Error(), http.StatusMisdirectedRequest) // ask another store
	case errors.Is(err, driver.ErrBadMove):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, driver.ErrNoLeader), errors.Is(err, driver.ErrBusy):
		http.Error(w, err.Error(), http.StatusServiceUnavailable) // nothing was done
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, driver.ErrStopped):
		http.Error(w, "no answer in time; the request may be carried out", http.StatusGatewayTimeout)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
