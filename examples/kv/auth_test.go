package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tokenIn writes a token to a new file.
func tokenIn(t *testing.T, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token), 0o600))
	return file
}

// askWith is ask with an Authorization header.
func askWith(t *testing.T, authorization, method, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	must(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := client.Do(req)
	must(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	return resp
}

// TestChangesNeedTheToken that is in the file now.
func TestChangesNeedTheToken(t *testing.T) {
	r := bareReplica()
	r.opts.log = slog.New(slog.DiscardHandler)
	r.opts.tokenFile = tokenIn(t, "old\n")
	must(t, os.WriteFile(r.opts.tokenFile, []byte("secret\n"), 0o600))
	for authorization, want := range map[string]int{
		"":              http.StatusUnauthorized,
		"Bearer":        http.StatusUnauthorized,
		"Bearer ":       http.StatusUnauthorized,
		"Bearer old":    http.StatusUnauthorized,
		"Bearer secre":  http.StatusUnauthorized,
		"Basic secret":  http.StatusUnauthorized,
		"secret":        http.StatusUnauthorized,
		"Bearer secret": http.StatusOK,
		"bearer secret": http.StatusOK,
	} {
		req, w := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder()
		req.Header.Set("Authorization", authorization)
		r.guarded(func(http.ResponseWriter, *http.Request) {})(w, req)
		challenge := w.Header().Get("WWW-Authenticate") == `Bearer realm="kv"`
		if w.Code != want || challenge != (want == http.StatusUnauthorized) {
			t.Errorf("%q: %d %v, want %d", authorization, w.Code, w.Header(), want)
		}
	}
	must(t, os.Remove(r.opts.tokenFile))
	w := httptest.NewRecorder()
	r.guarded(func(http.ResponseWriter, *http.Request) {})(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("without its file: %d", w.Code)
	}
}

// TestATokenIsOneWord: a file that has none would let nobody or everybody in.
func TestATokenIsOneWord(t *testing.T) {
	for text, want := range map[string]string{"secret": "secret", " secret\n": "secret", "": "", "\n": "", "two words": ""} {
		token, err := readToken(tokenIn(t, text))
		if token != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, token, err)
		}
	}
}

// TestAClusterWithATokenTakesChangesOnlyWithIt, at any replica, and one that joins has it.
func TestAClusterWithATokenTakesChangesOnlyWithIt(t *testing.T) {
	c := newCluster(t, "-token-file", tokenIn(t, "secret"))
	c.startAll()
	leader := c.leader()
	follower := other(c, leader)
	for _, id := range []uint64{leader, follower} {
		for _, change := range []string{"POST /members", "DELETE /members/3", "POST /leader"} {
			method, path, _ := strings.Cut(change, " ")
			for _, authorization := range []string{"", "Bearer wrong"} {
				if resp := askWith(t, authorization, method, c.urls[id]+path); resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s with %q: %s", change, authorization, resp.Status)
				}
			}
		}
		for _, path := range []string{"/members", "/status", "/kv/"} {
			until(t, "GET "+path, func() bool {
				code, _ := ask(http.MethodGet, c.urls[id]+path)
				return code == http.StatusOK
			})
		}
	}
	c.put(follower, "k", "v")

	out, err := exec.Command(c.binary, "-id", "5", "-join", c.urls[follower], "-address", "http://"+freeAddress(t),
		"-data", t.TempDir(), "-tick", "20ms", "-token-file", tokenIn(t, "wrong")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "401 Unauthorized: "+errUnauthorized.Error()) {
		t.Errorf("a replica with another token joins: %v\n%s", err, out)
	}
	c.join(4, follower)
	c.wantVoters(follower, 1, 2, 3, 4)
	c.said.want(t, "replica 4 votes") // or it would ask once more
	until(t, "removal", func() bool {
		return askWith(t, "Bearer secret", http.MethodDelete, fmt.Sprintf("%s/members/%d", c.urls[follower], 4)).StatusCode == http.StatusNoContent
	})
	c.wantExit(4)
}
