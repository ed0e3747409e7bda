package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// listed returns the keys of a listing, all pages of it, and how many pages there are. Each key
// must be there under the path that the listing gives.
func (r *replica) listed(t *testing.T, query string) (keys []string, pages int) {
	t.Helper()
	for at := keyPath + "/" + query; at != ""; pages++ {
		code, body := r.insist(t, http.MethodGet, at, "")
		var p struct {
			Keys []keyReport
			Next string
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || code != http.StatusOK || p.Keys == nil {
			t.Fatalf("GET %s: %d, %v, %s", at, code, err, body)
		}
		for _, k := range p.Keys {
			key, err := url.PathUnescape(k.Key)
			must(t, err)
			keys = append(keys, key)
			code, etag := r.answerTo(t, http.MethodGet, keyPath+"/"+k.Key, "")
			if code != http.StatusOK || etag != tag(k.Revision) {
				t.Errorf("GET of key %s: %d, ETag %s, want revision %d", k.Key, code, etag, k.Revision)
			}
		}
		at = p.Next
	}
	return keys, pages
}

func TestKeysAreListedByPrefix(t *testing.T) {
	r := follower(t, startHere(t, 3))
	if keys, pages := r.listed(t, ""); len(keys) != 0 || pages != 1 {
		t.Errorf("without a key there are %q on %d pages", keys, pages)
	}
	all := []string{"\x00", "../up", "a", "a b?c=%", "a/", "a//b", "a/b", "ab", "b", "\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}
	slices.Sort(all)
	for _, key := range all {
		if code, body := r.insist(t, http.MethodPut, keyPath+"/"+escapeKey([]byte(key)), key); code != http.StatusNoContent {
			t.Fatalf("PUT %q: %d %s", key, code, body)
		}
	}
	for _, prefix := range []string{"", "a", "a/", "ab", "abc", "\xff", "\xff\xff", "\x00", "c"} {
		for _, limit := range []int{0, 1, 2, 3, 14} {
			query := "?prefix=" + url.QueryEscape(prefix)
			if limit > 0 {
				query += fmt.Sprint("&limit=", limit)
			}
			want := slices.DeleteFunc(slices.Clone(all), func(key string) bool { return !strings.HasPrefix(key, prefix) })
			keys, pages := r.listed(t, query)
			if !slices.Equal(keys, want) {
				t.Errorf("%s: %q, want %q", query, keys, want)
			}
			wantPages := 1
			if limit > 0 {
				wantPages = max(1, (len(want)+limit-1)/limit)
			}
			if pages != wantPages {
				t.Errorf("%s: %d keys on %d pages", query, len(keys), pages)
			}
		}
	}
	for query, want := range map[string][]string{
		"?after=b": {"\xfe", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}, "?prefix=a&after=a/b": {"ab"},
		"?prefix=a&after=b": nil, "?prefix=a/&after=A": {"a/", "a//b", "a/b"}, "?prefix=ab&read=lease": {"ab"},
	} {
		if keys, _ := r.listed(t, query); !slices.Equal(keys, want) {
			t.Errorf("%s: %q, want %q", query, keys, want)
		}
	}
}

func TestAPageOfLargeValuesIsShort(t *testing.T) {
	r := startHere(t, 1)[1]
	for i := range 3 {
		r.insist(t, http.MethodPut, fmt.Sprint("/kv/", i), strings.Repeat("v", maxValue/2+1))
	}
	if keys, pages := r.listed(t, ""); len(keys) != 3 || pages != 2 {
		t.Errorf("%d keys on %d pages", len(keys), pages)
	}
}

// TestAListingIsLinearizableByDefault: without a leader it has no answer, as a read has none.
func TestAListingIsLinearizableByDefault(t *testing.T) {
	r := startHere(t, 1)[1]
	r.insist(t, http.MethodPut, "/kv/k", "")
	for query, want := range map[string]string{"": "safe", "?read=lease": "lease", "?read=stale": "stale", "?stale": "stale"} {
		until(t, "a listing that is confirmed: "+want, func() bool {
			resp, err := client.Get(r.opts.address + "/kv/" + query)
			must(t, err)
			must(t, resp.Body.Close())
			return resp.StatusCode == http.StatusOK && resp.Header.Get(headerRead) == want
		})
	}
	alone := startSoloLeader(t, 3)
	if code, body := alone.replica.ask("/kv/?stale"); code != http.StatusOK {
		t.Errorf("a stale listing without a leader: %d %s", code, body)
	}
	alone.opts.timeout = 0
	if code, body := alone.replica.ask("/kv/"); code != http.StatusServiceUnavailable {
		t.Errorf("a listing without a leader: %d %s", code, body)
	}
}

func TestAListingThatMakesNoSenseIsRefused(t *testing.T) {
	r := startHere(t, 1)[1]
	for _, path := range []string{
		"/kv/?limit=0", "/kv/?limit=1001", "/kv/?limit=x", "/kv/?limit=-1", "/kv/?limit=", "/kv/?prefx=a", "/kv/?read=x",
		"/kv/?stale&read=safe", "/kv/?prefix=a&prefix=b", "/kv/k?prefix=a", "/kv?prefix=a", "/kv",
	} {
		if code, body := r.send(t, http.MethodGet, path, ""); code != http.StatusBadRequest {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}
	if code, _ := r.answerTo(t, http.MethodGet, "/kv/", "", "If-Match", "*"); code != http.StatusBadRequest {
		t.Errorf("with a condition: %d", code)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		if code, _ := r.send(t, method, "/kv/", ""); code != http.StatusBadRequest {
			t.Errorf("%s without a key: %d", method, code)
		}
	}
}
