package rafttest

import (
	_ "embed"
	"strings"
)

//go:embed doc.go
var packageDocs string

// Reference returns the reference of the script language: the package documentation from its
// section "Script language" on, as text.
func Reference() string {
	var out strings.Builder
	_, docs, _ := strings.Cut(packageDocs, "// # Script language\n")
	for line := range strings.Lines(docs) {
		line, isComment := strings.CutPrefix(line, "//")
		if !isComment {
			break
		}
		if code, isCode := strings.CutPrefix(line, "\t"); isCode {
			out.WriteString("    " + code)
		} else {
			out.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, " "), "# "))
		}
	}
	return strings.TrimLeft(out.String(), "\n")
}
