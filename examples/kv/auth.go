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
// the token in its Authorization header. A certificate of -client-ca serves as well. Everything
// else stays open. All replicas of a cluster have the same token. The replica that a client asks
// checks it, and so does the leader that the request is passed on to. The leader does not check it
// when a certificate shows that the request comes from a replica.

// errUnauthorized is the error of a request without the credentials that it needs.
var errUnauthorized = errors.New("this needs the token of the cluster, in a header Authorization: Bearer TOKEN, or a client certificate")

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
	switch c := r.opts.clients; {
	case r.opts.tokenFile == "" && (c == nil || c.ca == ""), r.opts.identified(req.TLS) == nil:
		return nil
	case r.opts.tokenFile == "":
		return errUnauthorized
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

// peersOnly refuses messages of Raft to everybody but replicas, if TLS tells them apart.
func (r *replica) peersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.TLS != nil && (req.URL.Path == raftPath || strings.HasPrefix(req.URL.Path, raftPath+"/")) {
			if err := r.opts.isPeer(req.TLS); err != nil {
				r.refused.log(r.opts.log, "refused a message that is not from a replica", "from", req.RemoteAddr, "err", err)
				http.Error(w, "only replicas send messages: "+err.Error(), http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, req)
	})
}
