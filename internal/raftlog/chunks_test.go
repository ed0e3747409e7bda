package raftlog

import (
	"slices"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// chunksModel is a run of entries beside the same entries in a plain slice.
type chunksModel struct {
	chunks Chunks
	want   []pb.Entry // live; those that the run keeps longer are dead
	next   uint64     // the index behind the last entry
	term   uint64
	lent   []lentSlice
}

func (m *chunksModel) first() uint64 { return m.next - uint64(len(m.want)) }

var zeros [50_000]byte

func sameIDs(a, b []pb.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y pb.Entry) bool { return IDOf(&x) == IDOf(&y) && len(x.Data) == len(y.Data) })
}

func (m *chunksModel) Append(t *rapid.T) {
	n := rapid.IntRange(1, 700).Draw(t, "n")
	size := rapid.SampledFrom([]int{0, 10, 400, 50_000}).Draw(t, "size")
	batch := make([]pb.Entry, min(n, 1+200_000/(size+1)))
	for i := range batch {
		batch[i] = pb.Entry{Term: m.term, Index: m.next + uint64(i), Data: zeros[:size]}
	}
	m.chunks.Append(batch, rapid.IntRange(0, 600).Draw(t, "room"))
	m.want = append(m.want, batch...)
	m.next += uint64(len(batch))
}

func (m *chunksModel) Truncate(t *rapid.T) {
	if len(m.want) == 0 {
		return
	}
	at := rapid.Uint64Range(m.first(), m.next).Draw(t, "at")
	if at < m.next {
		m.chunks.Truncate(at)
	}
	m.want = m.want[:uint64(len(m.want))-(m.next-at)]
	m.next = at
	m.term++
	if len(m.want) == 0 {
		m.chunks = Chunks{}
	}
}

func (m *chunksModel) DropTo(t *rapid.T) {
	if len(m.want) == 0 {
		return
	}
	at := rapid.Uint64Range(m.first(), m.next-1).Draw(t, "at")
	m.chunks.DropTo(at)
	m.want = m.want[at+1-m.first():]
}

// Read compares what a reader gets, and lends it.
func (m *chunksModel) Read(t *rapid.T) {
	if len(m.want) == 0 {
		return
	}
	lo := rapid.Uint64Range(m.first(), m.next-1).Draw(t, "lo")
	hi := rapid.Uint64Range(lo+1, m.next).Draw(t, "hi")
	limit := rapid.SampledFrom([]uint64{0, 1000, 100_000, NoLimit}).Draw(t, "limit")
	got := m.chunks.Slice(lo, hi, limit)
	want := limitBytes(m.want[lo-m.first():hi-m.first()], limit)
	if !sameIDs(got, want) {
		t.Fatalf("[%d, %d) within %d bytes: %d entries, want %d", lo, hi, limit, len(got), len(want))
	}
	_ = append(got, pb.Entry{Term: 99}) // a reader may do that
	m.lent = append(m.lent, lentSlice{got: got, want: append([]pb.Entry(nil), got...)})
	if e := m.chunks.Entry(lo); e.Index != lo {
		t.Fatalf("entry %d is at %d", e.Index, lo)
	}
}

func (m *chunksModel) Check(t *rapid.T) {
	for _, l := range m.lent {
		if !sameIDs(l.got, l.want) {
			t.Fatalf("entries from %d on have changed", l.want[0].Index)
		}
	}
	if m.chunks.Empty() != (len(m.want) == 0) {
		t.Fatalf("%d entries, and the run is empty: %t", len(m.want), m.chunks.Empty())
	}
	if m.chunks.Empty() {
		return
	}
	if first, end := m.chunks.first(), m.chunks.End(); first > m.first() || end != m.next {
		t.Fatalf("[%d, %d), want [%d, %d)", first, end, m.first(), m.next)
	}
	var bytes uint64
	for i := range m.chunks.older() {
		c, next := m.chunks.at(i), m.chunks.at(i+1)
		bytes += c.bytes
		if endOf(c.entries) != next.entries[0].Index || c.bytes != memoryBytes(c.entries) {
			t.Fatalf("an array of %d bytes ends before %d", c.bytes, endOf(c.entries))
		}
	}
	if old := m.chunks.old; old != nil && old.bytes != bytes || m.chunks.newest.bytes != memoryBytes(m.chunks.newest.entries) {
		t.Fatalf("the sizes are wrong: %d bytes in older arrays", bytes)
	}
}

func chunksAreLikeASlice(t *rapid.T) {
	m := &chunksModel{next: rapid.Uint64Range(1, 100).Draw(t, "first"), term: 1}
	t.Repeat(map[string]func(*rapid.T){"append": m.Append, "truncate": m.Truncate, "drop": m.DropTo, "read": m.Read, "": m.Check})
}

func TestEntryChunksAreLikeASlice(t *testing.T) { rapid.Check(t, chunksAreLikeASlice) }

func FuzzEntryChunks(f *testing.F) { f.Fuzz(rapid.MakeFuzz(chunksAreLikeASlice)) }

// room is the number of entries for which a run holds memory.
func (c *Chunks) room() int {
	room := cap(c.newest.entries)
	for _, chunk := range c.older() {
		room += cap(chunk.entries)
	}
	return room
}

func run(from, to uint64) []pb.Entry { return entriesOf(from, make([]uint64, to-from+1)...) }

func TestChunksLetGoOfWhatIsDropped(t *testing.T) {
	var c Chunks
	const step = 10
	for last := uint64(0); last < 10_000; last += step {
		c.Append(run(last+1, last+step), 2*step)
		live := last + step
		if last >= 2*step {
			c.DropTo(last - 2*step + 1)
			live = 3*step - 1
		}
		// What is kept, dead elements and free room included, stays proportional to what lives.
		if kept := uint64(c.room()); kept > 6*live {
			t.Fatalf("at %d: %d live entries keep room for %d", last, live, kept)
		}
	}
}

func TestChunksLetGoOfWhatIsDroppedWithoutAnotherAppend(t *testing.T) {
	var c Chunks
	c.Append(run(1, 1000), 0)
	for at := uint64(100); at < 1000; at += 100 {
		c.DropTo(at)
	}
	if live, kept := 100, c.room(); kept > 2*live {
		t.Errorf("%d live entries keep room for %d", live, kept)
	}
	c.DropTo(1000)
	if kept := c.room(); kept != 0 {
		t.Errorf("an empty run keeps room for %d", kept)
	}
}

func TestAShortRunHasASmallArray(t *testing.T) {
	var c Chunks
	c.Append(run(2, 2), 0)
	if room := c.room(); room != 1 {
		t.Errorf("room for %d entries", room)
	}
}
