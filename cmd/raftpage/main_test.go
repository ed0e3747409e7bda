package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ffd200af/raft/cmd/raftpage/run"
)

func testBuilder(t *testing.T) *builder {
	t.Helper()
	source, err := sourceTree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return newBuilder(source, t.TempDir())
}

func TestEachLessonBreaksWithoutItsRule(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the library once for each lesson")
	}
	b := testBuilder(t)
	for _, l := range run.Lessons() {
		t.Run(l.Rule, func(t *testing.T) {
			overlay, err := b.overlay(t.Context(), l.Rule)
			if err != nil {
				t.Fatal(err)
			}
			out, err := b.run(t.Context(), []string{
				"test", "-vet=off", "-count=1", "-v", "-overlay", overlay, "-run", "^TestSomethingBreaks", "./cmd/raftpage/run", "-args", "-without", l.Rule,
			})
			if err != nil || !strings.Contains(out, "--- PASS: TestSomethingBreaks") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestAnUnknownRuleIsNotTakenOut(t *testing.T) {
	if _, err := testBuilder(t).build(t.Context(), "no-such-rule"); err == nil || !strings.Contains(err.Error(), "no-such-rule") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsServed(t *testing.T) {
	b := testBuilder(t)
	h := handler(t.Context(), b.source, b)
	for _, tc := range []struct {
		path string
		code int
		part string
	}{
		{"/", http.StatusOK, "<title>Raft, step by step</title>"},
		{"/main.js", http.StatusOK, "import"},
		{"/wasm_exec.js", http.StatusOK, "globalThis.Go"},
		{"/stories.json", http.StatusOK, `{"file":"commit_rule_figure_3_7.txt","about":"Figure 3.7 of the thesis`},
		{"/stories/election.txt", http.StatusOK, "add-nodes"},
		{"/stories/none.txt", http.StatusNotFound, ""},
		{"/stories/..%2fgo.mod", http.StatusNotFound, ""},
		{"/stories/election.go", http.StatusNotFound, ""},
		{"/core.wasm?without=no-such-rule", http.StatusNotFound, "there is no such rule"},
		{"/none", http.StatusNotFound, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, tc.path, nil))
		if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.part) {
			t.Errorf("%s: status %d, %.200s", tc.path, w.Code, w.Body)
		}
		if w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s has no policy", tc.path)
		}
	}
}

func TestThePageIsServedUntilItIsInterrupted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, http.NotFoundHandler()) }()
	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	if err := start(t.Context(), []string{"page"}, io.Discard); err == nil {
		t.Error("no error")
	}
}
