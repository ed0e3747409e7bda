package explore

import (
	"reflect"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/checkpoint"
)

func TestEveryRuleOfTheFingerprintIsAboutAField(t *testing.T) {
	for _, wrong := range checkpoint.Unfit(reflect.TypeFor[raft.RawNode](), newFingerprinter(true).rules()) {
		t.Error(wrong)
	}
}
