package rafttest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ffd200af/raft/internal/options"
)

func TestTheScriptInThePackageDocumentationRunsAsItStands(t *testing.T) {
	var script strings.Builder
	_, docs, _ := strings.Cut(packageDocs, "//\t")
	for line := range strings.Lines("//\t" + docs) {
		text, code := strings.CutPrefix(line, "//\t")
		if !code && line != "//\n" {
			break
		}
		script.WriteString(strings.TrimPrefix(text, "//"))
	}
	outcomes, err := Replay(strings.NewReader(script.String()), nil)
	if err != nil || len(outcomes) < 5 {
		t.Fatalf("%d commands, %v", len(outcomes), err)
	}
	for _, o := range outcomes {
		if o.Actual != o.Data.Expected {
			t.Errorf("%s prints\n%s\nand not\n%s", o.Directive, o.Actual, o.Data.Expected)
		}
	}
}

func TestTheReferenceHasEveryCommandAndNoOther(t *testing.T) {
	known := commands()
	explained := map[string]bool{}
	for _, name := range regexp.MustCompile(`(?m)^    ([a-z_][a-z-]+)( .*)?\n(    .*\n)*?      [A-Z]`).FindAllStringSubmatch(Reference(), -1) {
		explained[name[1]] = true
		if known[name[1]] == nil {
			t.Errorf("there is no command %s", name[1])
		}
	}
	for name := range known {
		if !explained[name] {
			t.Errorf("%s is not explained", name)
		}
	}
}

func TestTheReferenceHasEveryOptionWithItsField(t *testing.T) {
	for _, o := range options.All() {
		if o.Arg == "" {
			continue
		}
		if line := regexp.MustCompile(`(?m)^    ` + o.Arg + `=\S+ +` + o.Field + `$`); !line.MatchString(Reference()) {
			t.Errorf("%s, which sets %s, is not explained", o.Arg, o.Field)
		}
	}
}
