package raft

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/ffd200af/raft/internal/checkpoint"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// A quarantined node takes no input: no method of RawNode, future ones included, changes its state
// or adds to its recording. A recording ends with the input that broke the node.
func TestAQuarantinedNodeTakesAndRecordsNoInput(t *testing.T) {
	for method := range reflect.TypeFor[*RawNode]().NumMethod() {
		name := reflect.TypeFor[*RawNode]().Method(method).Name
		t.Run(name, func(t *testing.T) {
			ring := recording.NewRing(1 << 20)
			n := quarantinedNode(t, ring)
			state, recorded := stateOf(t, n), recordingOf(t, ring)
			call := reflect.ValueOf(n).Method(method)
			call.Call(someArguments(call.Type()))
			if !bytes.Equal(stateOf(t, n), state) {
				t.Error("it changes the node")
			}
			if now := recordingOf(t, ring); !bytes.Equal(now, recorded) {
				t.Errorf("it records %d bytes", len(now)-len(recorded))
			}
		})
	}
}

// quarantinedNode leads, holds a batch, and is then quarantined.
func quarantinedNode(t *testing.T, ring *recording.Ring) *RawNode {
	t.Helper()
	storage := NewMemoryStorage()
	if err := storage.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1}})); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig(1, storage)
	c.Logger, c.Recording = DiscardLogger, ring
	n, err := NewRawNode(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	for n.BasicStatus().RaftState != StateLeader {
		rd := n.Ready()
		if err := errors.Join(storage.Append(rd.Entries), storage.SetHardState(rd.HardState)); err != nil {
			t.Fatal(err)
		}
		n.Advance(rd)
	}
	n.Ready()
	_ = n.raft.quarantine("testing", ErrInvariant)
	return n
}

// stateOf returns the whole state of a node except the error, which checkpoints do not hold.
func stateOf(t *testing.T, n *RawNode) []byte {
	t.Helper()
	node := *n
	node.raft.broken = nil
	state, whole := checkpoint.Append(nil, &node, math.MaxInt/2)
	if !whole {
		t.Fatal("the state cannot be encoded")
	}
	return state
}

func recordingOf(t *testing.T, ring *recording.Ring) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := ring.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// someArguments returns arguments with which a healthy leader would have something to do.
func someArguments(f reflect.Type) []reflect.Value {
	var args []reflect.Value
	for i := range f.NumIn() {
		var arg any
		switch in := f.In(i); {
		case in == reflect.TypeFor[pb.ConfChangeI]():
			arg = pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 2}
		case in == reflect.TypeFor[pb.Message]():
			arg = pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 9}
		case in == reflect.TypeFor[[]Peer]():
			arg = []Peer{{ID: 1}}
		case in == reflect.TypeFor[[]byte]():
			arg = []byte("data")
		case in.Kind() == reflect.Uint64:
			arg = uint64(2)
		case in.Kind() == reflect.Int:
			arg = 5
		case in.Kind() == reflect.Func:
			args = append(args, reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value { return nil }))
			continue
		default:
			args = append(args, reflect.Zero(in))
			continue
		}
		args = append(args, reflect.ValueOf(arg).Convert(f.In(i)))
	}
	return args
}
