package sample

import (
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Flaw is what readers disagree about, in input that no encoder writes.
type Flaw uint

const (
	WideTag      Flaw = 1 << iota // a field number of more than 29 bits, or 0
	WrongType                     // a known field with another wire type than its own
	CutList                       // packed ids that end inside of one
	WideNumber                    // a number of more than 64 bits in ten bytes
	CrossedGroup                  // an unknown group that is closed by the end of another
	Unreadable                    // the end comes too early, or nothing of this kind can be read
)

var flawNames = [...]string{"wide tag", "wrong type", "cut list", "wide number", "crossed group", "unreadable"}

func (f Flaw) String() string {
	var names []string
	for i, name := range flawNames {
		if f>>i&1 != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Scan names the flaws of input that is meant to be a message of the given type of raftpb, in the
// message and in what is embedded in it. It reads on behind a flaw as far as it can.
func Scan(data []byte, t reflect.Type) Flaw {
	s := scanner{data: data}
	known := fieldTypes(t)
	for len(s.data) > 0 && s.flaws&Unreadable == 0 {
		tag := s.tag()
		// The number is cut to 32 bits by readers that do not mind a wide tag.
		field, ok := known[int(int32(tag>>3))]
		if !ok {
			s.skip(tag)
			continue
		}
		s.known(field, tag&7)
	}
	return s.flaws
}

type scanner struct {
	data  []byte
	flaws Flaw
}

func (s *scanner) tag() uint64 {
	tag := s.number()
	if tag>>3 == 0 || tag > math.MaxUint32 {
		s.flaws |= WideTag
	}
	return tag
}

func (s *scanner) known(t reflect.Type, wire uint64) {
	switch {
	case t.Kind() == reflect.Uint64 || t.Kind() == reflect.Int32 || t.Kind() == reflect.Bool:
		if wire == varint {
			s.number()
			return
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint64 && wire == varint:
		s.number()
		return
	case wire == length:
		s.content(t)
		return
	}
	s.flaws |= WrongType
	s.skip(wire)
}

func (s *scanner) content(t reflect.Type) {
	in := s.span()
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		s.flaws |= Scan(in, t)
	case reflect.Uint64:
		if len(in) > 0 && in[len(in)-1] >= 0x80 {
			s.flaws |= CutList
			return
		}
		list := scanner{data: in}
		for len(list.data) > 0 {
			list.number()
		}
		s.flaws |= list.flaws
	}
}

// number reads up to ten bytes and lets bits beyond the 64th go.
func (s *scanner) number() (v uint64) {
	for i, c := range s.data {
		if i == 10 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if i == 9 && c > 1 {
				s.flaws |= WideNumber
			}
			s.data = s.data[i+1:]
			return v
		}
	}
	s.fail()
	return 0
}

func (s *scanner) span() []byte { return s.take(s.number()) }

func (s *scanner) take(n uint64) []byte {
	if n > uint64(len(s.data)) {
		s.fail()
		return nil
	}
	in := s.data[:n]
	s.data = s.data[n:]
	return in
}

func (s *scanner) fail() {
	s.flaws |= Unreadable
	s.data = nil
}

// skip passes over an unknown field, of which the tag has been read.
func (s *scanner) skip(tag uint64) {
	var open []uint64
	for ; ; tag = s.tag() {
		switch tag & 7 {
		case varint:
			s.number()
		case fixed64:
			s.take(8)
		case length:
			s.span()
		case group:
			open = append(open, tag>>3)
		case end:
			s.close(&open, tag>>3)
		case fixed32:
			s.take(4)
		default:
			s.fail()
		}
		if len(open) == 0 || s.flaws&Unreadable != 0 {
			return
		}
	}
}

func (s *scanner) close(open *[]uint64, n uint64) {
	last := len(*open) - 1
	if last < 0 {
		s.fail()
		return
	}
	if (*open)[last] != n {
		s.flaws |= CrossedGroup
	}
	*open = (*open)[:last]
}

// fieldTypes returns the types of a struct's fields by the number that they have on the wire.
func fieldTypes(t reflect.Type) map[int]reflect.Type {
	types := make(map[int]reflect.Type, t.NumField())
	for i := range t.NumField() {
		types[fieldNumber(t.Field(i))] = t.Field(i).Type
	}
	return types
}

// fieldNumber reads the number from the struct tag: `protobuf:"varint,2,opt,name=term"`.
func fieldNumber(f reflect.StructField) int {
	n, err := strconv.Atoi(strings.Split(f.Tag.Get("protobuf"), ",")[1])
	if err != nil {
		panic(f.Name + ": " + err.Error())
	}
	return n
}
