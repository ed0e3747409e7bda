package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/wire/sample"
	"github.com/ffd200af/raft/raftpb"
)

func TestWhatOneReadsOfDamagedBytesTheOtherReadsToo(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			accepted, refused := 0, map[sample.Flaw]int{}
			for range 5 * rounds {
				source := pair.ours()
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
				data := encoded(t, source)
				if r.IntN(2) == 0 {
					data = sample.Odd(r, reflect.ValueOf(source).Elem())
				}
				data = sample.Damage(r, data)
				ours, theirs := pair.ours(), pair.etcd()
				err, theirErr := ours.Unmarshal(data), theirs.Unmarshal(data)
				switch {
				case err == nil && theirErr == nil:
					accepted++
					if a, b := encoded(t, ours), encoded(t, theirs); !bytes.Equal(a, b) {
						t.Fatalf("%x\nours   %+v\ntheirs %+v", data, ours, theirs)
					}
				case err == nil:
					t.Fatalf("%x: only they refuse it: %v", data, theirErr)
				case theirErr == nil:
					refused[reason(t, data, reflect.TypeOf(ours).Elem(), err)]++
				}
			}
			if accepted == 0 {
				t.Error("nothing that was damaged was read")
			}
			t.Logf("%d read by both; only by them: %v", accepted, refused)
		})
	}
}

// reason returns why we, and only we, refuse an input. Both reasons are against the format: a field
// number of more than 29 bits, of which they drop the upper ones, and a list of packed ids that
// ends inside of one, which they read on into what stands behind it.
func reason(t *testing.T, data []byte, typ reflect.Type, err error) sample.Flaw {
	t.Helper()
	flaws := sample.Scan(data, typ)
	if errors.Is(err, raftpb.ErrWireType) && flaws&sample.WideTag != 0 {
		return sample.WideTag
	}
	if flaws&sample.CutList != 0 {
		return sample.CutList
	}
	t.Fatalf("%x: only we refuse it: %v (flaws: %v)", data, err, flaws)
	return 0
}

// Cut off anywhere, at a boundary of two fields or inside of one, an encoding is for both the same
// or nothing. Programs compare with the error, to tell a torn write from a damaged one.
func TestACutIsSeenByBoth(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(17, 18))
			for range rounds / 30 {
				source := pair.ours()
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
				data := encoded(t, source)
				for i := range data {
					ours, theirs := pair.ours(), pair.etcd()
					err, theirErr := ours.Unmarshal(data[:i]), theirs.Unmarshal(data[:i])
					if err != theirErr || err != nil && err != io.ErrUnexpectedEOF {
						t.Fatalf("%x: %v, want %v", data[:i], err, theirErr)
					}
					if a, b := encoded(t, ours), encoded(t, theirs); err == nil && !bytes.Equal(a, b) {
						t.Fatalf("%x\nours   %x\ntheirs %x", data[:i], a, b)
					}
				}
			}
		})
	}
}

func TestErrorsHaveTheSameTexts(t *testing.T) {
	for _, pair := range [][2]error{
		{raftpb.ErrIntOverflowRaft, etcd.ErrIntOverflowRaft},
		{raftpb.ErrInvalidLengthRaft, etcd.ErrInvalidLengthRaft},
		{raftpb.ErrUnexpectedEndOfGroupRaft, etcd.ErrUnexpectedEndOfGroupRaft},
	} {
		if pair[0].Error() != pair[1].Error() {
			t.Errorf("%q, want %q", pair[0], pair[1])
		}
	}
}

// Each reason for which we refuse what they read, by its smallest example.
func TestWhatOnlyWeRefuse(t *testing.T) {
	nested := func(levels int) []byte {
		var m raftpb.Message
		for range levels {
			m = raftpb.Message{Responses: []raftpb.Message{m}}
		}
		return encoded(t, &m)
	}
	groups := func(levels int) []byte {
		begin, end := []byte{15<<3 | 3}, []byte{15<<3 | 4}
		return append(bytes.Repeat(begin, levels), bytes.Repeat(end, levels)...)
	}
	for _, tc := range []struct {
		name string
		typ  int // of pairs
		data []byte
		want error // nil: both read it
	}{
		{"a field number of 30 bits", 2, []byte{0x80, 0x80, 0x80, 0x80, 0x10, 1}, raftpb.ErrWireType},
		{"a field number of 33 bits that ends in 1", 2, []byte{0x88, 0x80, 0x80, 0x80, 0x80, 1, 1}, raftpb.ErrWireType},
		{"a field number of 29 bits", 2, []byte{0xf8, 0xff, 0xff, 0xff, 0x0f, 1}, nil},
		{"number 0 in a group", 2, []byte{15<<3 | 3, 0, 1, 15<<3 | 4}, raftpb.ErrWireType},
		{"a list that ends inside of a number", 5, []byte{1<<3 | 2, 2, 5, 0x80, 0}, io.ErrUnexpectedEOF},
		{"a list that ends with a number", 5, []byte{1<<3 | 2, 3, 5, 0x80, 1}, nil},
		{"responses as deep as we go", 1, nested(raftpb.MaxNesting), nil},
		{"responses deeper than that", 1, nested(raftpb.MaxNesting + 1), raftpb.ErrNesting},
		{"groups as deep as we go", 1, groups(raftpb.MaxNesting), nil},
		{"groups deeper than that", 1, groups(raftpb.MaxNesting + 1), raftpb.ErrNesting},
		{"as many empty responses as we read", 1, bytes.Repeat([]byte{14<<3 | 2, 0}, 36), nil},
		{"thousands of empty responses", 1, bytes.Repeat([]byte{14<<3 | 2, 0}, 1000), raftpb.ErrDecodeLimit},
		{"thousands of empty entries", 1, bytes.Repeat([]byte{7<<3 | 2, 0}, 100_000), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := pairs[tc.typ].ours(), pairs[tc.typ].etcd()
			if err := theirs.Unmarshal(tc.data); err != nil {
				t.Fatalf("they refuse it too: %v", err)
			}
			if err := ours.Unmarshal(tc.data); !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			if a, b := encoded(t, ours), encoded(t, theirs); tc.want == nil && !bytes.Equal(a, b) {
				t.Errorf("ours %x, theirs %x", a, b)
			}
		})
	}
}
