package sim

// rng is the only source of chance in a run: a small generator (splitmix64) whose whole state is
// one word, so that a run depends on its seed and on nothing that a library may change.
type rng struct{ state uint64 }

func (r *rng) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n); 0 if n is not positive.
func (r *rng) below(n int) int {
	if n <= 0 {
		return 0
	}
	return int(r.next() >> 33 * uint64(n) >> 31)
}

// between returns a number in [lo, hi].
func (r *rng) between(lo, hi int) int { return lo + r.below(hi-lo+1) }

// chance is true with probability p.
func (r *rng) chance(p float64) bool {
	return p > 0 && float64(r.next()>>11) < p*(1<<53)
}

// around returns a waiting time with the given mean: most are shorter, a few much longer. The shape
// is that of the smaller of two uniform draws, which needs no logarithm and so is the same on every
// machine.
func (r *rng) around(mean uint64) uint64 {
	a, b := r.below(int(3*mean)+1), r.below(int(3*mean)+1)
	return uint64(min(a, b)) + 1
}

// mix adds a word to a running hash.
func mix(h, v uint64) uint64 {
	h ^= v
	h *= 0x9fb21c651e98df25
	return h ^ h>>29
}

// hashBytes is a hash of data (FNV-1a).
func hashBytes(data []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range data {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}
