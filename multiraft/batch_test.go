package multiraft

import (
	"errors"
	"reflect"
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
