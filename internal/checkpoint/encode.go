package checkpoint

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"reflect"
	"strings"
)

// Append adds the state that state, a pointer, points to to buf. It is false, with nothing of use in the buffer, if that takes more
// than limit bytes, or cannot be written down.
func Append(buf []byte, state any, limit int) ([]byte, bool) {
	e := encoder{buf: buf, limit: len(buf) + limit}
	e.value(reflect.ValueOf(state).Elem())
	return e.buf, !e.failed
}

type encoder struct {
	buf    []byte
	limit  int
	failed bool
}

// value writes a value: numbers as varints, 0 for nil and otherwise a length plus one before what is
// of any length.
func (e *encoder) value(v reflect.Value) {
	if e.failed = e.failed || len(e.buf) > e.limit; e.failed {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		n := byte(0)
		if v.Bool() {
			n = 1
		}
		e.buf = append(e.buf, n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.buf = binary.AppendUvarint(e.buf, v.Uint())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.buf = binary.AppendVarint(e.buf, v.Int())
	case reflect.String:
		e.buf = append(binary.AppendUvarint(e.buf, uint64(v.Len())), v.String()...)
	case reflect.Pointer:
		if v.IsNil() {
			e.buf = append(e.buf, 0)
			return
		}
		e.buf = append(e.buf, 1)
		e.value(v.Elem())
	case reflect.Slice:
		e.slice(v)
	case reflect.Array:
		for i := range v.Len() {
			e.value(v.Index(i))
		}
	case reflect.Struct:
		e.fields(v)
	default:
		e.failed = true // see Shape, which a test asks about every kind of field
	}
}

func (e *encoder) slice(v reflect.Value) {
	if v.IsNil() {
		e.buf = append(e.buf, 0)
		return
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(v.Len())+1)
	if v.Type().Elem().Kind() == reflect.Uint8 {
		e.buf = append(e.buf, v.Bytes()...)
		return
	}
	for i := range v.Len() {
		e.value(v.Index(i))
	}
}

func (e *encoder) fields(v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := v.Field(i)
		switch ruleOf(t, i) {
		case plain:
			e.value(f)
		case swapped:
			if f.Len() == 0 {
				f = reflect.Zero(f.Type())
			}
			e.value(f)
		case withCapacity:
			e.buf = binary.AppendUvarint(e.buf, uint64(f.Cap()))
			e.value(f)
		case neverSet:
			e.failed = e.failed || !f.IsZero()
		}
	}
}

func ruleOf(t reflect.Type, i int) rule { return rules[nameOf(t, i)] }

// nameOf names a field in rules. The instances of a generic type have one name.
func nameOf(t reflect.Type, i int) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name + "." + t.Field(i).Name
}

// Shape returns a fingerprint of how the type of state, a pointer, is built, by which Restore can be kept from states of others. The
// error names a field that cannot be written down.
func Shape(state any) (uint64, error) {
	var text []byte
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type, at string) error
	walk = func(t reflect.Type, at string) error {
		text = append(append(text, at...), " "+t.String()+" "+t.Kind().String()+"\n"...)
		if seen[t] {
			return nil
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			return walk(t.Elem(), at)
		case reflect.Struct:
			for i := range t.NumField() {
				f := t.Field(i)
				how := ruleOf(t, i)
				text = append(text, byte('0'+how))
				if how != plain && how != swapped && how != withCapacity {
					continue
				}
				if err := walk(f.Type, t.Name()+"."+f.Name); err != nil {
					return err
				}
			}
		case reflect.Map, reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer, reflect.Uintptr,
			reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
			return fmt.Errorf("checkpoint: %s is a %s", at, t)
		}
		return nil
	}
	err := walk(reflect.TypeOf(state).Elem(), "")
	h := fnv.New64a()
	h.Write(text)
	return h.Sum64(), err
}

// Sum returns a fingerprint of a state. Restore believes what it reads: a state that was damaged has to be kept from it.
func Sum(state []byte) uint64 {
	h := fnv.New64a()
	h.Write(state)
	return h.Sum64()
}
