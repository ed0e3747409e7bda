package checkpoint_test

import (
	"reflect"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/checkpoint"
)

// A field that is renamed must not lose its rule: each rule is about a field that there is, of a kind that the rule can be about.
func TestEveryRuleIsAboutAFieldOfANode(t *testing.T) {
	found := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for i := range typ.NumField() {
				f := typ.Field(i)
				name := checkpoint.NameOf(typ, i)
				how, named := checkpoint.Rules[name]
				if named {
					found[name] = true
				}
				slice, queue := f.Type.Kind() == reflect.Slice, f.Type.Kind() == reflect.Struct
				if !slice && (how == checkpoint.WithCapacity || how == checkpoint.Swapped) || !slice && !queue && f.Type.Kind() != reflect.Pointer && how == checkpoint.Spare {
					t.Errorf("%s is no list", name)
				}
				if how != checkpoint.Surroundings {
					walk(f.Type)
				}
			}
		}
	}
	walk(reflect.TypeFor[raft.RawNode]())
	for name := range checkpoint.Rules {
		if !found[name] {
			t.Errorf("a node has no field %s", name)
		}
	}
	if len(seen) < 25 {
		t.Errorf("only %d types", len(seen))
	}
}
