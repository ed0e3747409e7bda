package client

import (
	"errors"
	"fmt"
	"net/http"
)

// Errors of calls. Test with errors.Is.
var (
	// ErrNotFound: there is no such key.
	ErrNotFound = errors.New("no such key")
	// ErrCondition: the key does not have the revision that the write depends on. Nothing was done.
	ErrCondition = errors.New("the key has another revision")
	// ErrUnknown: the write may have been carried out, or may be later. The package comment says
	// when that happens.
	ErrUnknown = errors.New("the outcome is unknown: the write may have been carried out")
	// ErrCluster: every endpoint belongs to another cluster, or the token does.
	ErrCluster = errors.New("another cluster")
	// ErrRemoved: every endpoint was removed from the cluster, or belongs to another one.
	ErrRemoved = errors.New("the replica was removed from the cluster")
)

// StatusError is a refusal that repeating the request does not change: the bearer token is missing
// or the value is too large, for instance.
type StatusError struct {
	Endpoint string
	Status   int    // of HTTP
	Text     string // of the replica
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answers %d %s: %s", e.Endpoint, e.Status, http.StatusText(e.Status), e.Text)
}

// attemptError is why one request has no answer.
type attemptError struct {
	endpoint string
	// harmless: the request was certainly not carried out.
	harmless bool
	err      error
}

func (e *attemptError) Error() string { return e.endpoint + ": " + e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }
