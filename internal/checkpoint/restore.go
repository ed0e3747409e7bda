package checkpoint

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/ffd200af/raft/internal/input"
)

// ErrState says that bytes are not a state of the type that is to be restored.
var ErrState = errors.New("checkpoint: this is no state of such a value")

// maxDepth bounds how deep values are nested.
const maxDepth = 64

// Restore makes what state, a pointer to a new value, points to have the state that Append has
// written. After an error the value is of no use. Bytes that nobody has written may give a value
// whose parts contradict each other.
func Restore(data []byte, state any) error {
	d := decoder{input.Reader{Data: data}}
	d.value(reflect.ValueOf(state).Elem(), 0)
	if !d.Done() {
		return ErrState
	}
	return nil
}

type decoder struct{ input.Reader }

// value reads what encoder.value has written into v, which is settable.
func (d *decoder) value(v reflect.Value, depth int) {
	if d.Bad || depth > maxDepth {
		d.Fail()
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.Uvarint() != 0)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(d.Uvarint())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(d.Varint())
	case reflect.String:
		v.SetString(string(d.Bytes(d.Uvarint())))
	case reflect.Pointer:
		if d.Uvarint() == 0 {
			v.SetZero()
			return
		}
		if v.IsNil() { // else what is there keeps its surroundings
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(v.Elem(), depth+1)
	case reflect.Slice:
		d.slice(v, 0, depth)
	case reflect.Array:
		for i := range v.Len() {
			d.value(v.Index(i), depth+1)
		}
	case reflect.Struct:
		d.fields(v, depth)
	default:
		d.Fail()
	}
}

// slice reads a slice into an array of a capacity, or of its length if that is larger.
func (d *decoder) slice(v reflect.Value, capacity uint64, depth int) {
	n := d.Uvarint()
	if n == 0 {
		v.SetZero()
		return
	}
	// An element takes a byte at least.
	if n--; n > uint64(len(d.Data)) {
		d.Fail()
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(append([]byte{}, d.Bytes(n)...))
		return
	}
	// A chunk of the log has room for twice its entries, or for some hundred.
	if capacity > 2*n+1<<12 {
		d.Fail()
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), int(n), int(max(n, capacity))))
	for i := range v.Len() {
		d.value(v.Index(i), depth+1)
	}
}

func (d *decoder) fields(v reflect.Value, depth int) {
	t := v.Type()
	for i := range t.NumField() {
		f := v.Field(i)
		// Fields of other packages can be set by their address only.
		f = reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
		switch ruleOf(t, i) {
		case plain, swapped:
			d.value(f, depth+1)
		case withCapacity:
			capacity := d.Uvarint()
			d.slice(f, capacity, depth+1)
		}
	}
}
