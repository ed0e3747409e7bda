package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/raftpb"
)

// enum is one type of ours and of theirs.
type enum struct {
	name        string
	ours, etcd  func(int32) fmt.Stringer
	names, want map[int32]string
	byName      map[string]int32
	wantByName  map[string]int32
}

var enums = []enum{
	{
		"MessageType", func(v int32) fmt.Stringer { return raftpb.MessageType(v).Enum() }, func(v int32) fmt.Stringer { return etcd.MessageType(v).Enum() },
		raftpb.MessageType_name, etcd.MessageType_name, raftpb.MessageType_value, etcd.MessageType_value,
	},
	{
		"EntryType", func(v int32) fmt.Stringer { return raftpb.EntryType(v).Enum() }, func(v int32) fmt.Stringer { return etcd.EntryType(v).Enum() },
		raftpb.EntryType_name, etcd.EntryType_name, raftpb.EntryType_value, etcd.EntryType_value,
	},
	{
		"ConfChangeType", func(v int32) fmt.Stringer { return raftpb.ConfChangeType(v).Enum() }, func(v int32) fmt.Stringer { return etcd.ConfChangeType(v).Enum() },
		raftpb.ConfChangeType_name, etcd.ConfChangeType_name, raftpb.ConfChangeType_value, etcd.ConfChangeType_value,
	},
	{
		"ConfChangeTransition", func(v int32) fmt.Stringer { return raftpb.ConfChangeTransition(v).Enum() }, func(v int32) fmt.Stringer { return etcd.ConfChangeTransition(v).Enum() },
		raftpb.ConfChangeTransition_name, etcd.ConfChangeTransition_name, raftpb.ConfChangeTransition_value, etcd.ConfChangeTransition_value,
	},
}

func TestEnumsHaveTheSameNumbersAndNames(t *testing.T) {
	for _, e := range enums {
		if !maps.Equal(e.names, e.want) || !maps.Equal(e.byName, e.wantByName) {
			t.Errorf("%s: %v %v, want %v %v", e.name, e.names, e.byName, e.want, e.wantByName)
		}
		for _, v := range append(numbers(40), -1, math.MaxInt32, math.MinInt32) {
			if a, b := e.ours(v).String(), e.etcd(v).String(); a != b {
				t.Errorf("%s %d: %q, want %q", e.name, v, a, b)
			}
		}
	}
}

func TestEnumsAreReadAlikeFromJSON(t *testing.T) {
	for _, e := range enums {
		texts := []string{`0`, `2`, `99`, `-1`, `4294967296`, `1.5`, `null`, `""`, `"nonsense"`, `"1"`, `true`, `{}`}
		for _, v := range numbers(len(e.want)) {
			texts = append(texts, `"`+e.want[v]+`"`)
		}
		for _, text := range texts {
			ours, theirs := e.ours(1), e.etcd(1)
			err, theirErr := json.Unmarshal([]byte(text), ours), json.Unmarshal([]byte(text), theirs)
			if a, b := number(ours), number(theirs); (err == nil) != (theirErr == nil) || err == nil && a != b {
				t.Errorf("%s %s: %d %v, want %d %v", e.name, text, a, err, b, theirErr)
			}
		}
	}
}

func number(enum fmt.Stringer) int64 { return reflect.ValueOf(enum).Elem().Int() }

func numbers(n int) []int32 {
	var vs []int32
	for v := range int32(n) {
		vs = append(vs, v)
	}
	return vs
}
