package sample

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
)

// Wire types: the three low bits of a tag.
const (
	varint  = 0
	fixed64 = 1
	length  = 2
	group   = 3
	end     = 4
	fixed32 = 5
)

// Odd encodes a struct of raftpb as the protobuf format allows, but as no encoder does. Every
// reader has to find the same content in it:
//
//   - Fields stand in any order, with unknown ones among them.
//   - Zeros may be left out.
//   - Of a field that comes twice the last counts; embedded messages come in two parts that are
//     merged.
//   - Ids are packed or not, in runs.
//   - Numbers, lengths and tags may be longer than they need to be; any number but 0 is true; of an
//     enum the low 32 bits count.
func Odd(r *rand.Rand, v reflect.Value) []byte {
	var data []byte
	for _, field := range oddFields(r, v) {
		data = append(data, field...)
	}
	return data
}

// oddFields returns encoded fields, each with its tag. Those of one number keep their order.
func oddFields(r *rand.Rand, v reflect.Value) [][]byte {
	var queues [][][]byte
	for i := range v.NumField() {
		if queue := oddField(r, fieldNumber(v.Type().Field(i)), v.Field(i)); len(queue) > 0 {
			queues = append(queues, queue)
		}
	}
	if r.IntN(3) == 0 {
		queues = append(queues, [][]byte{Unknown(r, 2)})
	}
	var fields [][]byte
	for len(queues) > 0 {
		q := r.IntN(len(queues))
		fields = append(fields, queues[q][0])
		if queues[q] = queues[q][1:]; len(queues[q]) == 0 {
			queues = append(queues[:q], queues[q+1:]...)
		}
	}
	return fields
}

func oddField(r *rand.Rand, n int, v reflect.Value) [][]byte {
	switch v.Kind() {
	case reflect.Struct:
		return oddEmbedded(r, n, v)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return twoParts(r, n, v.Elem())
	case reflect.Slice:
		return oddList(r, n, v)
	}
	if v.IsZero() && r.IntN(2) == 0 {
		return nil
	}
	fields := [][]byte{numberField(r, n, oddNumber(r, v))}
	if r.IntN(8) == 0 {
		fields = append([][]byte{numberField(r, n, r.Uint64())}, fields...)
	}
	return fields
}

// oddNumber returns what stands for a value.
func oddNumber(r *rand.Rand, v reflect.Value) uint64 {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return [...]uint64{1, 2, 300, 1 << 32, math.MaxUint64}[r.IntN(5)]
		}
		return 0
	case reflect.Int32:
		low := uint64(uint32(v.Int()))
		return [...]uint64{uint64(v.Int()), low, low | r.Uint64()<<32}[r.IntN(3)]
	}
	return v.Uint()
}

func oddEmbedded(r *rand.Rand, n int, v reflect.Value) [][]byte {
	if v.IsZero() && r.IntN(2) == 0 {
		return nil
	}
	return twoParts(r, n, v)
}

// twoParts writes a message in one field or in two.
func twoParts(r *rand.Rand, n int, v reflect.Value) [][]byte {
	fields := oddFields(r, v)
	if r.IntN(2) == 0 {
		return [][]byte{bytesField(r, n, fields...)}
	}
	at := r.IntN(len(fields) + 1)
	return [][]byte{bytesField(r, n, fields[:at]...), bytesField(r, n, fields[at:]...)}
}

func oddList(r *rand.Rand, n int, v reflect.Value) [][]byte {
	var fields [][]byte
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		if v.IsNil() {
			return nil
		}
		if r.IntN(4) == 0 {
			fields = append(fields, bytesField(r, n, []byte("overwritten")))
		}
		return append(fields, bytesField(r, n, v.Bytes()))
	case reflect.Uint64:
		for i := 0; i < v.Len(); {
			if r.IntN(2) == 0 {
				fields = append(fields, numberField(r, n, v.Index(i).Uint()))
				i++
				continue
			}
			var packed []byte // of none, too
			for stop := i + r.IntN(v.Len()-i+1); i < stop; i++ {
				packed = append(packed, longNumber(r, v.Index(i).Uint(), binary.MaxVarintLen64)...)
			}
			fields = append(fields, bytesField(r, n, packed))
		}
		return fields
	}
	for i := range v.Len() {
		fields = append(fields, bytesField(r, n, oddFields(r, v.Index(i))...))
	}
	return fields
}

// Unknown returns a field that no message has, of any wire type; a group has fields of its own.
func Unknown(r *rand.Rand, depth int) []byte {
	n := [...]int{15, 16, 100, 1<<29 - 1}[r.IntN(4)]
	switch r.IntN(5) {
	case 0:
		return append(tag(r, n, fixed64), 1, 2, 3, 4, 5, 6, 7, 8)
	case 1:
		return bytesField(r, n, []byte("unknown"))
	case 2:
		return append(tag(r, n, fixed32), 1, 2, 3, 4)
	case 3:
		data := tag(r, n, group)
		for depth > 0 && r.IntN(2) == 0 {
			data = append(data, Unknown(r, depth-1)...)
			data = append(data, numberField(r, 1+r.IntN(14), r.Uint64())...) // known outside of the group
		}
		return append(data, tag(r, n, end)...)
	}
	return numberField(r, n, r.Uint64())
}

func numberField(r *rand.Rand, n int, v uint64) []byte {
	return append(tag(r, n, varint), longNumber(r, v, binary.MaxVarintLen64)...)
}

func bytesField(r *rand.Rand, n int, parts ...[]byte) []byte {
	var content []byte
	for _, part := range parts {
		content = append(content, part...)
	}
	field := append(tag(r, n, length), longNumber(r, uint64(len(content)), binary.MaxVarintLen64)...)
	return append(field, content...)
}

func tag(r *rand.Rand, n, wire int) []byte {
	return longNumber(r, uint64(n)<<3|uint64(wire), binary.MaxVarintLen32)
}

// longNumber encodes v in as many bytes as it needs, and sometimes in more.
func longNumber(r *rand.Rand, v uint64, most int) []byte {
	data := binary.AppendUvarint(nil, v)
	if r.IntN(4) != 0 {
		return data
	}
	for want := 1 + r.IntN(most); len(data) < want; {
		data[len(data)-1] |= 0x80
		data = append(data, 0)
	}
	return data
}
