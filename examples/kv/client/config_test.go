package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAConfigThatMakesNoSenseIsRefused(t *testing.T) {
	for want, c := range map[string]Config{
		"no endpoint":    {},
		`endpoint ""`:    {Endpoints: []string{""}},
		`"host:9121"`:    {Endpoints: []string{"http://a", "host:9121"}},
		`"ftp://a"`:      {Endpoints: []string{"ftp://a"}},
		`"http://a?b"`:   {Endpoints: []string{"http://a?b"}},
		`"http:///path"`: {Endpoints: []string{"http:///path"}},
		"HTTP and TLS":   {Endpoints: []string{"http://a"}, HTTP: http.DefaultClient, TLS: &tls.Config{}},
		`"http://a#b"`:   {Endpoints: []string{"http://a#b"}},
		`"http://a b"`:   {Endpoints: []string{"http://a b"}},
		`endpoint "a/b"`: {Endpoints: []string{"a/b//"}},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}

// TestARedirectIsNotFollowed: the token and the value stay with the endpoint.
func TestARedirectIsNotFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.hook = func(at string, w http.ResponseWriter, req *http.Request) bool {
			if at == "r1" && req.URL.Path == "/kv/k" {
				w.Header().Set("Location", "http://elsewhere/kv/k")
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
			return false
		}
		_, err := c.client(Config{Endpoints: []string{"http://r1"}, Bearer: "secret"}).Get(ctx, "k")
		if status := (*StatusError)(nil); !errors.As(err, &status) || !strings.Contains(err.Error(), "redirect to http://elsewhere") {
			t.Error(err)
		}
		if n := c.matching("elsewhere"); n > 0 {
			t.Errorf("%d requests went elsewhere", n)
		}
	})
}

// TestTokenAndCertificatesAreUsed over real connections.
func TestTokenAndCertificatesAreUsed(t *testing.T) {
	c := newFake(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set(headerCluster, c.id)
		c.serve("r1", w, req)
	}))
	defer server.Close()
	c.members = map[string]string{"1": server.URL}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shared := &tls.Config{RootCAs: pool}
	for bearer, want := range map[string]string{"secret": "", "wrong": "401"} {
		cl, err := New(Config{Endpoints: []string{server.URL}, Bearer: bearer, TLS: shared})
		must(t, err)
		if _, err := cl.Put(ctx, "k", []byte("v")); (err == nil) != (want == "") || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("with the token %q: %v", bearer, err)
		}
		if bearer == "secret" {
			must(t, cl.Close(ctx))
		}
	}
	if len(shared.NextProtos) > 0 { // http.Transport changes its configuration
		t.Errorf("the configuration of the caller now has the protocols %q", shared.NextProtos)
	}
}

// TestPlainAddressesAreNotLearnedFromSecureOnes: the token would go out in the clear.
func TestPlainAddressesAreNotLearnedFromSecureOnes(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.members["3"] = "https://r3"
		for _, endpoints := range [][]string{{"https://r1"}, {"https://r1", "http://r2"}} {
			cl := c.client(Config{Endpoints: endpoints})
			mustPut(t, ctx, cl)
			if got := fmt.Sprint(cl.directory.order); strings.Contains(got, "http://") != (len(endpoints) > 1) || !strings.Contains(got, "https://r3") {
				t.Errorf("%v: known are %s", endpoints, got)
			}
		}
	})
}

// TestKeysAreTakenAsTheyAre: no byte of a key is lost in a URL.
func TestKeysAreTakenAsTheyAre(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		for _, key := range []string{"a//b", "../a", "a b", "a?b=c#d", "%41", "\xff\x00", "/", "é"} {
			_, err := cl.Put(ctx, key, nil)
			must(t, err)
			if _, ok := c.values[key]; !ok {
				line, _ := c.last("PUT")
				t.Errorf("%q is written as %s", key, line)
			}
		}
	})
}
