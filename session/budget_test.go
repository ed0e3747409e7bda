package session

import "testing"

// TestASteadyCommandAllocatesItsReplyAndNothingElse counts allocations, once rings and map have
// their size.
func TestASteadyCommandAllocatesItsReplyAndNothingElse(t *testing.T) {
	l := Limits{Sessions: 100, Window: 8, ReplyBytes: 16, TotalBytes: 100 * 8 * 16, Lifetime: 10_000}
	r := newReplica(t, l)
	var ids []uint64
	for range 100 {
		ids = append(ids, r.register(0))
	}
	reply, data := []byte("a reply"), make([]byte, 0, 100)
	sequences, turn := make([]uint64, len(ids)), 0
	apply := func(kind Kind, more uint64) {
		turn = (turn + 1) % len(ids)
		sequences[turn] += more
		h := Header{Kind: kind, Time: r.table.now + 1, Session: ids[turn], Sequence: sequences[turn]}
		h.Awaiting = max(h.Sequence, 5) - 4
		parsed, _, err := ParseHeader(h.Append(data))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.table.Apply(r.table.applied+1, parsed, func() []byte { return reply }); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 * len(ids) {
		apply(Execute, 1)
	}
	for name, test := range map[string]struct {
		allocations float64
		call        func()
	}{
		"a command":    {1, func() { apply(Execute, 1) }},
		"a duplicate":  {0, func() { apply(Execute, 0) }},
		"a keep-alive": {0, func() { apply(KeepAlive, 0) }},
		"time":         {0, func() { apply(Advance, 0) }},
	} {
		if got := testing.AllocsPerRun(1000, test.call); got != test.allocations {
			t.Errorf("%s: %v allocations, want %v", name, got, test.allocations)
		}
	}
}

func TestEncodingIntoABufferThatIsLargeEnoughAllocatesNothing(t *testing.T) {
	r := stocked(t)
	buffer := make([]byte, 0, 1000)
	if got := testing.AllocsPerRun(100, func() { _, _ = r.table.AppendBinary(buffer) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestTheMemoryOfASessionIsBoundedByTheWindow: a client that is quick to acknowledge uses the same
// places again, and one that is not gets no more than the window.
func TestTheMemoryOfASessionIsBoundedByTheWindow(t *testing.T) {
	for _, inFlight := range []uint64{1, 3, 8} {
		r := newReplica(t, Limits{Sessions: 1, Window: 8, ReplyBytes: 1, TotalBytes: 8})
		id := r.register(0)
		for sequence := uint64(1); sequence <= 1000; sequence++ {
			r.want(nil)(r.execute(id, sequence, max(sequence, inFlight)-inFlight+1, "a"))
		}
		if got := uint64(len(r.table.sessions[id].replies.ring)); got > 2*inFlight {
			t.Errorf("%d in flight take %d places", inFlight, got)
		}
	}
}
