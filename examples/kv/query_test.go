package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestKeysAreTakenAsTheyAre writes at a follower, which passes on to the leader, and looks into the
// store. A redirect to a cleaned path would write another key.
func TestKeysAreTakenAsTheyAre(t *testing.T) {
	r := follower(t, startHere(t, 3))
	for path, key := range map[string]string{
		"a//b": "a//b", "a/./b": "a/./b", "a/../b": "a/../b", "..": "..", "/": "/", "a/": "a/",
		"c%2Fd": "c/d", "%2E%2E/e": "../e", "f%3Fg": "f?g", "%00%ff": "\x00\xff", "with+plus": "with+plus",
	} {
		if code, body := r.insist(t, http.MethodPut, "/kv/"+path, path); code != http.StatusNoContent {
			t.Errorf("PUT %s: %d %s", path, code, body)
			continue
		}
		if code, body := r.insist(t, http.MethodGet, "/kv/"+path, ""); code != http.StatusOK || body != path {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
		var o outcome
		var err error
		must(t, r.query(context.Background(), func() { o, err = r.store.read([]byte(key)) }))
		if err != nil || string(o.value) != path {
			t.Errorf("key %q has %q, %v, want %q", key, o.value, err, path)
		}
		if code, body := r.insist(t, http.MethodDelete, "/kv/"+path, ""); code != http.StatusNoContent {
			t.Errorf("DELETE %s: %d %s", path, code, body)
		}
	}
	rows := 0
	count := func(key, row []byte) error { rows++; return nil }
	if err := eachRow(r.store.db, dataPrefix, count); err != nil || rows != 0 {
		t.Errorf("%d other keys were written, %v", rows, err)
	}
	for _, path := range []string{"/kv/", "/kv"} {
		if code, _ := r.insist(t, http.MethodPut, path, "x"); code != http.StatusBadRequest {
			t.Errorf("PUT %s: %d", path, code)
		}
	}
}

// TestNoPortRedirects: the port for other replicas has no keys, and a path there leads nowhere
// else.
func TestNoPortRedirects(t *testing.T) {
	r := bareReplica()
	for _, path := range []string{"/kv", "/kv/", "/kv/k", "/kv/a//b", "/kv/a/../b", "/kv/.", "//", "//status", "/./members", "/raft//snapshot"} {
		for port, h := range map[string]http.Handler{"peers": r.peerRoutes(), "clients": r.routes()} {
			if port == "clients" && strings.HasPrefix(path, keyPath) {
				continue
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != http.StatusNotFound {
				t.Errorf("%s at the port for %s: %d, Location %q", path, port, w.Code, w.Header().Get("Location"))
			}
		}
	}
}

// TestAKeyHasTheMethodsOfAResource: those that it has not are refused, and named.
func TestAKeyHasTheMethodsOfAResource(t *testing.T) {
	h := bareReplica().routes()
	for _, path := range []string{"/kv", "/kv/", "/kv/k", "/kv/a/../b"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("POST %s: %d, allowed %q", path, w.Code, w.Header().Get("Allow"))
		}
	}
	l := startSoloLeader(t, 3, 2, 3)
	l.want(http.MethodPut, "/kv/k", "v", http.StatusNoContent)
	for path, code := range map[string]int{"/kv/k?stale": http.StatusOK, "/kv/none?stale": http.StatusNotFound, "/kv/?stale": http.StatusOK, "/kv": http.StatusBadRequest} {
		if w := l.ask(http.MethodHead, path, ""); w.Code != code {
			t.Errorf("HEAD %s: %d, want %d", path, w.Code, code)
		}
	}
}

func TestNoQueryParameterIsIgnored(t *testing.T) {
	r := startHere(t, 1)[1]
	for _, tc := range []struct {
		method, path, want string
	}{
		{"PUT", "/kv/k?abesnt", `unknown query parameter "abesnt"`},
		{"PUT", "/kv/k?expect=a&x=1", `unknown query parameter "x"`},
		{"PUT", "/kv/k?expect=a&absent", "exclude each other"},
		{"PUT", "/kv/k?expect=a&expect=b", `"expect" is given 2 times`},
		{"PUT", "/kv/k?absent=yes", `"absent" must be true or false`},
		{"PUT", "/kv/k?absent;x", "semicolon"},
		{"GET", "/kv/k?expect=a", `unknown query parameter "expect"`},
		{"GET", "/kv/k?read=safe&stale", "exclude each other"},
		{"DELETE", "/kv/k?absent", `unknown query parameter "absent"`},
		{"GET", "/status?x", `unknown query parameter "x"`},
		{"POST", "/session?x", `unknown query parameter "x"`},
		{"DELETE", "/session/1?x", `unknown query parameter "x"`},
		{"GET", "/members?x", `unknown query parameter "x"`},
		{"POST", "/members?x", `unknown query parameter "x"`},
		{"DELETE", "/members/1?x", `unknown query parameter "x"`},
		{"POST", "/leader?two=1", `unknown query parameter "two"`},
		{"POST", "/raft?x", `unknown query parameter "x"`},
	} {
		code, body := r.send(t, tc.method, tc.path, "")
		if code != http.StatusBadRequest || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, code, body)
		}
	}
	if code, _ := r.send(t, "GET", "/kv/k", ""); code != http.StatusNotFound {
		t.Errorf("a refused write was carried out: %d", code)
	}
}

func TestConditionsCountForAllWrites(t *testing.T) {
	r := startHere(t, 1)[1]
	for _, step := range []struct {
		method, query, value string
		want                 int
	}{
		{"DELETE", "?expect=", "", http.StatusPreconditionFailed},
		{"PUT", "?expect=", "a", http.StatusPreconditionFailed},
		{"PUT", "?absent", "a", http.StatusNoContent},
		{"PUT", "?absent=true", "b", http.StatusPreconditionFailed},
		{"DELETE", "?expect=b", "", http.StatusPreconditionFailed},
		{"GET", "", "a", http.StatusOK},
		{"PUT", "?absent=false", "b", http.StatusNoContent},
		{"PUT", "?expect=b", "c", http.StatusNoContent},
		{"DELETE", "?expect=c", "", http.StatusNoContent},
		{"GET", "", "no such key\n", http.StatusNotFound},
		{"DELETE", "", "", http.StatusNoContent},
	} {
		code, body := r.send(t, step.method, "/kv/k"+step.query, step.value)
		if code != step.want || step.method == "GET" && body != step.value {
			t.Errorf("%s %s: %d %q, want %d", step.method, step.query, code, body, step.want)
		}
	}
}
