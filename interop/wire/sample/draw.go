// Package sample makes what the comparisons of encodings are run on: random content for the structs
// of raftpb, its transcription to the structs of another library, encodings that are legal but that
// nobody writes, and a reader that names what is unlawful in damaged ones. It goes by reflection,
// so that no field is forgotten.
package sample

import (
	"math"
	"math/rand/v2"
	"reflect"
)

// Draw fills a struct with random content. Numbers are small, large or at their end; lists are nil,
// empty or short, bytes also of a length around which its own encoding grows by one; what is nested
// gets fewer levels on the way down.
func Draw(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			Draw(r, v.Field(i), depth)
		}
	case reflect.Uint64:
		v.SetUint(number(r))
	case reflect.Int32:
		v.SetInt(enum(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Pointer:
		if r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			Draw(r, v.Elem(), depth)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(octets(r))
			return
		}
		n := r.IntN(4)
		if depth == 0 || n == 0 {
			return // nil
		}
		v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
		for i := range v.Len() {
			Draw(r, v.Index(i), depth-1)
		}
	default:
		panic("no way to draw a " + v.Type().String())
	}
}

func octets(r *rand.Rand) []byte {
	n := r.IntN(4) - 1
	switch r.IntN(64) {
	case 0, 1, 2, 3:
		n = 126 + r.IntN(4)
	case 4:
		n = 1<<14 - 2 + r.IntN(4)
	}
	if n < 0 {
		return nil
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func number(r *rand.Rand) uint64 {
	switch r.IntN(4) {
	case 0:
		return 0
	case 1:
		return uint64(r.IntN(300))
	case 2:
		return math.MaxUint64 - uint64(r.IntN(2))
	}
	return r.Uint64() >> r.IntN(64)
}

// enum draws known values, unknown ones, and negative ones, which take ten bytes.
func enum(r *rand.Rand) int64 {
	switch r.IntN(8) {
	case 0:
		return int64(int32(r.Uint32()))
	case 1:
		return -1
	}
	return int64(r.IntN(25))
}
