package raft

// fifo is a queue. Its elements leave nearly always at the front, so those behind do not move each
// time.
type fifo[T any] struct {
	list []T
	gone int // list[:gone] have left, and are zero
}

// idleList is the largest array that an empty queue keeps.
const idleList = 1024

func (q *fifo[T]) len() int { return len(q.list) - q.gone }

// all returns the elements, oldest first. They are valid until the next change.
func (q *fifo[T]) all() []T { return q.list[q.gone:] }

// at returns the element at a position, from the oldest at 0.
func (q *fifo[T]) at(i int) *T { return &q.list[q.gone+i] }

func (q *fifo[T]) push(e T) { q.list = append(q.list, e) }

// pop removes the n oldest elements.
func (q *fifo[T]) pop(n int) {
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

// popLast removes the newest element, and returns it.
func (q *fifo[T]) popLast() T {
	last := len(q.list) - 1
	e := q.list[last]
	if q.len() == 1 {
		q.pop(1)
		return e
	}
	clear(q.list[last:])
	q.list = q.list[:last]
	return e
}

// emptied returns the array of a list whose elements are zero, to be used again; nil if it is
// large.
func emptied[T any](list []T) []T {
	if cap(list) > idleList {
		return nil
	}
	return list[:0]
}
