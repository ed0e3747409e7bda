package fifo

import (
	"testing"

	"pgregory.net/rapid"
)

type element struct{ index uint64 }

// A Queue is a list from which elements are removed at both ends.
func TestReadQueueIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Queue[element]
		var want []uint64
		for n := range rapid.Uint64Range(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				k := rapid.IntRange(0, len(want)).Draw(t, "pop")
				q.Pop(k)
				want = want[k:]
			case 1:
				if len(want) > 0 {
					last := len(want) - 1
					if got := q.PopLast(); got.index != want[last] {
						t.Fatalf("the newest is %d, want %d", got.index, want[last])
					}
					want = want[:last]
				}
			default:
				q.Push(element{index: n + 1})
				want = append(want, n+1)
			}
			for i, rd := range q.list[:cap(q.list)] {
				if waits := i >= q.gone && i < len(q.list); waits != (rd.index != 0) {
					t.Fatalf("place %d of %d to %d: %+v", i, q.gone, len(q.list), rd)
				}
			}
			if q.Len() != len(want) {
				t.Fatalf("%d reads, want %d", q.Len(), len(want))
			}
			for i := range want {
				if q.At(i).index != want[i] {
					t.Fatalf("read %d is %d, want %d", i, q.At(i).index, want[i])
				}
			}
		}
	})
}

// The oldest element goes, and those behind it stay where they are.
func TestAnElementOfAFifoMovesRarely(t *testing.T) {
	const length, rounds = 50_000, 100_000
	var q Queue[int]
	for i := range length {
		q.Push(i)
	}
	moves := 0
	for i := range rounds {
		newest := q.At(q.Len() - 1)
		q.Pop(1)
		if newest != q.At(q.Len()-1) {
			moves += q.Len()
		}
		q.Push(i)
	}
	if moves > 2*rounds {
		t.Errorf("%d elements moved in %d rounds", moves, rounds)
	}
}
