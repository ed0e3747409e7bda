package compaction

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTheLimitIsTheFactorWithinFloorAndCeiling(t *testing.T) {
	for _, tc := range []struct {
		policy          Policy
		snapshot, limit uint64
	}{
		{Policy{}, 0, 0},
		{Policy{}, 100, 400},
		{Policy{Factor: 1.5}, 100, 150},
		{Policy{Factor: -1}, 100, 400},
		{Policy{Floor: 500}, 100, 500},
		{Policy{Floor: 500}, 200, 800},
		{Policy{Floor: 500, Ceiling: 700}, 200, 700},
		{Policy{Floor: 500, Ceiling: 300}, 0, 300},
		{Policy{}, math.MaxUint64 / 2, math.MaxUint64},
	} {
		if got := tc.policy.Limit(tc.snapshot); got != tc.limit {
			t.Errorf("%+v after %d: %d, want %d", tc.policy, tc.snapshot, got, tc.limit)
		}
		if tc.policy.Due(tc.limit, tc.snapshot) || tc.limit < math.MaxUint64 && !tc.policy.Due(tc.limit+1, tc.snapshot) {
			t.Errorf("%+v after %d: it is not due above %d", tc.policy, tc.snapshot, tc.limit)
		}
	}
}

func TestALogIsDueAboveTheLimitOfItsLastSnapshot(t *testing.T) {
	l := NewLog(Policy{Floor: 1000}, 5)
	l.Append(6, 6, 1000)
	if l.Due() {
		t.Error("at the floor")
	}
	l.Append(7, 7, 1)
	if !l.Due() || l.Limit() != 1000 || l.Last() != 7 {
		t.Error("above the floor")
	}
	l.Snapshot(300)
	if l.Due() || l.Limit() != 1200 {
		t.Error("after a snapshot of 300")
	}
}

// model is the sizes of all entries of a log.
type model struct {
	before uint64
	sizes  []uint64
}

func (m *model) last() uint64 { return m.before + uint64(len(m.sizes)) }

func (m *model) append(first, last, each uint64) {
	if first <= m.before || first > m.last()+1 {
		m.before, m.sizes = first-1, nil
	}
	m.sizes = m.sizes[:first-1-m.before]
	for i := first; i <= last; i++ {
		m.sizes = append(m.sizes, each)
	}
}

func (m *model) compact(index uint64) {
	if index > m.before {
		m.sizes = m.sizes[min(index-m.before, uint64(len(m.sizes))):]
		m.before = index
	}
}

func (m *model) size() (sum uint64) {
	for _, s := range m.sizes {
		sum += s
	}
	return sum
}

// keeping is the highest index after which there are so many bytes.
func (m *model) keeping(bytes uint64) uint64 {
	var kept uint64
	for i := len(m.sizes); ; i-- {
		if kept >= bytes || i == 0 {
			return m.before + uint64(i)
		}
		kept += m.sizes[i-1]
	}
}

// TestALogKnowsWhatALogOfEqualEntriesHas, but for the rounding of each cut.
func TestALogKnowsWhatALogOfEqualEntriesHas(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		each := 1 + r.Uint64N(3000)
		before := r.Uint64N(10)
		l, m, cuts := NewLog(Policy{}, before), &model{before: before}, uint64(1)
		for range 300 {
			switch r.IntN(10) {
			case 0: // a newer leader overwrites
				first := m.before + 1 + r.Uint64N(uint64(len(m.sizes))+1)
				l.Append(first, first, each)
				m.append(first, first, each)
				cuts++
			case 1:
				index := m.before + r.Uint64N(uint64(len(m.sizes))+1)
				l.Compact(index)
				m.compact(index)
				cuts++
			case 2: // a snapshot takes the place of everything
				if r.IntN(10) == 0 {
					index := m.last() + r.Uint64N(5)
					l.Compact(index)
					m.compact(index)
				}
			default:
				first, n := m.last()+1, 1+r.Uint64N(20)
				l.Append(first, first+n-1, n*each)
				m.append(first, first+n-1, each)
			}
			if l.Last() != m.last() || l.before != m.before {
				t.Fatalf("seed %d: (%d, %d], want (%d, %d]", seed, l.before, l.Last(), m.before, m.last())
			}
			if got, want := l.Size(), m.size(); got > want+cuts || want > got+cuts {
				t.Fatalf("seed %d: %d bytes, want %d", seed, got, want)
			}
			bytes := r.Uint64N(l.Size() + 2)
			if got, want := l.Keeping(bytes), m.keeping(bytes); got > want+1 || want > got+2 {
				t.Fatalf("seed %d: %d keeps %d, want %d", seed, got, bytes, want)
			}
		}
		l.Compact(l.Last())
		if l.Size() != 0 || len(l.spans) != 0 || l.Keeping(0) != l.Last() {
			t.Fatalf("seed %d: %d bytes in an empty log", seed, l.Size())
		}
	}
}

func TestAReceivedSnapshotLeavesTheEntriesBehindIt(t *testing.T) {
	l := NewLog(Policy{}, 0)
	l.Append(1, 10, 100)
	l.Append(21, 22, 7) // the entries after a snapshot at 20
	if l.Size() != 7 || l.Last() != 22 || l.Keeping(1<<40) != 20 {
		t.Errorf("%d bytes in (%d, %d]", l.Size(), l.Keeping(1<<40), l.Last())
	}
	l.Append(3, 2, 5)
	l.Append(0, 0, 5)
	if l.Size() != 7 || l.Last() != 22 {
		t.Error("no entries are appended, and the log changes")
	}
	l.Append(11, 12, 9)
	if l.Size() != 9 || l.Keeping(9) != 10 {
		t.Errorf("%d bytes after %d, when all is replaced", l.Size(), l.Keeping(9))
	}
}

// TestACutWithinASpanTakesItsShare to the byte, where all entries have the same size.
func TestACutWithinASpanTakesItsShare(t *testing.T) {
	for n := uint64(1); n <= 100; n++ {
		for cut := range n {
			l := NewLog(Policy{}, 0)
			l.Append(1, n, n)
			if got := l.Keeping(n - cut); got != cut {
				t.Fatalf("the last %d of %d bytes begin after %d, want %d", n-cut, n, got, cut)
			}
			l.Compact(cut)
			if l.Size() != n-cut {
				t.Fatalf("%d bytes are left of %d, without the first %d", l.Size(), n, cut)
			}
		}
	}
}

// TestACutIsExactToAGrain where large entries precede small ones.
func TestACutIsExactToAGrain(t *testing.T) {
	l := NewLog(Policy{}, 0)
	for i := uint64(1); i <= 2000; i++ {
		size := uint64(1000)
		if i > 1000 {
			size = 10
		}
		l.Append(i, i, size)
	}
	l.Compact(1000)
	if l.Size() < 10*1000 || l.Size() > 10*1000+smallestGrain+1000 {
		t.Errorf("%d bytes of 10000 are left", l.Size())
	}
}

// TestTheMemoryOfALogIsBoundedByItsBytes, however small the entries are.
func TestTheMemoryOfALogIsBoundedByItsBytes(t *testing.T) {
	l := NewLog(Policy{Floor: 1 << 20}, 0)
	for i := uint64(1); i <= 100_000; i++ {
		l.Append(i, i, 100)
		if l.Size() > 2<<20 {
			l.Compact(l.Keeping(1 << 20))
		}
	}
	if n := cap(l.spans); n > 4*grains {
		t.Errorf("%d spans for %d bytes", n, l.Size())
	}
	if n := testing.AllocsPerRun(100, func() { l.Append(l.Last()+1, l.Last()+1, 1) }); n != 0 {
		t.Errorf("%v allocations for an entry", n)
	}
}
