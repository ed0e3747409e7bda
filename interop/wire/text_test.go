package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ffd200af/raft/interop/wire/sample"
)

// Logs and dumps are read by programs too. In the text there is one difference: they leave
// out what is zero.
func TestBothAreWrittenAlikeAsTextAndJSON(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 12))
			for range rounds / 10 {
				ours, theirs := pair.ours(), pair.etcd()
				sample.Draw(r, reflect.ValueOf(ours).Elem(), 3)
				sample.Transcribe(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				if a, b := withoutZeros(ours), withoutZeros(theirs); a != b {
					t.Fatalf("as text\n%s, want\n%s", a, b)
				}
				a, err := json.Marshal(ours)
				b, theirErr := json.Marshal(theirs)
				if err != nil || theirErr != nil || string(a) != string(b) {
					t.Fatalf("as JSON\n%s (%v), want\n%s (%v)", a, err, b, theirErr)
				}
				back, theirBack := pair.ours(), pair.etcd()
				if err := json.Unmarshal(a, back); err != nil {
					t.Fatalf("%s: %v", a, err)
				}
				if err := json.Unmarshal(a, theirBack); err != nil {
					t.Fatalf("%s: %v", a, err)
				}
				if a, b := withoutZeros(back), withoutZeros(theirBack); a != b {
					t.Fatalf("read from JSON\n%s, want\n%s", a, b)
				}
			}
		})
	}
}

var (
	zero  = regexp.MustCompile(`\w+:(0|false|MsgHup|EntryNormal|ConfChangeAddNode|ConfChangeTransitionAuto) `)
	empty = regexp.MustCompile(`(conf_state|metadata):<> `)
)

// withoutZeros returns the text of a struct, less what is zero. It leaves ids that are zero: in a list they say that something
// is there.
func withoutZeros(v any) string {
	text := zero.ReplaceAllStringFunc(fmt.Sprint(v), func(field string) string {
		if strings.HasPrefix(field, "voters") || strings.HasPrefix(field, "learners") {
			return field
		}
		return ""
	})
	return empty.ReplaceAllString(empty.ReplaceAllString(text, ""), "") // the metadata may be empty because of the other
}
