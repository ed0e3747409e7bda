package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/ffd200af/raft/interop/wire/sample"
)

// Logs and dumps are read by programs too.
func TestBothAreWrittenAlikeAsTextAndJSON(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 12))
			for range rounds / 10 {
				ours, theirs := pair.ours(), pair.etcd()
				sample.Draw(r, reflect.ValueOf(ours).Elem(), 3)
				sample.Transcribe(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				if a, b := fmt.Sprint(ours), fmt.Sprint(theirs); a != b {
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
				if a, b := fmt.Sprint(back), fmt.Sprint(theirBack); a != b {
					t.Fatalf("read from JSON\n%s, want\n%s", a, b)
				}
			}
		})
	}
}
