package checkpoint_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/checkpoint"
)

// A field that is renamed must not lose its rule, nor a new one go without.
func TestEveryRuleIsAboutAFieldOfANode(t *testing.T) {
	for _, wrong := range checkpoint.Unfit(reflect.TypeFor[raft.RawNode](), checkpoint.Written()) {
		t.Error(wrong)
	}
}

func TestATableThatDoesNotFitIsFoundOut(t *testing.T) {
	type inside struct{ f func() }
	type state struct {
		list []inside
		gone map[int]int
		n    int
	}
	_ = state{list: []inside{{f: nil}}, gone: nil, n: 0}
	got := checkpoint.Unfit(reflect.TypeFor[state](), checkpoint.Rules{"state.gone": nil, "state.n": checkpoint.WithCapacity, "state.renamed": nil})
	if want := []string{"inside.f is a func() and has no rule", "there is no field state.renamed"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
