package main

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// answerTo sends a request with headers, given as name and value, and repeats it while leaders
// change.
func (r *replica) answerTo(t *testing.T, method, path, body string, headers ...string) (code int, etag string) {
	t.Helper()
	until(t, method+" "+path, func() bool {
		req, err := http.NewRequest(method, r.opts.address+path, strings.NewReader(body))
		must(t, err)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Add(headers[i], headers[i+1])
		}
		resp, err := client.Do(req)
		must(t, err)
		must(t, resp.Body.Close())
		code, etag = resp.StatusCode, resp.Header.Get(headerTag)
		return code != http.StatusServiceUnavailable
	})
	return code, etag
}

func TestAWriteMayDependOnTheRevision(t *testing.T) {
	r := startHere(t, 1)[1]
	tags := map[string]string{} // by name, in the order in which they were given
	last := uint64(0)
	for _, step := range []struct {
		method, name, value string
		code                int
		gives               string // the name of the revision that the key has now
	}{
		{"GET", "If-Match", "*", 412, ""},
		{"PUT", "If-Match", "*", 412, ""},
		{"PUT", "If-Match", `"1"`, 412, ""},
		{"DELETE", "If-Match", "*", 412, ""},
		{"DELETE", "If-None-Match", "*", 204, ""},
		{"GET", "If-None-Match", "*", 404, ""},
		{"PUT", "If-None-Match", "*", 204, "first"},
		{"PUT", "If-None-Match", "*", 412, ""},
		{"GET", "", "", 200, "first"},
		{"GET", "If-Match", "first", 200, "first"},
		{"GET", "If-None-Match", "first", 304, "first"},
		{"GET", "If-None-Match", "*", 304, "first"},
		{"HEAD", "If-None-Match", "first", 304, "first"},
		{"PUT", "If-None-Match", "first", 412, ""},
		{"PUT", "If-Match", "first", 204, "second"},
		{"PUT", "If-Match", "first", 412, ""},
		{"GET", "If-Match", "first", 412, "second"},
		{"GET", "If-None-Match", "first", 200, "second"},
		{"PUT", "If-None-Match", "first", 204, "third"},
		{"PUT", "If-Match", "*", 204, "fourth"},
		{"PUT", "", "", 204, "fifth"},
		{"DELETE", "If-Match", "first", 412, ""},
		{"DELETE", "If-None-Match", "fifth", 412, ""},
		{"DELETE", "If-Match", "fifth", 204, ""},
		{"GET", "", "", 404, ""},
		{"PUT", "", "", 204, "sixth"},
		{"DELETE", "If-None-Match", "fifth", 204, ""},
	} {
		value := step.value
		if known, ok := tags[value]; ok {
			value = known
		}
		var headers []string
		if step.name != "" {
			headers = []string{step.name, value}
		}
		what := fmt.Sprint(step.method, " ", step.name, " ", step.value)
		code, etag := r.answerTo(t, step.method, "/kv/k", "v", headers...)
		if code != step.code {
			t.Fatalf("%s: %d, want %d", what, code, step.code)
		}
		want, known := tags[step.gives]
		switch {
		case step.gives == "" || known:
			if etag != want {
				t.Errorf("%s: ETag %s, want %s", what, etag, want)
			}
		default:
			revision, err := strconv.ParseUint(strings.Trim(etag, `"`), 10, 64)
			if err != nil || revision <= last {
				t.Errorf("%s: ETag %s after %d", what, etag, last)
			}
			tags[step.gives], last = etag, revision
		}
	}
}

func TestAConditionThatMakesNoSenseIsRefused(t *testing.T) {
	r := startHere(t, 1)[1]
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		for _, headers := range [][]string{
			{"If-Match", "1"}, {"If-Match", `"0"`}, {"If-Match", `"01"`}, {"If-Match", `W/"1"`}, {"If-Match", `"x"`}, {"If-Match", ""},
			{"If-Match", `"1", "2"`}, {"If-None-Match", `"1"`, "If-None-Match", `"2"`}, {"If-Match", `"1"`, "If-None-Match", "*"},
		} {
			if code, _ := r.answerTo(t, method, "/kv/k", "", headers...); code != http.StatusBadRequest {
				t.Errorf("%s %q: %d", method, headers, code)
			}
		}
	}
	for _, request := range []string{"PUT /kv/k?expect=a", "PUT /kv/k?absent", "DELETE /kv/k?expect=a"} {
		method, path, _ := strings.Cut(request, " ")
		if code, _ := r.answerTo(t, method, path, "", "If-Match", "*"); code != http.StatusBadRequest {
			t.Errorf("%s with If-Match: %d", request, code)
		}
	}
}

// TestARepeatedWriteIsNotJudgedAgain: its condition held, and does not any more because of it.
func TestARepeatedWriteIsNotJudgedAgain(t *testing.T) {
	r := startHere(t, 1)[1]
	_, answer := r.insist(t, http.MethodPost, "/session", "")
	session := strings.TrimRight(strings.TrimPrefix(answer, `{"session":`), "}\n")
	_, etag := r.answerTo(t, "PUT", "/kv/k", "a")
	write := []string{"If-Match", etag, headerSession, session, headerSequence, "1"}
	code, first := r.answerTo(t, "PUT", "/kv/k", "b", write...)
	again, second := r.answerTo(t, "PUT", "/kv/k", "b", write...)
	if code != http.StatusNoContent || again != http.StatusNoContent {
		t.Errorf("%d, and when repeated %d", code, again)
	}
	if _, now := r.answerTo(t, "GET", "/kv/k", ""); first != now || second != "" {
		t.Errorf("ETags %s and %s, and now %s", first, second, now)
	}
}

func TestReplicasAgreeOnRevisions(t *testing.T) {
	replicas := startHere(t, 3)
	r := follower(t, replicas)
	_, want := r.answerTo(t, "PUT", "/kv/k", "v")
	for id, other := range replicas {
		until(t, fmt.Sprint("the write on replica ", id), func() bool {
			code, etag := other.answerTo(t, "GET", "/kv/k?stale", "")
			return code == http.StatusOK && etag == want
		})
	}
}

func TestDataWithoutRevisionsIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	must(t, s.db.Set([]byte("dkey"), []byte("a long value"), pebble.Sync))
	must(t, s.close())
	if _, err := openStore(dir); !errors.Is(err, errNoRevisions) {
		t.Errorf("it opens with %v", err)
	}
	s = openTest(t, t.TempDir())
	defer s.close()
	must(t, s.db.Set(dataKey([]byte("k")), []byte("short"), nil))
	if _, err := s.read([]byte("k")); err == nil {
		t.Error("a row without a revision is read")
	}
}
