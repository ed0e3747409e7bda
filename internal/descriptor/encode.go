package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Types and labels of fields, by the numbers of google/protobuf/descriptor.proto.
const (
	typeMessage   = 11
	typeEnum      = 14
	labelOptional = 1
	labelRepeated = 3
)

var scalars = map[string]uint64{"bool": 8, "bytes": 12, "uint64": 4}

// extensions are the field numbers of options in gogoproto/gogo.proto.
var extensions = map[string]int{
	"goproto_getters_all":      63001,
	"goproto_enum_prefix_all":  63002,
	"marshaler_all":            63017,
	"unmarshaler_all":          63018,
	"sizer_all":                63020,
	"goproto_unrecognized_all": 63026,
	"gogoproto_import":         63027,
	"goproto_sizecache_all":    63034,
	"goproto_unkeyed_all":      63035,
	"nullable":                 65001,
	"customname":               65004,
}

// encode returns f as an encoded google.protobuf.FileDescriptorProto. Fields go by number, as
// protoc writes them.
func (f protoFile) encode(name string) ([]byte, error) {
	b := putText(nil, 1, name)
	b = putText(b, 2, f.pkg)
	for _, imported := range f.imports {
		b = putText(b, 3, imported)
	}
	for _, m := range f.messages {
		content := putText(nil, 1, m.name)
		for _, fd := range m.fields {
			encoded, err := f.encodeField(fd)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", m.name, fd.name, err)
			}
			content = putBytes(content, 2, encoded)
		}
		b = putBytes(b, 4, content)
	}
	for _, e := range f.enums {
		content := putText(nil, 1, e.name)
		for _, v := range e.values {
			content = putBytes(content, 2, putNumber(putText(nil, 1, v.name), 2, v.number))
		}
		b = putBytes(b, 5, content)
	}
	options, err := encodeOptions(f.options)
	return putBytes(b, 8, options), err
}

func (f protoFile) encodeField(fd field) ([]byte, error) {
	b := putNumber(putText(nil, 1, fd.name), 3, fd.number)
	if fd.repeated {
		b = putNumber(b, 4, labelRepeated)
	} else {
		b = putNumber(b, 4, labelOptional)
	}
	if scalar, ok := scalars[fd.typ]; ok {
		b = putNumber(b, 5, scalar)
	} else {
		kind, err := f.kind(fd.typ)
		if err != nil {
			return nil, err
		}
		b = putText(putNumber(b, 5, kind), 6, "."+f.pkg+"."+fd.typ)
	}
	if len(fd.options) > 0 {
		options, err := encodeOptions(fd.options)
		if err != nil {
			return nil, err
		}
		b = putBytes(b, 8, options)
	}
	return putText(b, 10, jsonName(fd.name)), nil
}

// kind returns whether a type that is declared in f is a message or an enum.
func (f protoFile) kind(typ string) (uint64, error) {
	if slices.ContainsFunc(f.messages, func(m message) bool { return m.name == typ }) {
		return typeMessage, nil
	}
	if slices.ContainsFunc(f.enums, func(e enum) bool { return e.name == typ }) {
		return typeEnum, nil
	}
	return 0, fmt.Errorf("no type %s", typ)
}

func encodeOptions(options []option) ([]byte, error) {
	options = slices.Clone(options)
	slices.SortFunc(options, func(a, b option) int {
		return cmp.Compare(extensions[a.name], extensions[b.name])
	})
	var b []byte
	for _, o := range options {
		n, ok := extensions[o.name]
		if !ok {
			return nil, fmt.Errorf("no option %s", o.name)
		}
		switch o.value {
		case "false":
			b = putNumber(b, n, 0)
		case "true":
			b = putNumber(b, n, 1)
		default:
			b = putText(b, n, unquoted(o.value))
		}
	}
	return b, nil
}

// jsonName turns conf_state into confState, as protoc does.
func jsonName(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func putNumber(b []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3), v)
}

func putBytes(b []byte, field int, v []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3|2), uint64(len(v)))
	return append(b, v...)
}

func putText(b []byte, field int, v string) []byte { return putBytes(b, field, []byte(v)) }
