package multiraft

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func someBatch() *Batch {
	return &Batch{
		From: 1, To: 2, Incarnation: 3, Number: 4, HeardIncarnation: 5, HeardNumber: 6,
		Heartbeats: []Heartbeat{{Group: 7, From: 1, To: 2, Term: 3, Commit: 4, Context: []byte("round"), Sleep: true}, {Group: 1 << 60}},
		Responses:  []Heartbeat{{Group: 7, From: 2, To: 1, Term: 3}},
		Wakes:      []uint64{9, 1 << 63},
		Messages: []Message{
			{7, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 3, Entries: []pb.Entry{{Term: 3, Index: 9, Data: []byte("x")}}}},
			{8, pb.Message{Type: pb.MsgVote, From: 1, To: 2, Term: 3}},
		},
	}
}

func TestABatchIsReadAsItWasWritten(t *testing.T) {
	want := someBatch()
	data, err := want.Append([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	data = data[len("before"):]
	got := Batch{Wakes: []uint64{1, 2, 3}}
	if err := got.Unmarshal(data); err != nil {
		t.Fatal(err)
	}
	clear(data) // nothing is shared
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	count := map[pb.MessageType]int{}
	got.Each(func(_ uint64, m pb.Message) { count[m.Type]++ })
	if count[pb.MsgHeartbeat] != 2 || count[pb.MsgHeartbeatResp] != 1 || count[pb.MsgApp] != 1 || count[pb.MsgVote] != 1 {
		t.Errorf("%v", count)
	}
}

func TestBytesThatAreNoBatchAreRefused(t *testing.T) {
	data, _ := someBatch().Append(nil)
	for n := range data {
		if err := new(Batch).Unmarshal(data[:n]); !errors.Is(err, ErrBatch) {
			t.Fatalf("the first %d bytes of %d: %v", n, len(data), err)
		}
	}
	for _, bad := range [][]byte{append(data[:len(data):len(data)], 0), append([]byte{9}, data[1:]...)} {
		if err := new(Batch).Unmarshal(bad); !errors.Is(err, ErrBatch) {
			t.Errorf("%v", err)
		}
	}
}

// Unmarshal takes memory in proportion to its input, whatever that is.
func TestTheMemoryOfABatchIsBounded(t *testing.T) {
	if n := new(pb.Message).Size(); n < leastMessage {
		t.Errorf("a message of %d bytes would be refused", n)
	}
	header := []byte{version, 1, 2, 1, 1, 1, 1, 1}
	responses := append([]byte{1, 20}, bytes.Repeat([]byte{0x72, 0}, 10)...)
	for _, c := range []struct {
		name, before, unit, after string
	}{
		{"heartbeats", "", "\x01\x01\x01\x01\x01\x00", "\x00\x00\x00"},
		{"empty messages", "\x00\x00\x00", "\x01\x00", ""},
		{"messages of empty messages", "\x00\x00\x00", string(responses), ""},
	} {
		n := 1 << 20 / len(c.unit)
		data := binary.AppendUvarint(append(header[:len(header):len(header)], c.before...), uint64(n))
		data = append(append(data, strings.Repeat(c.unit, n)...), c.after...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = new(Batch).Unmarshal(data)
		runtime.ReadMemStats(&after)
		if factor := int(after.TotalAlloc-before.TotalAlloc) / len(data); factor > 100 {
			t.Errorf("%s: %d bytes for each byte", c.name, factor)
		}
	}
}

func FuzzBatch(f *testing.F) {
	data, _ := someBatch().Append(nil)
	f.Add(data)
	f.Add([]byte{version, 1, 2, 1, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		if b.Unmarshal(data) != nil {
			return
		}
		again, err := b.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		var c Batch
		if err := c.Unmarshal(again); err != nil {
			t.Fatalf("what was read and written cannot be read: %v", err)
		}
		twice, _ := c.Append(nil)
		if string(again) != string(twice) {
			t.Fatal("what was read is written differently")
		}
		s, err := New(Config{ID: b.To | 1, Incarnation: 1})
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Step(&b) // and does not panic
		if s.HasReady() {
			s.Advance(s.Ready())
		}
	})
}
