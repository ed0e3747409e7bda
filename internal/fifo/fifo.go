// Package fifo is a queue, for lists that lose their elements nearly always at the front.
package fifo

// Queue is a list. An element that leaves at the front does not move those behind it each time.
type Queue[T any] struct {
	list []T
	gone int // list[:gone] have left, and are zero
}

// idleList is the largest array that an empty queue keeps.
const idleList = 1024

// Len returns the number of elements.
func (q *Queue[T]) Len() int { return len(q.list) - q.gone }

// All returns the elements, oldest first. They are valid until the next change.
func (q *Queue[T]) All() []T { return q.list[q.gone:] }

// At returns the element at a position, from the oldest at 0.
func (q *Queue[T]) At(i int) *T { return &q.list[q.gone+i] }

// Push adds an element at the end.
func (q *Queue[T]) Push(e T) { q.list = append(q.list, e) }

// Pop removes the n oldest elements.
func (q *Queue[T]) Pop(n int) {
	clear(q.list[q.gone : q.gone+n])
	q.gone += n
	switch {
	case q.gone == len(q.list):
		q.list, q.gone = Emptied(q.list), 0
	case q.gone > len(q.list)/2:
		rest := copy(q.list, q.list[q.gone:])
		clear(q.list[rest:])
		q.list, q.gone = q.list[:rest], 0
	}
}

// PopLast removes the newest element, and returns it.
func (q *Queue[T]) PopLast() T {
	last := len(q.list) - 1
	e := q.list[last]
	if q.Len() == 1 {
		q.Pop(1)
		return e
	}
	clear(q.list[last:])
	q.list = q.list[:last]
	return e
}

// Emptied returns the array of a list whose elements are zero, to be used again; nil if it is
// large.
func Emptied[T any](list []T) []T {
	if cap(list) > idleList {
		return nil
	}
	return list[:0]
}
