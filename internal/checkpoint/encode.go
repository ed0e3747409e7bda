package checkpoint

import (
	"fmt"
	"hash/fnv"
	"reflect"
)

// Append adds the state that state, a pointer, points to to buf. It is false, with nothing of use
// in the buffer, if that takes more than limit bytes, or cannot be written down.
func Append(buf []byte, state any, limit int) ([]byte, bool) {
	w := Writer{Buf: buf, limit: len(buf) + limit, rules: written(), plans: map[reflect.Type][]step{}}
	w.Value(reflect.ValueOf(state).Elem())
	return w.Buf, !w.Failed
}

// written says how the fields with a rule are written.
func written() Rules {
	out := Rules{}
	for name, how := range rules {
		switch how {
		case swapped:
			out[name] = func(w *Writer, v reflect.Value) {
				if v.Len() == 0 {
					v = reflect.Zero(v.Type())
				}
				w.Value(v)
			}
		case withCapacity:
			out[name] = WithCapacity
		case neverSet:
			out[name] = func(w *Writer, v reflect.Value) { w.Failed = w.Failed || !v.IsZero() }
		default:
			out[name] = nil
		}
	}
	return out
}

func ruleOf(t reflect.Type, i int) rule { return rules[nameOf(t, i)] }

// Shape returns a fingerprint of how the type of state, a pointer, is built, by which Restore can
// be kept from states of others. The error names a field that cannot be written down.
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
		default:
			if unwritten[t.Kind()] {
				return fmt.Errorf("checkpoint: %s is a %s", at, t)
			}
		}
		return nil
	}
	err := walk(reflect.TypeOf(state).Elem(), "")
	h := fnv.New64a()
	h.Write(text)
	return h.Sum64(), err
}

// Sum returns a fingerprint of a state. Restore believes what it reads: a state that was damaged
// has to be kept from it.
func Sum(state []byte) uint64 {
	h := fnv.New64a()
	h.Write(state)
	return h.Sum64()
}
