package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A key has a bounded history, so that the checker always decides. Each operation without an answer
// can make the search twice as long.
const (
	maxOperations = 500
	maxUnknown    = 4
)

// history is the operations of all clients.
type history struct {
	start time.Time

	mu     sync.Mutex
	keys   []*key // all
	inUse  []*key
	length int // operations
}

// key is a key of the store, and what was done with it.
type key struct {
	name    string
	ops     []operation
	values  uint32 // written so far are 1 to values
	last    uint32 // the value of the latest operation with an answer
	unknown int    // writes without an answer
}

// absent is the value of a key that is not there.
const absent = 0

// operation is one request. Times are since the start.
type operation struct {
	call, end     time.Duration
	expect, value uint32
	kind          kind
	outcome       outcome
	replica       uint8 // id
	atEnd         bool
}

type kind uint8

const (
	get  kind = iota // value is what was read
	put              // or delete, if value is absent
	swap             // put if the value is the expected one
)

type outcome uint8

const (
	unknown outcome = iota
	done
	refused // another value than the expected one
)

func newHistory(keys int) *history {
	h := &history{start: time.Now(), inUse: make([]*key, keys)}
	for slot := range h.inUse {
		h.replace(slot)
	}
	return h
}

func (h *history) now() time.Duration { return time.Since(h.start) }

// replace puts a new key into use.
func (h *history) replace(slot int) {
	k := &key{name: fmt.Sprint("k", len(h.keys)+1)}
	h.keys, h.inUse[slot] = append(h.keys, k), k
}

// draw chooses the next operation of a client. Of ten, four read, three write, two write under a
// condition and one deletes, every other time under a condition.
func (h *history) draw(rng *rand.Rand) (*key, operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := rng.IntN(len(h.inUse))
	if k := h.inUse[slot]; len(k.ops) >= maxOperations || k.unknown >= maxUnknown {
		h.replace(slot)
	}
	k := h.inUse[slot]
	newValue := func() uint32 {
		k.values++
		return k.values
	}
	switch n := rng.IntN(20); {
	case n < 8:
		return k, operation{kind: get}
	case n < 14:
		return k, operation{kind: put, value: newValue()}
	case n < 18:
		return k, operation{kind: swap, expect: k.last, value: newValue()}
	case n < 19 && k.last != absent:
		return k, operation{kind: swap, expect: k.last, value: absent}
	}
	return k, operation{kind: put, value: absent}
}

func (h *history) record(k *key, op operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case op.outcome == done:
		k.last = op.value
	case op.outcome == unknown && op.kind != get:
		k.unknown++
	}
	k.ops = append(k.ops, op)
	h.length++
}

// count returns the number of operations.
func (h *history) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.length
}
