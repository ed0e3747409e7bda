package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	kvclient "github.com/ffd200af/raft/examples/kv/client"
)

const (
	requestTime = 10 * time.Second // twice what the server takes at most
	awayTime    = 10 * time.Second // after which a client asks its own replica again
)

// client does one operation after the other, on one connection.
type client struct {
	http      http.Client
	addresses [servers]string
	home, at  int       // the replica it prefers, and the one it uses
	back      time.Time // when it goes back
}

func newClient(addresses [servers]string, home int) *client {
	return &client{
		http: http.Client{Transport: kvclient.NewTransport(nil), Timeout: requestTime}, addresses: addresses, home: home, at: home,
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// moveTo changes to another replica.
func (c *client) moveTo(replica int) {
	c.close()
	c.at, c.back = replica, time.Now().Add(awayTime)
}

// Errors of do. Other errors mean that the outcome is not known.
var (
	errNotSent    = errors.New("not sent") // the operation has not happened
	errUnexpected = errors.New("unexpected answer")
)

// work does random operations until the time is over. An answer that no replica may give is an
// error.
func (c *client) work(ctx context.Context, h *history, rng *rand.Rand) error {
	for ctx.Err() == nil {
		if c.at != c.home && time.Now().After(c.back) {
			c.moveTo(c.home)
		}
		k, op := h.draw(rng)
		err := c.perform(h, k, op)
		if errors.Is(err, errUnexpected) {
			return err
		}
		if err != nil {
			c.moveTo((c.at + 1) % servers)
			time.Sleep(pause)
		}
	}
	return nil
}

// readAtEnd reads until there is an answer.
func (c *client) readAtEnd(ctx context.Context, h *history, k *key) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		err := c.perform(h, k, operation{kind: get, atEnd: true})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errUnexpected) || time.Now().After(deadline):
			return fmt.Errorf("at the end: %w", err)
		case ctx.Err() != nil:
			return nil // another reader has failed
		}
	}
}

// perform carries out an operation and records it, unless it is sure that it has not happened.
func (c *client) perform(h *history, k *key, op operation) error {
	op.replica, op.call = uint8(c.at+1), h.now()
	outcome, err := c.do(k, &op)
	op.outcome, op.end = outcome, h.now()
	if !errors.Is(err, errNotSent) {
		h.record(k, op)
	}
	return err
}

// do sends an operation. It sets the value that was read.
func (c *client) do(k *key, op *operation) (outcome, error) {
	req, err := http.NewRequest(request(k, op, c.addresses[c.at]))
	if err != nil {
		return unknown, fmt.Errorf("%w: %w", errUnexpected, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
			return unknown, fmt.Errorf("%w: %w", errNotSent, err)
		}
		return unknown, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch status := resp.StatusCode; {
	case err != nil:
		return unknown, err
	case op.kind != get && status == http.StatusNoContent:
		return done, nil
	case op.kind == swap && status == http.StatusPreconditionFailed:
		return refused, nil
	case op.kind == get && status == http.StatusNotFound:
		return done, nil
	case op.kind == get && status == http.StatusOK:
		op.value, err = k.number(string(body))
		return done, err
	case status == http.StatusServiceUnavailable:
		return unknown, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL, resp.Status, body)
	}
	return unknown, fmt.Errorf("%w: %s %s: %s: %s", errUnexpected, req.Method, req.URL, resp.Status, body)
}

// request is what an operation is in HTTP. Without a value it is a deletion.
func request(k *key, op *operation, address string) (method, target string, body io.Reader) {
	target = "http://" + address + "/kv/" + k.name
	if op.kind == get {
		return http.MethodGet, target, nil
	}
	if op.kind == swap {
		if op.expect == absent {
			target += "?absent"
		} else {
			target += "?expect=" + url.QueryEscape(k.text(op.expect))
		}
	}
	if op.value == absent {
		return http.MethodDelete, target, nil
	}
	return http.MethodPut, target, strings.NewReader(k.text(op.value))
}

// text is a value of a key. It names the key, so that the value of another key is noticed.
func (k *key) text(value uint32) string { return k.name + "/" + strconv.FormatUint(uint64(value), 10) }

// number is the inverse of text.
func (k *key) number(text string) (uint32, error) {
	digits, ok := strings.CutPrefix(text, k.name+"/")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == absent {
		return 0, fmt.Errorf("%w: key %s has the value %.50q, which nobody wrote", errUnexpected, k.name, text)
	}
	return uint32(n), nil
}
