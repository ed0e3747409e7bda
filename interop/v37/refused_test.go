package v37

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ffd200af/raft/interop/wire/sample"
	"github.com/ffd200af/raft/raftpb"
)

// Of input that no encoder writes, v3.7 is stricter than v3.6 and this library with numbers and
// groups, and takes a known field of a wrong type for an unknown one, where they refuse.
func TestWhatOneReadsOfDamagedBytesTheOtherReadsToo(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			accepted, onlyThey, onlyWe := 0, map[sample.Flaw]int{}, map[sample.Flaw]int{}
			for range 5 * rounds {
				source := pair.ours()
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
				data := encoded(t, source)
				if r.IntN(2) == 0 {
					data = sample.Odd(r, reflect.ValueOf(source).Elem())
				}
				data = sample.Damage(r, data)
				ours, theirs := pair.ours(), pair.etcd()
				err, theirErr := ours.Unmarshal(data), proto.Unmarshal(data, theirs)
				flaws := sample.Scan(data, reflect.TypeOf(ours).Elem())
				switch {
				case err == nil && theirErr == nil:
					accepted++
					if a, b := encoded(t, ours), inOurWords(t, pair.ours(), theirs); !bytes.Equal(a, b) {
						t.Fatalf("%x\nours   %+v\ntheirs %+v", data, ours, theirs)
					}
				case err == nil:
					flaws &= sample.WideNumber | sample.CrossedGroup
					if flaws == 0 {
						t.Fatalf("%x: only they refuse it: %v", data, theirErr)
					}
					onlyWe[flaws]++
				case theirErr == nil:
					if !errors.Is(err, raftpb.ErrWireType) || flaws&sample.WrongType == 0 {
						t.Fatalf("%x: only we refuse it: %v (flaws: %v)", data, err, flaws)
					}
					onlyThey[sample.WrongType]++
				}
			}
			if accepted == 0 {
				t.Error("nothing that was damaged was read")
			}
			t.Logf("%d read by both; only by them: %v, only by us: %v", accepted, onlyThey, onlyWe)
		})
	}
}

// Each of the reasons by its smallest example.
func TestWhatOnlyOneRefuses(t *testing.T) {
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
	full := bytes.Repeat([]byte{0xff}, 9)
	for _, tc := range []struct {
		name   string
		typ    int // of pairs
		data   []byte
		want   error // of ours
		theirs bool  // read it
	}{
		{"a number of 64 bits", 2, append(append([]byte{1 << 3}, full...), 1), nil, true},
		{"a number of 65 bits", 2, append(append([]byte{1 << 3}, full...), 2), nil, false},
		{"a number of eleven bytes", 2, append(append([]byte{1 << 3}, full...), 0x80, 0), raftpb.ErrIntOverflowRaft, false},
		{"a group closed by another", 2, []byte{15<<3 | 3, 0x84, 0x01}, nil, false},
		{"a term of eight bytes", 2, []byte{1<<3 | 1, 1, 2, 3, 4, 5, 6, 7, 8}, raftpb.ErrWireType, true},
		{"a field number of 30 bits", 2, []byte{0x80, 0x80, 0x80, 0x80, 0x10, 1}, raftpb.ErrWireType, false},
		{"number 0 in a group", 2, []byte{15<<3 | 3, 0, 1, 15<<3 | 4}, raftpb.ErrWireType, false},
		{"a list that ends inside of a number", 5, []byte{1<<3 | 2, 2, 5, 0x80, 0}, io.ErrUnexpectedEOF, false},
		{"responses as deep as we go", 1, nested(raftpb.MaxNesting), nil, true},
		{"responses deeper than that", 1, nested(raftpb.MaxNesting + 1), raftpb.ErrNesting, true},
		{"groups as deep as we go", 1, groups(raftpb.MaxNesting), nil, true},
		{"groups deeper than that", 1, groups(raftpb.MaxNesting + 1), raftpb.ErrNesting, true},
		{"thousands of empty responses", 1, bytes.Repeat([]byte{14<<3 | 2, 0}, 1000), raftpb.ErrDecodeLimit, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := pairs[tc.typ].ours(), pairs[tc.typ].etcd()
			if err := proto.Unmarshal(tc.data, theirs); (err == nil) != tc.theirs {
				t.Errorf("they: %v", err)
			}
			if err := ours.Unmarshal(tc.data); !errors.Is(err, tc.want) {
				t.Errorf("we: %v, want %v", err, tc.want)
			}
		})
	}
}
