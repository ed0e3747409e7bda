package raftpb

const (
	// slabSize bounds the arrays that the data of several entries shares. A program that keeps one
	// of these entries keeps the whole array.
	slabSize = 4096
	// maxShared is the length of the longest encoded entry whose data shares an array.
	maxShared = 512
)

// sharedSize is what an encoded entry of n bytes adds to dataCopies.left.
func sharedSize(n int) int {
	if n > maxShared {
		return 0
	}
	return n
}

// dataCopies copies the data of the entries of one message.
type dataCopies struct {
	free []byte // the rest of the array that is in use
	left int    // length of the encoded entries that are to come and share arrays
}

// own returns a copy of the data of an entry whose encoding has n bytes. The copy has no room to
// spare. It is nil only if data is nil.
func (c *dataCopies) own(data []byte, n int) []byte {
	size := len(data)
	c.left -= sharedSize(n)
	if n > maxShared || size == 0 {
		return clone(data)
	}
	if size > len(c.free) {
		if c.left == 0 {
			return clone(data) // no entry follows that could share an array with this one
		}
		c.free = make([]byte, min(size+c.left, slabSize))
	}
	own := c.free[:size:size]
	c.free = c.free[size:]
	copy(own, data)
	return own
}
