package sim

import (
	"slices"
	"testing"
)

func TestEventsComeInTheOrderOfTimeAndThenOfScheduling(t *testing.T) {
	r := rng{state: 1}
	var q queue
	var got, want []event
	for i := range 3000 {
		e := event{at: uint64(r.below(50)), arg: int32(i)}
		q.push(e)
		want = append(want, e)
	}
	slices.SortStableFunc(want, func(a, b event) int { return int(a.at) - int(b.at) })
	for e, ok := q.pop(); ok; e, ok = q.pop() {
		got = append(got, e)
	}
	if !slices.Equal(got, want) {
		t.Error("events come out of order")
	}
}

func TestDrawsStayInTheirRange(t *testing.T) {
	r := rng{state: 7}
	seen := map[int]bool{}
	sum := uint64(0)
	for range 10_000 {
		if n := r.below(10); n < 0 || n > 9 {
			t.Fatalf("below(10) is %d", n)
		} else {
			seen[n] = true
		}
		if n := r.between(3, 5); n < 3 || n > 5 {
			t.Fatalf("between(3, 5) is %d", n)
		}
		sum += r.around(100)
	}
	if len(seen) != 10 {
		t.Errorf("%d of 10 numbers are drawn", len(seen))
	}
	if mean := sum / 10_000; mean < 90 || mean > 110 {
		t.Errorf("the mean of around(100) is %d", mean)
	}
	if r.chance(0) || !r.chance(1) {
		t.Error("what never or always happens is left to chance")
	}
}
