package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestToExploreNothingIsNoSuccess(t *testing.T) {
	for _, args := range []string{"-cores 0", "-minutes 0", "-minutes -1", "-minutes NaN", "-states 0", "-minorities -1", "-world nowhere", "plain", "-x"} {
		var stdout, stderr bytes.Buffer
		if status := run(strings.Fields(args), &stdout, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%s: status %d, %s%s", args, status, stdout.String(), stderr.String())
		}
	}
}

func TestTheWorldsAreListed(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-list", "-world", "plain"}, &stdout, &stderr); status != 0 || !strings.HasPrefix(stdout.String(), "plain: ") {
		t.Errorf("status %d, %s%s", status, stdout.String(), stderr.String())
	}
}
