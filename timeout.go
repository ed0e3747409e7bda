package raft

import (
	"crypto/rand"
	"encoding/binary"
	"math"
)

// generator is a SplitMix64 sequence. Election timeouts need spread, not secrecy. A node keeps its
// seed and how many timeouts it has drawn, so the same calls draw the same timeouts.
type generator uint64

// newGenerator mixes the node's id into the seed, so that a cluster whose nodes
// share a seed does not time out in step.
func newGenerator(seed, id uint64) generator {
	g := generator(id)
	return generator(seed ^ g.next())
}

// skip passes over the next n numbers.
func (g *generator) skip(n uint32) { *g += generator(n) * step }

// step is what the state grows by with each number.
const step = 0x9e3779b97f4a7c15

func (g *generator) next() uint64 {
	*g += step
	z := uint64(*g)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// drawSeed returns a seed that is not zero, for a Config that gives none.
func drawSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:]) | 1
}

// electionTimeout draws from [base, 2*base) ticks (thesis §3.4): the spread makes
// split votes rare, the lower end is what stickiness relies on (§4.2.3).
//
// If base is neverTicks, so is the timeout.
func (g *generator) electionTimeout(base int) int {
	if base == neverTicks {
		return neverTicks
	}
	return base + int(g.next()%uint64(base))
}

// neverTicks is a number of ticks that never pass: counters of ticks stop before it.
const neverTicks = math.MaxInt32

// countedTicks returns n, or neverTicks if counters of ticks cannot reach twice n.
func countedTicks(n int) int {
	if n >= neverTicks/2 {
		return neverTicks
	}
	return n
}
