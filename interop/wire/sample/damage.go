package sample

import (
	"bytes"
	"math/rand/v2"
)

// Damage changes a few bytes of data, cuts off the end, or repeats a part.
func Damage(r *rand.Rand, data []byte) []byte {
	if len(data) == 0 {
		return data
	}
	switch r.IntN(3) {
	case 0:
		return data[:r.IntN(len(data))]
	case 1:
		at := r.IntN(len(data))
		return append(bytes.Clone(data), data[at:]...)
	}
	data = bytes.Clone(data)
	for range 1 + r.IntN(3) {
		data[r.IntN(len(data))] = byte(r.Uint32())
	}
	return data
}
