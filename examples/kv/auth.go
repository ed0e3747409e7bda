package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// Who may change the cluster: its members, and who leads. With -token-file, such a request needs
// the token in its Authorization header. Everything else stays open. All replicas of a cluster
// have the same token: the replica that a client asks checks it, and the leader does so again.

// errUnauthorized is the error of a request without the credentials that it needs.
var errUnauthorized = errors.New("this needs the token of the cluster, in a header Authorization: Bearer TOKEN")

// bearer is the scheme of the Authorization header.
const bearer = "Bearer "

// readToken reads a token. It is read again for each request, so that it can be replaced while
// replicas run.
func readToken(file string) (string, error) {
	b, err := os.ReadFile(file)
	token := strings.TrimSpace(string(b))
	switch {
	case err != nil:
		return "", fmt.Errorf("-token-file: %w", err)
	case token == "" || strings.ContainsAny(token, " \t\r\n"):
		return "", fmt.Errorf("-token-file: %s must have one word, the token", file)
	}
	return token, nil
}

// guarded lets only those requests through that may change the cluster.
func (r *replica) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		switch err := r.authorize(req); {
		case errors.Is(err, errUnauthorized):
			w.Header().Set("WWW-Authenticate", `Bearer realm="kv"`)
			http.Error(w, err.Error(), http.StatusUnauthorized)
		case err != nil:
			r.opts.log.Error("cannot check a request", "path", req.URL.Path, "err", err)
			http.Error(w, "this replica cannot read its token", http.StatusInternalServerError)
		default:
			next(w, req)
		}
	}
}

// authorize returns nil if a request may change the cluster.
func (r *replica) authorize(req *http.Request) error {
	if r.opts.tokenFile == "" {
		return nil
	}
	token, err := readToken(r.opts.tokenFile)
	if err != nil {
		return err
	}
	given := req.Header.Get("Authorization")
	if len(given) < len(bearer) || !strings.EqualFold(given[:len(bearer)], bearer) || !equal(given[len(bearer):], token) {
		return errUnauthorized
	}
	return nil
}

// equal compares in a time that tells nothing about the texts, not even how long they are.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// present adds the token of this replica to a request that changes the cluster.
func (o *options) present(req *http.Request) error {
	if o.tokenFile == "" {
		return nil
	}
	token, err := readToken(o.tokenFile)
	if err == nil {
		req.Header.Set("Authorization", bearer+token)
	}
	return err
}
