package session

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// kinds are weighted so that sessions live long enough to meet their bounds.
var kinds = append(slices.Repeat([]Kind{Execute}, 14), Register, Register, Register, KeepAlive, KeepAlive, Close, Configure, Advance)

// drawHeader makes an entry that a cluster with a few clients could have in its log: some are
// duplicates, some were overtaken, some are of sessions that have ended.
func drawHeader(t *rapid.T, m *model) Header {
	h := Header{
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		Time: m.now + rapid.Uint64Range(0, 6).Draw(t, "time"),
	}
	h.Time -= min(h.Time, 3) // a clock may be behind
	awaiting := uint64(1)
	if n := len(m.sessions); n > 0 && rapid.IntRange(0, 7).Draw(t, "living") > 0 {
		s := m.sessions[rapid.IntRange(0, n-1).Draw(t, "session")]
		h.Session, awaiting = s.id, s.awaiting
	} else {
		h.Session = rapid.Uint64Range(0, m.applied+1).Draw(t, "id")
	}
	switch h.Kind {
	case Execute:
		h.Sequence = awaiting + rapid.Uint64Range(0, 5).Draw(t, "sequence")
		h.Sequence -= min(h.Sequence-1, rapid.SampledFrom([]uint64{0, 0, 0, 2}).Draw(t, "overtaken"))
		h.Awaiting = rapid.Uint64Range(max(h.Sequence, 4)-3, h.Sequence).Draw(t, "awaiting")
	case KeepAlive:
		h.Awaiting = rapid.Uint64Range(0, awaiting+2).Draw(t, "awaiting")
	case Configure:
		h.Limits = drawLimits(t)
	}
	return h
}

func drawLimits(t *rapid.T) Limits {
	l := Limits{
		Sessions: rapid.SampledFrom([]uint64{1, 2, 3, 5, 5}).Draw(t, "sessions"), Window: rapid.SampledFrom([]uint64{1, 2, 2, 3, 6}).Draw(t, "window"),
		ReplyBytes: rapid.SampledFrom([]uint64{0, 3, 5, 6, 6, 6}).Draw(t, "reply bytes"), Lifetime: rapid.Uint64Range(0, 60).Draw(t, "lifetime"),
	}
	l.TotalBytes = l.Window*l.ReplyBytes + rapid.Uint64Range(0, 6).Draw(t, "more bytes")
	return l
}

// TestReplicasAgreeWithEachOtherAndWithTheModel: one replica applies a log, one applies it and is
// replaced by what its own encoding restores to from time to time, and the model says what
// comes out. After every entry all bounds hold and both replicas have the same bytes. No command is
// executed twice, by session and sequence number, ever.
func TestReplicasAgreeWithEachOtherAndWithTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{}
		straight, restored := &replica{tb: t}, &replica{tb: t}
		executed := map[string]bool{}
		step := func(h Header, length int) {
			// Each execution would return something else, so a second one shows.
			reply := fmt.Sprintf("%06d", m.applied)[6-length%7:] + strings.Repeat("+", length/7)
			ran := false
			want, wantErr := m.apply(h, func() string { ran = true; return reply })
			for _, r := range []*replica{straight, restored} {
				before := r.executed
				got, err := r.apply(h, reply)
				if got != want || !sameError(err, wantErr) || (r.executed > before) != ran {
					t.Fatalf("%+v: got %q, %v, executed %t; want %q, %v, %t", h, got, err, r.executed > before, want, wantErr, ran)
				}
			}
			if command := fmt.Sprint(h.Session, "/", h.Sequence); ran && executed[command] {
				t.Fatalf("command %s is executed again", command)
			} else if ran {
				executed[command] = true
			}
			if !bytes.Equal(straight.table.encoded(t), restored.table.encoded(t)) {
				t.Fatalf("%+v makes the replicas differ", h)
			}
			if straight.table.Bytes() != m.bytes() || straight.table.Len() != len(m.sessions) {
				t.Fatalf("%d sessions, %d bytes; want %d, %d", straight.table.Len(), straight.table.Bytes(), len(m.sessions), m.bytes())
			}
		}
		step(Header{Kind: Configure, Limits: drawLimits(t)}, 0)
		for range rapid.IntRange(50, 100).Draw(t, "entries") {
			step(drawHeader(t, m), rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 8}).Draw(t, "length"))
			if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
				restored.table = *restored.table.restored(t)
			}
		}
	})
}

// TestAClientThatRepeatsUntilItIsAnsweredHasEachCommandExecutedOnce: a client with several commands
// in flight over a network that loses, repeats and reorders. As long as the session lives,
// every command is executed exactly once, and every answer is that of its one execution.
func TestAClientThatRepeatsUntilItIsAnsweredHasEachCommandExecutedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.Uint64Range(1, 5).Draw(t, "window")
		r := newReplica(t, Limits{Sessions: 1, Window: window, ReplyBytes: 20, TotalBytes: 20 * window})
		id := r.register(0)
		const commands = 12
		var network []Header
		results, executions := map[uint64]string{}, map[uint64]int{}
		awaiting, last := uint64(1), uint64(0)
		send := func(sequence uint64) {
			network = append(network, Header{Kind: Execute, Session: id, Sequence: sequence, Awaiting: awaiting})
		}
		for rounds := 0; awaiting <= commands; rounds++ {
			if last < commands && last+1 < awaiting+window {
				last++
				send(last)
			}
			if len(network) == 0 || rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
				send(rapid.Uint64Range(awaiting, last).Draw(t, "which"))
			}
			h := network[rapid.IntRange(0, len(network)-1).Draw(t, "delivered")]
			if lost := rapid.IntRange(0, 2).Draw(t, "lost") == 0; lost && rounds < 200 {
				continue // or it is only late, or comes twice
			}
			reply, err := r.table.Apply(r.table.applied+1, h, func() []byte {
				executions[h.Sequence]++
				return fmt.Appendf(nil, "%d in entry %d", h.Sequence, r.table.applied)
			})
			if first, known := results[h.Sequence]; known && err == nil && string(reply) != first {
				t.Fatalf("command %d got %q first, then %q", h.Sequence, first, reply)
			}
			if h.Sequence >= awaiting && err != nil {
				t.Fatalf("command %d, which the client waits for, got %v", h.Sequence, err)
			}
			if err == nil && rapid.Bool().Draw(t, "answered") {
				results[h.Sequence] = string(reply)
			}
			for results[awaiting] != "" {
				awaiting++
			}
		}
		for sequence := uint64(1); sequence <= commands; sequence++ {
			if executions[sequence] != 1 {
				t.Fatalf("command %d was executed %d times", sequence, executions[sequence])
			}
		}
	})
}
