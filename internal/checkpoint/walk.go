package checkpoint

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Rule writes down a field in its own way. nil leaves the field out.
type Rule func(w *Writer, v reflect.Value)

// Rules are the fields that are not written down as they stand, as type and field, and the types,
// by their names. The instances of a generic type have one name.
type Rules map[string]Rule

// Writer writes down values, unexported fields included. It may be used again: it remembers how
// each type is written.
type Writer struct {
	// Buf is what was written.
	Buf []byte
	// Failed: a value was too large, or of a kind that cannot be written: maps, functions,
	// channels, floats and interfaces.
	Failed bool

	rules Rules
	// limit bounds the length of Buf. emptyIsNil writes empty slices as nil.
	limit      int
	emptyIsNil bool
	plans      map[reflect.Type][]step
}

// step says how a field is written: by its rule, or as it stands. The index of a whole value is -1.
type step struct {
	index int
	ruled bool
	rule  Rule
}

// NewWriter returns a Writer that takes empty slices for nil: only how states differ counts.
func NewWriter(rules Rules) *Writer {
	return &Writer{rules: rules, limit: math.MaxInt, emptyIsNil: true, plans: map[reflect.Type][]step{}}
}

// Value writes a value: numbers as varints, 0 for nil and otherwise a length plus one before what
// is of any length.
func (w *Writer) Value(v reflect.Value) {
	if w.Failed = w.Failed || len(w.Buf) > w.limit; w.Failed {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		w.Bool(v.Bool())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.Buf = binary.AppendUvarint(w.Buf, v.Uint())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.Buf = binary.AppendVarint(w.Buf, v.Int())
	case reflect.String:
		w.Buf = append(binary.AppendUvarint(w.Buf, uint64(v.Len())), v.String()...)
	case reflect.Pointer:
		if w.Bool(!v.IsNil()); !v.IsNil() {
			w.Value(v.Elem())
		}
	case reflect.Slice:
		w.slice(v)
	case reflect.Array:
		for i := range v.Len() {
			w.Value(v.Index(i))
		}
	case reflect.Struct:
		w.fields(v)
	default:
		w.Failed = true // see Unfit, which tests ask about every field
	}
}

// Bool writes a truth value.
func (w *Writer) Bool(b bool) {
	if b {
		w.Buf = append(w.Buf, 1)
	} else {
		w.Buf = append(w.Buf, 0)
	}
}

func (w *Writer) slice(v reflect.Value) {
	if v.IsNil() || w.emptyIsNil && v.Len() == 0 {
		w.Buf = append(w.Buf, 0)
		return
	}
	w.Buf = binary.AppendUvarint(w.Buf, uint64(v.Len())+1)
	if v.Type().Elem().Kind() == reflect.Uint8 {
		w.Buf = append(w.Buf, v.Bytes()...)
		return
	}
	for i := range v.Len() {
		w.Value(v.Index(i))
	}
}

func (w *Writer) fields(v reflect.Value) {
	plan, known := w.plans[v.Type()]
	if !known {
		plan = w.plan(v.Type())
		w.plans[v.Type()] = plan
	}
	for _, s := range plan {
		f := v
		if s.index >= 0 {
			f = v.Field(s.index)
		}
		if s.ruled {
			s.rule(w, f)
		} else {
			w.Value(f)
		}
	}
}

func (w *Writer) plan(t reflect.Type) []step {
	if rule, ruled := w.rules[typeName(t)]; ruled {
		return []step{{-1, true, rule}}
	}
	plan := []step{}
	for i := range t.NumField() {
		if rule, ruled := w.rules[nameOf(t, i)]; !ruled || rule != nil {
			plan = append(plan, step{i, ruled, rule})
		}
	}
	return plan
}

// nameOf names a field in a table of rules.
func nameOf(t reflect.Type, i int) string { return typeName(t) + "." + t.Field(i).Name }

func typeName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}

// WithCapacity is the Rule for a slice whose capacity decides when its elements move.
func WithCapacity(w *Writer, v reflect.Value) {
	w.Buf = binary.AppendUvarint(w.Buf, uint64(v.Cap()))
	w.Value(v)
}

// Unfit returns what keeps a table of rules from being one for a type: rules that are about no
// field, and fields that need a rule because they are of a kind that cannot be written. It does not
// look into fields with a rule.
func Unfit(t reflect.Type, rules Rules) []string {
	var wrong []string
	found, seen := map[string]bool{}, map[reflect.Type]bool{}
	var walk func(t reflect.Type, at string)
	walk = func(t reflect.Type, at string) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(t.Elem(), at)
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			if _, ruled := rules[typeName(t)]; ruled {
				found[typeName(t)] = true
			}
			for i := range t.NumField() {
				name := nameOf(t, i)
				found[name] = true
				if _, ruled := rules[name]; !ruled {
					walk(t.Field(i).Type, name)
				}
			}
		default:
			if unwritten[t.Kind()] {
				wrong = append(wrong, fmt.Sprintf("%s is a %s and has no rule", at, t))
			}
		}
	}
	walk(t, t.Name())
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if !found[name] {
			wrong = append(wrong, fmt.Sprintf("there is no field %s", name))
		}
	}
	return wrong
}

// unwritten are the kinds of values that cannot be written.
var unwritten = map[reflect.Kind]bool{
	reflect.Map: true, reflect.Func: true, reflect.Chan: true, reflect.Interface: true, reflect.UnsafePointer: true, reflect.Uintptr: true,
	reflect.Float32: true, reflect.Float64: true, reflect.Complex64: true, reflect.Complex128: true,
}
