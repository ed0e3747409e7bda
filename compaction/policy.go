package compaction

import "math"

// A Policy says how large a log may grow. The zero Policy lets it grow to four times the last
// snapshot, without a floor or a ceiling.
type Policy struct {
	// Factor is how many times as large as the last snapshot the log may be. Values of 0 and below
	// mean DefaultFactor.
	Factor float64
	// Floor is a number of bytes below which no log is compacted. It keeps a small state, or the
	// time before the first snapshot, from making a snapshot of every few entries.
	Floor uint64
	// Ceiling is a number of bytes above which every log is compacted; 0 means none. It bounds
	// the disk and the time of a replay. Of a ceiling and a higher floor, the ceiling counts.
	Ceiling uint64
}

// DefaultFactor is the factor of the thesis (figure 5.1).
const DefaultFactor = 4

// Limit returns the number of bytes above which a log is due, after a snapshot of so many bytes.
func (p Policy) Limit(snapshot uint64) uint64 {
	factor := p.Factor
	if factor <= 0 {
		factor = DefaultFactor
	}
	limit := uint64(math.MaxUint64)
	if bytes := factor * float64(snapshot); bytes < math.MaxUint64 {
		limit = uint64(bytes)
	}
	limit = max(limit, p.Floor)
	if p.Ceiling > 0 {
		limit = min(limit, p.Ceiling)
	}
	return limit
}

// Due reports whether a log of so many bytes is due, after a snapshot of so many bytes.
func (p Policy) Due(log, snapshot uint64) bool { return log > p.Limit(snapshot) }
