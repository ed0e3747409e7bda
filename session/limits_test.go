package session

import (
	"errors"
	"math"
	"testing"
)

func TestARegistrationBeyondTheLimitExpiresTheOneUsedLongestAgo(t *testing.T) {
	r := newReplica(t, smallLimits)
	a, b, c := r.register(0), r.register(0), r.register(0)
	r.wantReply("a", 1)(r.execute(a, 1, 1, "a"))
	r.want(nil)(r.apply(Header{Kind: KeepAlive, Session: b}, ""))
	d := r.register(0)
	r.wantSessions(a, b, d)
	r.want(ErrExpired)(r.execute(c, 1, 1, "c"))
}

func TestACommandBeyondTheWindowIsNotExecutedUntilTheClientAcknowledges(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	r.wantReply("b", 2)(r.execute(id, 2, 1, "b"))
	r.want(ErrWindow)(r.execute(id, 3, 1, "c"))
	if r.executed != 2 {
		t.Fatalf("%d executions, want 2", r.executed)
	}
	r.wantReply("c", 3)(r.execute(id, 3, 2, "c"))
}

// If the bound were a count, the replies to what came later could take the place of the
// command that all acknowledgements wait for.
func TestTheCommandThatTheClientWaitsForLongestIsAlwaysInTheWindow(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("b", 1)(r.execute(id, 2, 1, "b"))
	r.want(ErrWindow)(r.execute(id, 3, 1, "c"))
	r.wantReply("a", 2)(r.execute(id, 1, 1, "a"))
	r.wantReply("c", 3)(r.execute(id, 3, 3, "c"))
}

func TestACommandWithATooLongReplyIsExecutedOnceAndSaysSoEachTime(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("1234", 1)(r.execute(id, 1, 1, "1234"))
	for range 2 {
		if reply, err := r.execute(id, 2, 1, "12345"); !errors.Is(err, ErrReplyTooLong) || reply != "" || r.executed != 2 {
			t.Errorf("got %q, %v after %d executions", reply, err, r.executed)
		}
		r.table = *r.table.restored(t)
	}
	if r.table.Bytes() != 4 {
		t.Errorf("%d bytes of replies, want 4", r.table.Bytes())
	}
}

func TestAReplyBeyondAllBytesExpiresTheOnesUsedLongestAgo(t *testing.T) {
	r := newReplica(t, smallLimits)
	a, b, c := r.register(0), r.register(0), r.register(0)
	r.wantReply("aaa", 1)(r.execute(a, 1, 1, "aaa"))
	r.wantReply("bbb", 2)(r.execute(b, 1, 1, "bbb"))
	r.wantReply("cccc", 3)(r.execute(c, 1, 1, "cccc"))
	r.wantSessions(a, b, c) // exactly at the limit
	r.wantReply("b", 4)(r.execute(b, 2, 1, "b"))
	r.wantSessions(c, b)
	r.wantReply("", 5)(r.execute(c, 2, 1, "")) // nothing more to keep
	r.wantSessions(b, c)
}

func TestASessionNeverExpiresForItsOwnReply(t *testing.T) {
	l := Limits{Sessions: 3, Window: 2, ReplyBytes: 4, TotalBytes: 8}
	r := newReplica(t, l)
	idle, id := r.register(0), r.register(0)
	r.wantReply("i", 1)(r.execute(idle, 1, 1, "i"))
	r.wantReply("aaaa", 2)(r.execute(id, 1, 1, "aaaa"))
	r.wantReply("bbbb", 3)(r.execute(id, 2, 1, "bbbb"))
	r.wantSessions(id)
	r.wantReply("aaaa", 3)(r.execute(id, 1, 1, "other"))
	r.wantReply("bbbb", 3)(r.execute(id, 2, 1, "other"))
}

func TestAKeepAliveAcknowledges(t *testing.T) {
	r := newReplica(t, smallLimits)
	id := r.register(0)
	r.wantReply("a", 1)(r.execute(id, 1, 1, "a"))
	r.want(nil)(r.apply(Header{Kind: KeepAlive, Session: id}, ""))
	if r.table.Bytes() != 1 {
		t.Error("a keep-alive that says nothing has dropped a reply")
	}
	r.want(nil)(r.apply(Header{Kind: KeepAlive, Session: id, Awaiting: 2}, ""))
	if r.table.Bytes() != 0 {
		t.Error("the reply is still there")
	}
	r.want(ErrAcknowledged)(r.execute(id, 1, 1, "other"))
}

func TestLimitsThatContradictEachOtherAreRefused(t *testing.T) {
	for name, l := range map[string]Limits{
		"none":                      {},
		"no session":                {Window: 1},
		"no window":                 {Sessions: 1},
		"less than one full window": {Sessions: 1, Window: 3, ReplyBytes: 5, TotalBytes: 14},
		"a product that wraps":      {Sessions: 1, Window: 1 << 33, ReplyBytes: 1 << 31, TotalBytes: math.MaxUint64},
	} {
		r := newReplica(t, smallLimits)
		if _, err := r.apply(Header{Kind: Configure, Limits: l}, ""); !errors.Is(err, ErrLimits) {
			t.Errorf("%s: got %v", name, err)
		}
		if r.table.Limits() != smallLimits {
			t.Errorf("%s: the limits have become %+v", name, r.table.Limits())
		}
	}
}

func TestTheNarrowestLimitsAreUsable(t *testing.T) {
	r := newReplica(t, Limits{Sessions: 1, Window: 1})
	id := r.register(0)
	r.wantReply("", 1)(r.execute(id, 1, 1, ""))
	r.want(ErrWindow)(r.execute(id, 2, 1, ""))
	r.want(ErrReplyTooLong)(r.execute(id, 2, 2, "a"))
	other := r.register(0)
	r.wantSessions(other)
}

func TestNewLimitsExpireWhatTheyDoNotAdmit(t *testing.T) {
	wide := Limits{Sessions: 10, Window: 4, ReplyBytes: 8, TotalBytes: 100, Lifetime: 1000}
	tests := map[string]struct {
		change func(*Limits)
		left   []int // of the sessions 0 to 3
	}{
		"the same":                   {func(*Limits) {}, []int{0, 1, 2, 3}},
		"fewer sessions":             {func(l *Limits) { l.Sessions = 2 }, []int{2, 3}},
		"a smaller window":           {func(l *Limits) { l.Window = 2 }, []int{0, 2, 3}},
		"shorter replies":            {func(l *Limits) { l.ReplyBytes = 5 }, []int{0, 1, 3}},
		"fewer bytes, which suffice": {func(l *Limits) { l.Window, l.TotalBytes = 3, 24 }, []int{0, 1, 2, 3}},
		"fewer bytes than are kept":  {func(l *Limits) { l.Window, l.ReplyBytes, l.TotalBytes = 1, 6, 7 }, []int{2, 3}},
		"a shorter lifetime":         {func(l *Limits) { l.Lifetime = 30 }, []int{3}},
		"more of everything":         {func(l *Limits) { *l = Limits{20, 8, 16, 200, 0} }, []int{0, 1, 2, 3}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, wide)
			var ids []uint64
			for i, command := range []struct {
				time, sequence uint64
				reply          string
			}{{0, 1, "aaaa"}, {10, 3, "b"}, {20, 1, "cccccc"}, {40, 1, "d"}} {
				ids = append(ids, r.register(command.time))
				r.wantReply(command.reply, i+1)(r.execute(ids[i], command.sequence, 1, command.reply))
			}
			l := wide
			test.change(&l)
			r.want(nil)(r.apply(Header{Kind: Configure, Limits: l, Time: 60}, ""))
			var left []uint64
			for _, i := range test.left {
				left = append(left, ids[i])
			}
			r.wantSessions(left...)
			if r.table.Limits() != l {
				t.Errorf("limits are %+v", r.table.Limits())
			}
		})
	}
}
