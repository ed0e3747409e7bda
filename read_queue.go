package raft

// readQueue holds reads that wait, oldest first. Reads leave nearly always at the front, so those
// behind do not move each time.
type readQueue struct {
	list []read
	gone int // list[:gone] have left, and are zero
}

// idleReads is the largest array of reads that a node keeps while no read waits.
const idleReads = 1024

func (q *readQueue) len() int { return len(q.list) - q.gone }

// at returns the read at a position, from the oldest at 0.
func (q *readQueue) at(i int) *read { return &q.list[q.gone+i] }

func (q *readQueue) push(rd *read) { q.list = append(q.list, *rd) }

// pop removes the n oldest reads.
func (q *readQueue) pop(n int) {
	clear(q.list[q.gone : q.gone+n])
	q.gone += n
	switch {
	case q.gone == len(q.list):
		q.list, q.gone = emptied(q.list), 0
	case q.gone > len(q.list)/2:
		rest := copy(q.list, q.list[q.gone:])
		clear(q.list[rest:])
		q.list, q.gone = q.list[:rest], 0
	}
}

// remove removes the read at a position.
func (q *readQueue) remove(i int) {
	if i == 0 {
		q.pop(1)
		return
	}
	at := q.gone + i
	rest := copy(q.list[at:], q.list[at+1:])
	clear(q.list[at+rest:])
	q.list = q.list[:at+rest]
}

// emptied returns the array of a list whose elements are zero, to be used again; nil if it is large.
func emptied[T any](list []T) []T {
	if cap(list) > idleReads {
		return nil
	}
	return list[:0]
}
