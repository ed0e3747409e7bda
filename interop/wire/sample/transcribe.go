package sample

import (
	"reflect"
	"strings"
)

// Transcribe copies content to its counterpart in another library, field by field, by name. v3.7
// spells NodeID differently, and has a pointer where v3.6 and this library have a value: it is
// always set, and one that is nil is a zero.
func Transcribe(to, from reflect.Value) {
	if from.Kind() == reflect.Pointer {
		if from.IsNil() {
			return
		}
		from = from.Elem()
	}
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	switch from.Kind() {
	case reflect.Struct:
		for i := range from.NumField() {
			if field := from.Type().Field(i); field.IsExported() {
				Transcribe(counterpart(to, field.Name), from.Field(i))
			}
		}
	case reflect.Slice:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			Transcribe(to.Index(i), from.Index(i))
		}
	default:
		to.Set(from.Convert(to.Type()))
	}
}

func counterpart(v reflect.Value, name string) reflect.Value {
	if field := v.FieldByName(name); field.IsValid() {
		return field
	}
	return v.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
}
