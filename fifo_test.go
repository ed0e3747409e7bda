package raft

import (
	"fmt"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// A program may ask for many reads before it takes a Ready: a healthy group answers them all.
func TestManyReadsAreAnswered(t *testing.T) {
	const n = 20_000
	for _, asker := range []uint64{1, 2} {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		for i := range n {
			c.node(asker).ReadIndex(fmt.Append(nil, i))
		}
		c.settle()
		if node := c.node(asker); len(node.reads) != n || len(node.dropped) != 0 {
			t.Errorf("node %d: %d of %d reads are answered, and %d dropped", asker, len(node.reads), n, len(node.dropped))
		}
		for id := range uint64(3) {
			// What the reads took is let go of when they are answered.
			if rs := c.node(id + 1).raft.reads; rs != nil && cap(rs.queue.list)+cap(rs.answers)+cap(rs.lent) > 2*idleList {
				t.Errorf("node %d keeps room for %d reads, %d and %d answers", id+1, cap(rs.queue.list), cap(rs.answers), cap(rs.lent))
			}
		}
	}
}

// The answers to a follower's reads find them without a search through the queue, and the others
// stay where they are.
func TestAnsweredReadsLeaveOthersInPlace(t *testing.T) {
	const n = 1000
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range n {
		c.node(2).ReadIndex([]byte("x"))
	}
	var asked []pb.Message
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgReadIndex {
			asked = append(asked, *m)
		}
		return m.Type == pb.MsgReadIndex
	}
	c.settle()
	q := &c.node(2).raft.reads.queue
	last := q.at(n - 1)
	for i := range n / 2 {
		m := pb.Message{Type: pb.MsgReadIndexResp, From: 1, To: 2, Term: asked[i].Term, Index: 2, Entries: asked[i].Entries}
		noError(t, c.node(2).Step(m))
		if q.len() != n-1-i || q.at(q.len()-1) != last {
			t.Fatalf("after %d answers %d reads wait, and the last one has moved: %t", i+1, q.len(), q.at(q.len()-1) != last)
		}
	}
}

// A fifo is a list from which elements are removed at both ends.
func TestReadQueueIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q fifo[read]
		var want []uint64
		for n := range rapid.Uint64Range(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				k := rapid.IntRange(0, len(want)).Draw(t, "pop")
				q.pop(k)
				want = want[k:]
			case 1:
				if len(want) > 0 {
					last := len(want) - 1
					if got := q.popLast(); got.index != want[last] {
						t.Fatalf("the newest is %d, want %d", got.index, want[last])
					}
					want = want[:last]
				}
			default:
				q.push(read{index: n + 1})
				want = append(want, n+1)
			}
			for i, rd := range q.list[:cap(q.list)] {
				if waits := i >= q.gone && i < len(q.list); waits != (rd.index != 0) {
					t.Fatalf("place %d of %d to %d: %+v", i, q.gone, len(q.list), rd)
				}
			}
			if q.len() != len(want) {
				t.Fatalf("%d reads, want %d", q.len(), len(want))
			}
			for i := range want {
				if q.at(i).index != want[i] {
					t.Fatalf("read %d is %d, want %d", i, q.at(i).index, want[i])
				}
			}
		}
	})
}

// The oldest element goes, and those behind it stay where they are.
func TestAnElementOfAFifoMovesRarely(t *testing.T) {
	const length, rounds = 50_000, 100_000
	var q fifo[int]
	for i := range length {
		q.push(i)
	}
	moves := 0
	for i := range rounds {
		newest := q.at(q.len() - 1)
		q.pop(1)
		if newest != q.at(q.len()-1) {
			moves += q.len()
		}
		q.push(i)
	}
	if moves > 2*rounds {
		t.Errorf("%d elements moved in %d rounds", moves, rounds)
	}
}
