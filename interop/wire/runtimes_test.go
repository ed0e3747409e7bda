//lint:file-ignore SA1019 Programs use the deprecated runtime, and etcd does.

package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gogo/protobuf/jsonpb"
	gogo "github.com/gogo/protobuf/proto"
	golangjsonpb "github.com/golang/protobuf/jsonpb"
	"github.com/golang/protobuf/proto"
	"google.golang.org/protobuf/encoding/protojson"
	protov2 "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoimpl"

	"github.com/ffd200af/raft/interop/wire/sample"
)

// message is what the runtimes of golang/protobuf and gogo/protobuf take.
type message interface {
	codec
	Reset()
	String() string
	ProtoMessage()
}

// use is what a program does with a message or with two of one type, by way of a runtime.
type use struct {
	name string
	do   func(a, b message) any
}

var uses = []use{
	{"golang name", func(a, _ message) any { return proto.MessageName(a) }},
	{"golang text", func(a, _ message) any { return proto.MarshalTextString(a) }},
	{"golang compact text", func(a, _ message) any { return proto.CompactTextString(a) }},
	{"golang text, back", func(a, _ message) any {
		c := blank(a)
		return fmt.Sprint(proto.UnmarshalText(proto.MarshalTextString(a), c), c)
	}},
	{"golang JSON", func(a, _ message) any {
		text, err := new(golangjsonpb.Marshaler).MarshalToString(a)
		return fmt.Sprint(text, err)
	}},
	{"golang clone", func(a, _ message) any { return proto.Clone(a) }},
	{"golang merge", func(a, b message) any { c := copied(a); proto.Merge(c, b); return c }},
	{"golang equal", func(a, b message) any { return []bool{proto.Equal(a, b), proto.Equal(a, copied(a))} }},
	{"golang size", func(a, _ message) any { return proto.Size(a) }},
	{"golang marshal", func(a, _ message) any { return read(proto.Marshal(a)) }},
	{"golang unmarshal", func(a, b message) any { c := copied(b); return fmt.Sprint(proto.Unmarshal(data(a), c), c) }},
	{"golang discard", func(a, _ message) any { c := copied(a); proto.DiscardUnknown(c); return c }},
	{"golang reset", func(a, _ message) any { c := copied(a); protov2.Reset(v2(c)); return c }},
	{"v2 marshal", func(a, _ message) any { return read(protov2.Marshal(v2(a))) }},
	{"v2 deterministic", func(a, _ message) any {
		return read(protov2.MarshalOptions{Deterministic: true}.MarshalAppend([]byte("x"), v2(a)))
	}},
	{"v2 JSON", func(a, _ message) any {
		text, err := protojson.Marshal(v2(a))
		var compact bytes.Buffer // the runtime puts spaces where it likes
		for _, word := range bytes.Fields(text) {
			compact.Write(word)
		}
		return fmt.Sprint(compact.String(), err)
	}},
	{"v2 fields", func(a, _ message) any { return fields(protoadapt.MessageV2Of(a).ProtoReflect()) }},
	{"v2 set fields", func(a, _ message) any { return setFields(v2(a).ProtoReflect()) }},
	{"gogo text", func(a, _ message) any { return gogo.MarshalTextString(a) }},
	{"gogo compact text", func(a, _ message) any { return gogo.CompactTextString(a) }},
	{"gogo JSON", func(a, _ message) any {
		text, err := new(jsonpb.Marshaler).MarshalToString(a)
		return fmt.Sprint(text, err)
	}},
	{"gogo clone", func(a, _ message) any { return gogo.Clone(a) }},
	{"gogo merge", func(a, b message) any { c := copied(a); gogo.Merge(c, b); return c }},
	{"gogo equal", func(a, b message) any { return []bool{gogo.Equal(a, b), gogo.Equal(a, copied(a))} }},
	{"gogo size", func(a, _ message) any { return gogo.Size(a) }},
	{"gogo marshal", func(a, _ message) any { return read(gogo.Marshal(a)) }},
	{"gogo unmarshal", func(a, b message) any { c := copied(b); return fmt.Sprint(gogo.Unmarshal(data(a), c), c) }},
	{"gogo discard", func(a, _ message) any { c := copied(a); gogo.DiscardUnknown(c); return c }},
	{"gogo properties", func(a, _ message) any {
		var all []string
		for _, p := range gogo.GetProperties(reflect.TypeOf(a).Elem()).Prop {
			all = append(all, fmt.Sprint(p, p.OrigName, p.JSONName, p.Enum))
		}
		return all
	}},
	{"its own text", func(a, _ message) any { return a.String() }},
	{"its own text, of none", func(a, _ message) any { return none(a).String() }},
	{"its own size, of none", func(a, _ message) any { return none(a).Size() }},
	{"its own encoding, of none", func(a, _ message) any { return read(none(a).Marshal()) }},
	{"golang size, of none", func(a, _ message) any { return proto.Size(none(a)) }},
	{"golang marshal, of none", func(a, _ message) any { return read(proto.Marshal(none(a))) }},
	{"gogo size, of none", func(a, _ message) any { return gogo.Size(none(a)) }},
	{"gogo marshal, of none", func(a, _ message) any { return read(gogo.Marshal(none(a))) }},
	{"a buffer of capacity only", func(a, _ message) any {
		b := make([]byte, 0, a.Size())
		n, err := a.MarshalTo(b)
		return read(b[:n], err)
	}},
	{"%v", func(a, _ message) any { return fmt.Sprintf("%v", reflect.ValueOf(a).Elem()) }},
	{"%+v", func(a, _ message) any { return fmt.Sprintf("%+v", reflect.ValueOf(a).Elem()) }},
}

func v2(m message) protov2.Message { return protoimpl.X.ProtoMessageV2Of(m) }

func blank(m message) message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(message) }

// none returns a nil pointer.
func none(m message) message { return reflect.Zero(reflect.TypeOf(m)).Interface().(message) }

func data(m message) []byte {
	b, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func copied(m message) message {
	c := blank(m)
	if err := c.Unmarshal(data(m)); err != nil {
		panic(err)
	}
	return c
}

func read(b []byte, err error) string { return fmt.Sprintf("%x %v", b, err) }

// fields describes the fields of a message's type: what etcd's WAL looks at.
func fields(m protoreflect.Message) (all []string) {
	list := m.Descriptor().Fields()
	for i := range list.Len() {
		f := list.Get(i)
		all = append(all, fmt.Sprint(f.FullName(), f.Number(), f.Kind(), f.Cardinality(), f.JSONName(), f.HasPresence(), f.Options()))
	}
	return all
}

func setFields(m protoreflect.Message) (all []string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		all = append(all, fmt.Sprint(f.FullName()))
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				all = append(all, setFields(v.List().Get(i).Message())...)
			}
		case f.Message() != nil:
			all = append(all, setFields(v.Message())...)
		case !f.IsList():
			all = append(all, fmt.Sprint(v))
		}
		return true
	})
	return all
}

// Programs hand these structs to runtimes of protobuf, and log what the runtimes make of them.
func TestRuntimesOfProtobufSeeTheSame(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(21, 22))
			for range rounds / 100 {
				var ours, theirs [2]message
				for i := range ours {
					ours[i], theirs[i] = pair.ours().(message), pair.etcd().(message)
					sample.Draw(r, reflect.ValueOf(ours[i]).Elem(), 3)
					sample.Transcribe(reflect.ValueOf(theirs[i]).Elem(), reflect.ValueOf(ours[i]).Elem())
				}
				for _, u := range uses {
					got, want := outcome(u, ours), outcome(u, theirs)
					if got != want {
						t.Fatalf("%s of\n%+v\nand %+v\n     %s\nwant %s", u.name, ours[0], ours[1], got, want)
					}
				}
			}
		})
	}
}

// outcome is what comes of a use, be it a panic.
func outcome(u use, m [2]message) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint("panic: ", r)
		}
	}()
	return fmt.Sprint(u.do(m[0], m[1]))
}

// The methods that no runtime calls, since it has others.
func TestTheGeneratedMethodsDoTheSame(t *testing.T) {
	for _, pair := range pairs {
		r := rand.New(rand.NewPCG(23, 24))
		for range rounds / 20 {
			var ours, theirs [2]message
			for i := range ours {
				ours[i], theirs[i] = pair.ours().(message), pair.etcd().(message)
				sample.Draw(r, reflect.ValueOf(ours[i]).Elem(), 3)
				sample.Transcribe(reflect.ValueOf(theirs[i]).Elem(), reflect.ValueOf(ours[i]).Elem())
			}
			for _, u := range generated {
				if got, want := outcome(u, ours), outcome(u, theirs); got != want {
					t.Fatalf("%s of\n%+v\nand %+v\n     %s\nwant %s", u.name, ours[0], ours[1], got, want)
				}
			}
		}
	}
}

var generated = []use{
	{"XXX_Size", func(a, _ message) any { return call(a, "XXX_Size") }},
	{"XXX_Marshal", func(a, _ message) any { return call(a, "XXX_Marshal", make([]byte, 0, a.Size()), false) }},
	{"XXX_Marshal, deterministic", func(a, _ message) any { return call(a, "XXX_Marshal", []byte("x"), true) }},
	{"XXX_Unmarshal", func(a, b message) any { c := copied(b); return fmt.Sprint(call(c, "XXX_Unmarshal", data(a)), c) }},
	{"XXX_DiscardUnknown", func(a, _ message) any { return fmt.Sprint(call(a, "XXX_DiscardUnknown"), a) }},
	{"XXX_Merge", func(a, b message) any { c := copied(a); call(c, "XXX_Merge", b); return c }},
	{"XXX_Merge with none", func(a, _ message) any { c := copied(a); call(c, "XXX_Merge", none(a)); return c }},
}

func call(m message, method string, args ...any) (results []any) {
	var in []reflect.Value
	for _, arg := range args {
		in = append(in, reflect.ValueOf(arg))
	}
	for _, out := range reflect.ValueOf(m).MethodByName(method).Call(in) {
		results = append(results, out.Interface())
	}
	return results
}
