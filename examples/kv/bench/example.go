package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"

	kvclient "github.com/ffd200af/raft/examples/kv/client"
)

// The example server, and its clients.

func example(binary string) system {
	return system{
		name:    "example",
		command: func(self member, all []member) *exec.Cmd { return exampleCommand(binary, self, all) },
		connect: connectExample,
	}
}

// exampleCommand is the start of a first replica of a new cluster.
func exampleCommand(binary string, self member, all []member) *exec.Cmd {
	var first []string
	for _, m := range all {
		first = append(first, fmt.Sprintf("%d=http://%s", m.id, m.client))
	}
	return exec.Command(binary, "-id", fmt.Sprint(self.id), "-data", self.dir, "-cluster", strings.Join(first, ","), "-bootstrap")
}

// httpClient is a client with one connection.
type httpClient struct {
	http http.Client
	base string
}

func connectExample(m member) (client, error) {
	return &httpClient{http: http.Client{Transport: kvclient.NewTransport(nil)}, base: "http://" + m.client}, nil
}

func (c *httpClient) put(ctx context.Context, key string, value []byte) error {
	_, err := c.do(ctx, http.MethodPut, "/kv/"+key, value, http.StatusNoContent)
	return err
}

func (c *httpClient) get(ctx context.Context, key string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, "/kv/"+key, nil, http.StatusOK)
}

func (c *httpClient) leads(ctx context.Context) (bool, error) {
	body, err := c.do(ctx, http.MethodGet, "/status", nil, http.StatusOK)
	if err != nil {
		return false, err
	}
	var status struct{ ID, Leader int }
	err = json.Unmarshal(body, &status)
	return status.ID == status.Leader, err
}

func (c *httpClient) close() { c.http.CloseIdleConnections() }

func (c *httpClient) do(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusNotFound:
		err = fmt.Errorf("%s %s: %w", method, path, errNoKey)
	case resp.StatusCode != want:
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}
