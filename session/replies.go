package session

// reply is what is kept of one executed command.
type reply struct {
	sequence uint64
	data     []byte // never changed, as it is handed out; nil if empty
	tooLong  bool   // the reply was not kept
}

// replies are what is kept for one client, by rising sequence number, with gaps where a
// command has not come yet. They are a ring, whose length is a power of two, that grows with
// use and is used again:
//
//	ring:  | free |  lowest ... highest  | free |
//	              start         start+count
type replies struct {
	ring  []reply
	start int
	count int
	bytes uint64 // sum of the lengths
}

// at returns the i-th reply; i < count.
func (r *replies) at(i int) *reply { return &r.ring[(r.start+i)&(len(r.ring)-1)] }

// find returns the reply with the given sequence number, or nil.
func (r *replies) find(sequence uint64) *reply {
	low, high := 0, r.count
	for low < high {
		if middle := (low + high) / 2; r.at(middle).sequence < sequence {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < r.count && r.at(low).sequence == sequence {
		return r.at(low)
	}
	return nil
}

// insert takes in a reply whose sequence number is not there. Commands overtake each other
// rarely and not by far, so its place is looked for from the end.
func (r *replies) insert(one reply) {
	if r.count == len(r.ring) {
		r.grow()
	}
	i := r.count
	r.count++
	for ; i > 0 && r.at(i-1).sequence > one.sequence; i-- {
		*r.at(i) = *r.at(i - 1)
	}
	*r.at(i) = one
	r.bytes += uint64(len(one.data))
}

// grow doubles the ring.
func (r *replies) grow() {
	ring := make([]reply, max(2*len(r.ring), 1))
	behind := copy(ring, r.ring[r.start:])
	copy(ring[behind:], r.ring[:r.start])
	r.ring, r.start = ring, 0
}

// dropBelow drops the replies with lower sequence numbers, and returns how many bytes
// they had.
func (r *replies) dropBelow(sequence uint64) (freed uint64) {
	for r.count > 0 && r.at(0).sequence < sequence {
		freed += uint64(len(r.at(0).data))
		*r.at(0) = reply{} // lets go of the memory
		r.start = (r.start + 1) & (len(r.ring) - 1)
		r.count--
	}
	r.bytes -= freed
	return freed
}
