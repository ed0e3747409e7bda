package session

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"testing"
)

var _ interface {
	encoding.BinaryAppender
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
} = (*Table)(nil)

// stocked returns a replica with three sessions that hold a bit of everything.
func stocked(tb testing.TB) *replica {
	tb.Helper()
	l := Limits{Sessions: 4, Window: 3, ReplyBytes: 4, TotalBytes: 20, Lifetime: 100}
	r := newReplica(tb, l)
	a, b, c := r.register(1000), r.register(1001), r.register(1002)
	r.wantReply("aa", 1)(r.execute(a, 1, 1, "aa"))
	r.want(ErrReplyTooLong)(r.execute(a, 2, 1, "aaaaa"))
	r.wantReply("", 3)(r.execute(a, 3, 1, ""))
	r.wantReply("cccc", 4)(r.execute(c, 300, 298, "cccc"))
	r.want(nil)(r.apply(Header{Kind: KeepAlive, Session: b, Time: 1003}, ""))
	r.want(nil)(r.apply(Header{Kind: Advance, Time: 1050}, ""))
	return r
}

func TestTheEncodingIsTheDocumentedOne(t *testing.T) {
	r := newReplica(t, Limits{Sessions: 3, Window: 3, ReplyBytes: 4, TotalBytes: 20, Lifetime: 100})
	a, b := r.register(50), r.register(51)
	r.want(nil)(r.execute(a, 4, 2, "hi"))
	r.want(ErrReplyTooLong)(r.execute(a, 3, 2, "12345"))
	want := []byte{
		1,                // version
		3, 3, 4, 20, 100, // limits
		5, 51, 2, // applied, time, sessions
		byte(b), 51, 1, 0,
		byte(a), 0, 2, 2, // at the same time; awaits 2; two replies
		1, 0, // 3, too long
		0, 3, 'h', 'i', // 4
	}
	if got := r.table.encoded(t); !bytes.Equal(got, want) {
		t.Errorf("got  %d\nwant %d", got, want)
	}
	if got, err := r.table.AppendBinary([]byte("before")); string(got) != "before"+string(want) || err != nil {
		t.Errorf("appended: %d, %v", got, err)
	}
}

func TestARestoredTableGoesOnLikeTheOneThatWasSaved(t *testing.T) {
	r := stocked(t)
	r.table = *r.table.restored(t)
	r.wantSessions(2, 4, 3)
	r.wantReply("aa", 4)(r.execute(2, 1, 1, "other"))
	r.want(ErrReplyTooLong)(r.execute(2, 2, 1, "other"))
	r.want(ErrAcknowledged)(r.execute(4, 297, 1, "other"))
	r.wantReply("cccc", 4)(r.execute(4, 300, 298, "other"))
	r.wantReply("x", 5)(r.execute(4, 299, 298, "x"))
	if r.table.Time() != 1050 || r.table.Limits().Lifetime != 100 {
		t.Errorf("time %d, limits %+v", r.table.Time(), r.table.Limits())
	}
}

func TestRestoringReplacesTheWholeTableAndKeepsNoPartOfTheInput(t *testing.T) {
	data := stocked(t).table.encoded(t)
	r := newReplica(t, smallLimits)
	r.register(5000)
	input := bytes.Clone(data)
	if err := r.table.UnmarshalBinary(input); err != nil {
		t.Fatal(err)
	}
	clear(input)
	if got := r.table.encoded(t); !bytes.Equal(got, data) {
		t.Errorf("got %x, want %x", got, data)
	}
}

func TestInputThatEndsEarlyOrGoesOnIsCorrupt(t *testing.T) {
	data := stocked(t).table.encoded(t)
	for cut := range data {
		if err := new(Table).UnmarshalBinary(data[:cut]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	if err := new(Table).UnmarshalBinary(append(data, 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestAnUnknownVersionIsRefused(t *testing.T) {
	data := stocked(t).table.encoded(t)
	data[0]++
	if err := new(Table).UnmarshalBinary(data); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v", err)
	}
}

// numbers encodes a table by hand: the version, then everything as varints.
func numbers(values ...uint64) []byte {
	b := []byte{version}
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func TestATableThatNoCommandsCouldLeadToIsCorrupt(t *testing.T) {
	const all = math.MaxUint64
	tests := map[string][]byte{
		"more sessions than there is input": numbers(9, 1, 0, 0, 0, 9, 0, 2, 1, 0, 1, 0),
		"sessions without limits":           numbers(0, 0, 0, 0, 0, 9, 0, 1, 1, 0, 1, 0),
		"limits that contradict each other": numbers(1, 2, 3, 5, 0, 9, 0, 0),
		"too many sessions":                 numbers(1, 1, 0, 0, 0, 9, 0, 2, 1, 0, 1, 0, 2, 0, 1, 0),
		"a session twice":                   numbers(9, 1, 0, 0, 0, 9, 0, 2, 1, 0, 1, 0, 1, 0, 1, 0),
		"a session 0":                       numbers(9, 1, 0, 0, 0, 9, 0, 1, 0, 0, 1, 0),
		"a session of a later entry":        numbers(9, 1, 0, 0, 0, 9, 0, 1, 10, 0, 1, 0),
		"awaiting 0":                        numbers(9, 1, 0, 0, 0, 9, 0, 1, 1, 0, 0, 0),
		"active in the future":              numbers(9, 1, 0, 0, 0, 9, 5, 2, 1, 3, 1, 0, 2, 3, 1, 0),
		"active in a time that wraps":       numbers(9, 1, 0, 0, 0, 9, 5, 2, 1, 3, 1, 0, 2, all, 1, 0),
		"an expired session":                numbers(9, 1, 0, 0, 4, 9, 5, 1, 1, 0, 1, 0),
		"more replies than there is input":  numbers(9, 9, 0, 0, 0, 9, 0, 1, 1, 0, 1, 2, 0, 1),
		"a reply beyond the window":         numbers(9, 2, 0, 0, 0, 9, 0, 1, 1, 0, 1, 1, 2, 1),
		"replies beyond the window":         numbers(9, 2, 0, 0, 0, 9, 0, 1, 1, 0, 1, 2, 1, 1, 0, 1),
		"a sequence number that wraps":      numbers(9, 2, 0, 0, 0, 9, 0, 1, 1, 0, all, 1, 1, 1),
		"a number behind the largest":       numbers(9, all, 0, 0, 0, 9, 0, 1, 1, 0, all, 2, 0, 1, 0, 1),
		"a reply that is too long":          numbers(9, 2, 1, 9, 0, 9, 0, 1, 1, 0, 1, 1, 0, 3, 'a', 'b'),
		"a reply longer than the input":     numbers(9, 2, 4, 9, 0, 9, 0, 1, 1, 0, 1, 1, 0, 4, 'a', 'b'),
		"too many bytes": numbers(9, 1, 2, 3, 0, 9, 0, 2,
			1, 0, 1, 1, 0, 3, 'a', 'b', 2, 0, 1, 1, 0, 3, 'c', 'd'),
		"a number longer than it need be": append(numbers(9, 1, 0, 0, 0, 9, 0), 0x80, 0),
		"a number beyond 64 bit":          append([]byte{version}, bytes.Repeat([]byte{0xff}, 30)...),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			r := stocked(t)
			before := r.table.encoded(t)
			if err := r.table.UnmarshalBinary(data); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			if !bytes.Equal(before, r.table.encoded(t)) {
				t.Error("input that was refused has changed the table")
			}
		})
	}
}

// What is refused above is one step from something that is not.
func TestATableAtAllItsBoundsIsAccepted(t *testing.T) {
	const all = math.MaxUint64
	for name, data := range map[string][]byte{
		"as many sessions as may be": numbers(2, 1, 0, 0, 0, 9, 0, 2, 1, 0, 1, 0, 2, 0, 1, 0),
		"about to expire":            numbers(9, 1, 0, 0, 5, 9, 5, 1, 9, 0, 1, 0),
		"idle, without a lifetime":   numbers(9, 1, 0, 0, 0, 9, 500, 1, 9, 0, 1, 0),
		"a full window":              numbers(9, 2, 2, 4, 0, 9, 0, 1, 1, 0, 1, 2, 0, 3, 'a', 'b', 0, 3, 'c', 'd'),
		"the largest number":         numbers(9, 2, 0, 0, 0, 9, 0, 1, 1, 0, all, 1, 0, 1),
	} {
		var table Table
		if err := table.UnmarshalBinary(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		table.verify(t)
		if got := table.encoded(t); !bytes.Equal(got, data) {
			t.Errorf("%s: encoded as %x, want %x", name, got, data)
		}
	}
}

// The bytes of input that cost most are sessions without replies, and replies of one byte.
func TestDecodingAllocatesAtMostAFixedMultipleOfItsInput(t *testing.T) {
	const n, factor, base = 10_000, 100, 64 << 10
	sessions := numbers(n, 1, 0, 0, 0, n, 0, n)
	for id := range uint64(n) {
		sessions = binary.AppendUvarint(sessions, id+1)
		sessions = append(sessions, 0, 1, 0)
	}
	replies := numbers(1, n, 1, n, 0, 9, 0, 1, 1, 0, 1, n)
	for range n {
		replies = append(replies, 0, 2, 'a')
	}
	claims := numbers(math.MaxUint64, 1<<40, 0, 0, 0, math.MaxUint64, 0, 1<<50, 1, 0, 1, 1<<39, 0, 1<<38)
	for name, data := range map[string][]byte{"sessions": sessions, "replies": replies, "claims": claims} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := new(Table).UnmarshalBinary(data)
		runtime.ReadMemStats(&after)
		if (err != nil) != (name == "claims") {
			t.Errorf("%s: %v", name, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > base+factor*uint64(len(data)) {
			t.Errorf("%s: %d bytes of memory for %d of input", name, got, len(data))
		} else {
			t.Logf("%s: %d bytes of memory for %d of input", name, got, len(data))
		}
	}
}

// FuzzUnmarshal decodes anything: no panic, and what is accepted keeps all bounds and is
// encoded to the same bytes.
func FuzzUnmarshal(f *testing.F) {
	f.Add(stocked(f).table.encoded(f))
	f.Add(new(Table).encoded(f))
	f.Add(numbers(9, 2, 2, 4, 0, 9, 0, 1, 1, 0, 1, 2, 0, 3, 'a', 'b', 0, 3, 'c', 'd'))
	f.Add(numbers(9, 2, 0, 0, 0, 9, 0, 1, 1, 0, math.MaxUint64, 1, 0, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		var table Table
		if err := table.UnmarshalBinary(data); err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		table.verify(t)
		if again := table.encoded(t); !bytes.Equal(again, data) {
			t.Fatalf("%x was decoded and encoded to %x", data, again)
		}
	})
}
