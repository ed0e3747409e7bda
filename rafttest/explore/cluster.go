package explore

import (
	"encoding/binary"
	"slices"
)

const (
	maxNodes = 4
	maxReads = 2
)

// cluster is a state of the whole: what each node is in, what was sent, what has happened so often
// that it may not happen again, and what has to be remembered to judge what comes.
type cluster struct {
	site
	used [counted]uint8
	// messages are the numbers of all that were sent, ascending. The network may lose, delay,
	// reorder and repeat, so each may arrive at any time, again and again, or never.
	messages []uint32
}

// site is what two states have to have in common before one can make the other superfluous, see
// seen.
type site struct {
	nodes  [maxNodes]uint32
	past   uint32          // number of a past
	moved  uint8           // a bit for each node that has taken a step
	floors [maxReads]uint8 // for each read, how much was committed when it was asked for, plus 1; 0 if it was not
}

// copyTo makes t equal to c; they share nothing.
func (c *cluster) copyTo(t *cluster) {
	messages := append(t.messages[:0], c.messages...)
	*t = *c
	t.messages = messages
}

// add notes that a message was sent, and reports whether it is new.
func (c *cluster) add(m uint32) bool {
	i, found := slices.BinarySearch(c.messages, m)
	if !found {
		c.messages = slices.Insert(c.messages, i, m)
	}
	return !found
}

// state is a cluster as it is kept.
type state struct {
	site
	used [counted]uint8
	// next is the state that is at the same site and was found before; none if there is none.
	next uint32
	// overtaken: another state allows everything that this one does.
	overtaken bool

	// How the state was reached first.
	parent uint32
	by     step

	// The messages: a sketch of them, and their differences in bytes.
	sketch uint64
	block  uint32
	offset uint32
}

// sketch has a bit for each message, which it shares with others: a set is part of another only if
// its sketch is.
func sketch(messages []uint32) uint64 {
	s := uint64(0)
	for _, m := range messages {
		s |= 1 << (mix(uint64(m)) & 63)
	}
	return s
}

// mix is a bijection of 64-bit numbers that spreads every bit (the finalizer of SplitMix64).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// seen are the states that were found, in order. A state is superfluous if there is another one at
// the same site that has used up no more of what is bounded and has all its messages: whatever can
// happen from the former can from the latter. The properties that are checked are of the site and
// of paths, so nothing that is wrong is missed.
type seen struct {
	states []state
	heads  map[site]uint32 // the newest state at a site
	blocks [][]byte        // encoded messages
	// overtaken is the number of states that others have made superfluous.
	overtaken int
	// all: only equal states are superfluous.
	all bool
}

const (
	blockBytes = 1 << 20
	// maxSetBytes is more than the messages of a state take.
	maxSetBytes = 1 << 14
)

func newSeen() seen { return seen{heads: map[site]uint32{}} }

// add keeps a state unless it is superfluous, and reports whether it is kept. States that it makes
// superfluous need not be looked at any more.
func (sn *seen) add(c *cluster, parent uint32, by step) bool {
	sk := sketch(c.messages)
	head, known := sn.heads[c.site]
	if !known {
		head = none
	}
	for at, link := head, &head; at != none; at = *link {
		s := &sn.states[at]
		if sn.all && (sk != s.sketch || c.used != s.used) {
			link = &s.next
			continue
		}
		if sk&^s.sketch == 0 && noMore(&s.used, &c.used) && sn.covers(s, c.messages) && (!sn.all || sn.isPartOf(s, c.messages)) {
			return false
		}
		if !sn.all && s.sketch&^sk == 0 && noMore(&c.used, &s.used) && sn.isPartOf(s, c.messages) {
			s.overtaken = true
			sn.overtaken++
			*link = s.next
			continue
		}
		link = &s.next
	}
	st := state{site: c.site, used: c.used, next: head, parent: parent, by: by, sketch: sk}
	st.block, st.offset = sn.keep(c.messages)
	sn.heads[c.site] = uint32(len(sn.states))
	sn.states = append(sn.states, st)
	return true
}

// none is the number of no state.
const none = ^uint32(0)

// noMore reports whether a has used up no more than b.
func noMore(a, b *[counted]uint8) bool {
	for i := range a {
		if a[i] > b[i] {
			return false
		}
	}
	return true
}

// keep encodes messages.
func (sn *seen) keep(messages []uint32) (block, offset uint32) {
	last := len(sn.blocks) - 1
	if last < 0 || cap(sn.blocks[last])-len(sn.blocks[last]) < maxSetBytes {
		sn.blocks = append(sn.blocks, make([]byte, 0, blockBytes))
		last++
	}
	buf := sn.blocks[last]
	offset = uint32(len(buf))
	buf = binary.AppendUvarint(buf, uint64(len(messages)))
	at := uint32(0)
	for _, m := range messages {
		buf = binary.AppendUvarint(buf, uint64(m-at))
		at = m
	}
	sn.blocks[last] = buf
	return uint32(last), offset
}

// reader reads encoded messages.
type reader struct {
	buf  []byte
	left int
	at   uint32
}

func (sn *seen) read(s *state) reader {
	r := reader{buf: sn.blocks[s.block][s.offset:]}
	r.left = int(r.number())
	return r
}

func (r *reader) number() uint64 {
	if b := r.buf[0]; b < 0x80 {
		r.buf = r.buf[1:]
		return uint64(b)
	}
	n, width := binary.Uvarint(r.buf)
	r.buf = r.buf[width:]
	return n
}

func (r *reader) next() uint32 {
	r.left--
	r.at += uint32(r.number())
	return r.at
}

// covers reports whether s has all the messages.
func (sn *seen) covers(s *state, messages []uint32) bool {
	r := sn.read(s)
	for i, m := range messages {
		for {
			if r.left < len(messages)-i {
				return false
			}
			if have := r.next(); have == m {
				break
			} else if have > m {
				return false
			}
		}
	}
	return true
}

// isPartOf reports whether the messages are all that s has, or more.
func (sn *seen) isPartOf(s *state, messages []uint32) bool {
	r := sn.read(s)
	i := 0
	for r.left > 0 {
		if len(messages)-i < r.left {
			return false
		}
		m := r.next()
		for i < len(messages) && messages[i] < m {
			i++
		}
		if i == len(messages) || messages[i] != m {
			return false
		}
	}
	return true
}

// load makes c the state with a number.
func (sn *seen) load(c *cluster, at uint32) {
	s := &sn.states[at]
	c.site, c.used = s.site, s.used
	c.messages = c.messages[:0]
	for r := sn.read(s); r.left > 0; {
		c.messages = append(c.messages, r.next())
	}
}
