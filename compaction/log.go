package compaction

import "math/bits"

// A Log is the sizes of the entries of one log. It counts in spans of neighbours, so the bytes of
// the log bound its memory, and not the number of entries. A cut within a span takes the share of
// its entries. A Log is not safe for concurrent use.
type Log struct {
	policy   Policy
	snapshot uint64
	before   uint64 // index before the first entry
	spans    []span // in order, without gaps
	size     uint64 // sum of the spans
	grain    uint64 // bytes at which a span is complete
}

// span is the entries after the span before it, up to and including last.
type span struct{ last, bytes uint64 }

const (
	// grains is about how many spans a log has that is as large as the floor.
	grains = 64
	// smallestGrain bounds the number of spans where there is no floor.
	smallestGrain = 4 << 10
)

// NewLog returns an empty log that begins after the index before.
func NewLog(p Policy, before uint64) *Log {
	return &Log{policy: p, before: before, grain: max(p.Floor/grains, smallestGrain)}
}

// Last returns the index of the last entry.
func (l *Log) Last() uint64 {
	if n := len(l.spans); n > 0 {
		return l.spans[n-1].last
	}
	return l.before
}

// Size returns the number of bytes in the log.
func (l *Log) Size() uint64 { return l.size }

// Limit returns the number of bytes above which the log is due.
func (l *Log) Limit() uint64 { return l.policy.Limit(l.snapshot) }

// Due reports whether the log is to be compacted.
func (l *Log) Due() bool { return l.size > l.Limit() }

// Snapshot notes that a snapshot of so many bytes was taken, or received.
func (l *Log) Snapshot(bytes uint64) { l.snapshot = bytes }

// Append notes that the log has the entries first to last, of so many bytes together. It replaces
// what the log had from first on. After a gap, which a received snapshot leaves, the log begins
// with first.
func (l *Log) Append(first, last, bytes uint64) {
	if first == 0 || last < first {
		return
	}
	l.truncate(first - 1)
	if l.Last() < first-1 {
		l.Compact(first - 1)
	}
	l.size += bytes
	if n := len(l.spans); n > 0 && l.spans[n-1].bytes < l.grain {
		l.spans[n-1].last = last
		l.spans[n-1].bytes += bytes
		return
	}
	l.spans = append(l.spans, span{last, bytes})
}

// truncate drops the entries after last. If last is before the log, the log begins there.
func (l *Log) truncate(last uint64) {
	for n := len(l.spans); n > 0 && l.spans[n-1].last > last; n-- {
		s := &l.spans[n-1]
		if start := l.start(n - 1); start < last {
			kept := share(s.bytes, last-start, s.last-start)
			l.size -= s.bytes - kept
			s.last, s.bytes = last, kept
			return
		}
		l.size -= s.bytes
		l.spans = l.spans[:n-1]
	}
	l.before = min(l.before, last)
}

// Compact notes that the entries up to and including index are gone. A snapshot that replaces the
// whole log may have any index: the log is empty then, and goes on after it.
func (l *Log) Compact(index uint64) {
	for len(l.spans) > 0 && l.before < index {
		s := &l.spans[0]
		if s.last > index {
			gone := share(s.bytes, index-l.before, s.last-l.before)
			l.size -= gone
			s.bytes -= gone
			break
		}
		l.size -= s.bytes
		l.before = s.last
		l.spans = l.spans[1:]
	}
	l.before = max(l.before, index)
}

// Keeping returns the highest index to compact to that leaves at least so many bytes for followers
// that are slightly behind. It is the index before the log if the log has no more than that.
func (l *Log) Keeping(bytes uint64) uint64 {
	if bytes == 0 {
		return l.Last()
	}
	var kept uint64
	for n := len(l.spans); n > 0; n-- {
		s := l.spans[n-1]
		if kept += s.bytes; kept >= bytes {
			start := l.start(n - 1)
			return start + share(s.last-start, kept-bytes, s.bytes)
		}
	}
	return l.before
}

// start is the index before a span.
func (l *Log) start(i int) uint64 {
	if i == 0 {
		return l.before
	}
	return l.spans[i-1].last
}

// share returns part/whole of bytes, rounded down. The part is no more than the whole.
func share(bytes, part, whole uint64) uint64 {
	high, low := bits.Mul64(bytes, part)
	quotient, _ := bits.Div64(high, low, whole)
	return quotient
}
