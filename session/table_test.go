package session

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestADuplicateGetsTheFirstReplyAndIsNotExecuted(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	r.wantReply("a", 1)(r.execute(id, 1, 1, "other"))
	r.wantReply("b", 2)(r.execute(id, 2, 1, "b"))
	r.wantReply("a", 2)(r.execute(id, 1, 1, "other"))
}

func TestTheIdOfASessionIsTheIndexOfItsRegistration(t *testing.T) {
	var table Table
	if _, err := table.Apply(7, Header{Kind: Configure, Limits: smallLimits}, nil); err != nil {
		t.Fatal(err)
	}
	for _, index := range []uint64{9, 12} {
		if reply, err := table.Apply(index, Header{Kind: Register}, nil); reply != nil || err != nil {
			t.Fatal(reply, err)
		}
	}
	if table.Contains(7) || !table.Contains(9) || table.Contains(10) || !table.Contains(12) || table.Len() != 2 || table.Applied() != 12 {
		t.Error("the sessions are not 9 and 12")
	}
}

func TestSequenceNumbersOfSessionsAreIndependent(t *testing.T) {
	r := newReplica(t, smallLimits)
	one, other := r.register(0), r.register(0)
	r.wantReply("a", 1)(r.execute(one, 1, 1, "a"))
	r.wantReply("b", 2)(r.execute(other, 1, 1, "b"))
	r.wantReply("a", 2)(r.execute(one, 1, 1, "c"))
}

func TestCommandsInFlightMayArriveInAnyOrder(t *testing.T) {
	l := smallLimits
	l.Window, l.TotalBytes = 8, 100
	r := newReplica(t, l)
	id := r.register(0)
	for i, sequence := range []uint64{3, 1, 8, 7, 2, 5, 6, 4} {
		r.wantReply(string(rune('0'+sequence)), i+1)(r.execute(id, sequence, 1, string(rune('0'+sequence))))
	}
	for sequence := uint64(1); sequence <= 8; sequence++ {
		r.wantReply(string(rune('0'+sequence)), 8)(r.execute(id, sequence, 1, "other"))
	}
}

func TestAnAcknowledgedReplyIsDroppedAndItsCommandNeverExecutedAgain(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	r.wantReply("b", 2)(r.execute(id, 2, 2, "b"))
	if r.table.Bytes() != 1 {
		t.Errorf("%d bytes of replies, want 1", r.table.Bytes())
	}
	r.want(ErrAcknowledged)(r.execute(id, 1, 1, "other"))
	r.wantReply("b", 2)(r.execute(id, 2, 2, "other"))
}

func TestACommandThatTheClientHasGivenUpIsNeverExecuted(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("c", 1)(r.execute(id, 3, 3, "c"))
	r.want(ErrAcknowledged)(r.execute(id, 2, 1, "b")) // overtaken by 3
	r.wantReply("c", 1)(r.execute(id, 3, 2, "other"))
}

func TestAnOlderAcknowledgementTakesNothingBack(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("c", 1)(r.execute(id, 3, 3, "c"))
	r.wantReply("d", 2)(r.execute(id, 4, 1, "d")) // sent before 3, applied after it
	r.want(ErrAcknowledged)(r.execute(id, 2, 2, "b"))
	r.want(ErrWindow)(r.execute(id, 5, 1, "e"))
}

func TestADuplicateMayCarryTheAcknowledgement(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	r.wantReply("b", 2)(r.execute(id, 2, 1, "b"))
	r.wantReply("b", 2)(r.execute(id, 2, 2, "other"))
	r.want(ErrAcknowledged)(r.execute(id, 1, 1, "other"))
}

func TestWhatACommandOfAnEndedOrUnknownSessionGets(t *testing.T) {
	end := map[string]func(r *replica, id uint64) uint64{
		"closed": func(r *replica, id uint64) uint64 {
			r.want(nil)(r.apply(Header{Kind: Close, Session: id}, ""))
			return id
		},
		"idle": func(r *replica, id uint64) uint64 {
			r.want(nil)(r.apply(Header{Kind: Advance, Time: 101}, ""))
			return id
		},
		"replaced":   func(r *replica, id uint64) uint64 { r.register(0); r.register(0); r.register(0); return id },
		"none":       func(*replica, uint64) uint64 { return 0 },
		"not theirs": func(*replica, uint64) uint64 { return 1 },
		"to come":    func(_ *replica, id uint64) uint64 { return id + 2 },
	}
	for name, ended := range end {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, smallLimits)
			id := r.register(0)
			r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
			id = ended(r, id)
			r.want(ErrExpired)(r.execute(id, 1, 1, "other"))
			r.want(ErrExpired)(r.execute(id, 2, 1, "b"))
			r.want(ErrExpired)(r.apply(Header{Kind: KeepAlive, Session: id}, ""))
			r.want(ErrExpired)(r.apply(Header{Kind: Close, Session: id}, ""))
			if r.executed != 1 {
				t.Errorf("%d executions, want 1", r.executed)
			}
		})
	}
}

func TestAClosedSessionLeavesNothingBehind(t *testing.T) {
	r := newReplica(t, smallLimits)
	before := r.register(0)
	id := r.register(0)
	after := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	r.want(nil)(r.apply(Header{Kind: Close, Session: id}, ""))
	r.wantSessions(before, after)
	if r.table.Bytes() != 0 {
		t.Errorf("%d bytes are left", r.table.Bytes())
	}
}

func TestASessionLivesForItsLifetimeAndNotLonger(t *testing.T) {
	touch := map[string]Header{
		"command":              {Kind: Execute, Sequence: 2, Awaiting: 1},
		"duplicate":            {Kind: Execute, Sequence: 1, Awaiting: 1},
		"beyond the window":    {Kind: Execute, Sequence: 9, Awaiting: 1},
		"keep-alive":           {Kind: KeepAlive},
		"with acknowledgement": {Kind: KeepAlive, Awaiting: 2},
	}
	for name, h := range touch {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, smallLimits)
			id := r.register(1000)
			r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
			h.Session, h.Time = id, 1100
			_, _ = r.apply(h, "b")
			r.wantSessions(id)
			r.want(nil)(r.apply(Header{Kind: Advance, Time: 1200}, ""))
			r.wantSessions(id)
			r.want(nil)(r.apply(Header{Kind: Advance, Time: 1201}, ""))
			r.wantSessions()
		})
	}
}

func TestASessionThatIsIdleForTooLongIsGoneAtItsOwnNextCommand(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(1000)
	r.want(ErrExpired)(r.apply(Header{Kind: Execute, Time: 1101, Session: id, Sequence: 1, Awaiting: 1}, "a"))
	if r.executed != 0 {
		t.Error("the command was executed")
	}
}

func TestExpiryTakesAllThatAreIdleAndNobodyElse(t *testing.T) {
	r := newReplica(t, smallLimits)
	a, b, c := r.register(0), r.register(50), r.register(60)
	r.want(nil)(r.apply(Header{Kind: KeepAlive, Session: a, Time: 70}, ""))
	r.wantSessions(b, c, a)
	r.want(nil)(r.apply(Header{Kind: Advance, Time: 161}, ""))
	r.wantSessions(a)
}

func TestTimeNeverFalls(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(1000)
	other := r.register(900) // proposed by a server whose clock is behind
	if r.table.Time() != 1000 {
		t.Errorf("time is %d, want 1000", r.table.Time())
	}
	r.want(nil)(r.apply(Header{Kind: Advance, Time: 1100}, ""))
	r.wantSessions(id, other)
	r.want(nil)(r.apply(Header{Kind: Advance, Time: 0}, ""))
	r.want(nil)(r.apply(Header{Kind: Advance, Time: 1101}, ""))
	r.wantSessions()
}

func TestWithoutALifetimeTimeEndsNoSession(t *testing.T) {
	l := smallLimits
	l.Lifetime = 0
	r := newReplica(t, l)
	id := r.register(0)
	r.want(nil)(r.apply(Header{Kind: Advance, Time: math.MaxUint64}, ""))
	r.wantSessions(id)
}

func TestAnEntryIsAppliedOnce(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	before := r.table.encoded(t)
	for index := range r.table.applied + 1 {
		for _, h := range []Header{
			{Kind: Register, Time: 5}, {Kind: Execute, Session: id, Sequence: 2, Awaiting: 2}, {Kind: Close, Session: id},
			{Kind: Configure, Limits: Limits{Sessions: 1, Window: 1}},
		} {
			if _, err := r.table.Apply(index, h, nil); !errors.Is(err, ErrApplied) {
				t.Errorf("entry %d, applied again: %v", index, err)
			}
		}
	}
	if !bytes.Equal(before, r.table.encoded(t)) {
		t.Error("an entry that was applied before has changed the table")
	}
}

func TestAMalformedHeaderChangesNothing(t *testing.T) {
	for name, h := range malformed {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, smallLimits)
			if id := r.register(0); id != 2 {
				t.Fatalf("the session is %d", id)
			}
			before := r.table.encoded(t)
			_, err := r.apply(h, "a")
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrLimits) {
				t.Errorf("got error %v", err)
			}
			if r.executed != 0 || !bytes.Equal(before, r.table.encoded(t)) {
				t.Error("a malformed header has had an effect")
			}
		})
	}
}

func TestTheCommandThatIsExecutedCannotChangeTheTable(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	state := r.table.encoded(t)
	r.wantReply("a", 0)(func() (string, error) {
		reply, err := r.table.Apply(3, Header{Kind: Execute, Session: id, Sequence: 1, Awaiting: 1}, func() []byte {
			r.want(ErrBusy)(r.apply(Header{Kind: Close, Session: id}, ""))
			if _, err := r.table.MarshalBinary(); !errors.Is(err, ErrBusy) {
				t.Errorf("encoded in the middle of a command: %v", err)
			}
			if err := r.table.UnmarshalBinary(state); !errors.Is(err, ErrBusy) {
				t.Errorf("decoded in the middle of a command: %v", err)
			}
			return []byte("a")
		})
		return string(reply), err
	}())
	r.wantReply("a", 0)(r.execute(id, 1, 1, "other"))
}

func TestAfterACommandThatPanickedTheTableRefusesEverything(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	func() {
		defer func() { _ = recover() }()
		_, _ = r.table.Apply(3, Header{Kind: Execute, Session: id, Sequence: 1, Awaiting: 1}, func() []byte { panic("disk") })
	}()
	r.want(ErrBusy)(r.execute(id, 1, 1, "a"))
	if _, err := r.table.MarshalBinary(); !errors.Is(err, ErrBusy) || r.executed != 0 {
		t.Errorf("a state in doubt was encoded: %v", err)
	}
}

func TestTheTableKeepsACopyOfTheReply(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	buffer := []byte("abc")
	execute := Header{Kind: Execute, Session: id, Sequence: 1, Awaiting: 1}
	first, err := r.table.Apply(3, execute, func() []byte { return buffer })
	if err != nil {
		t.Fatal(err)
	}
	copy(buffer, "xyz") // for the next command
	again, err := r.table.Apply(4, execute, nil)
	if string(first) != "abc" || string(again) != "abc" || err != nil {
		t.Errorf("got %q, then %q, %v", first, again, err)
	}
	r.want(nil)(r.apply(Header{Kind: KeepAlive, Session: id, Awaiting: 2}, ""))
	if string(first) != "abc" {
		t.Errorf("a reply that was handed out has become %q", first)
	}
}

func TestAnEmptyReplyIsNilTheFirstTimeAndLater(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	h := Header{Kind: Execute, Session: id, Sequence: 1, Awaiting: 1}
	for index := uint64(3); index < 5; index++ {
		if reply, err := r.table.Apply(index, h, func() []byte { r.executed++; return []byte{} }); reply != nil || err != nil {
			t.Errorf("got %#v, %v", reply, err)
		}
	}
	if reply, err := r.table.restored(t).Apply(5, h, nil); reply != nil || err != nil || r.executed != 1 {
		t.Errorf("got %#v, %v from a restored table, %d executions", reply, err, r.executed)
	}
}

func TestTheLargestSequenceNumbersCanBeUsed(t *testing.T) {
	const last = math.MaxUint64
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, last, last-1, "a"))
	r.wantReply("b", 2)(r.execute(id, last-1, last-1, "b"))
	r.table = *r.table.restored(t)
	r.wantReply("a", 2)(r.execute(id, last, last, "other"))
	r.want(ErrAcknowledged)(r.execute(id, last-1, last-1, "other"))
	r.table.restored(t)
}
