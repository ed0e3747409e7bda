package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// builder compiles the library to WebAssembly, as it is or without a rule.
type builder struct {
	source, dir string

	mu    sync.Mutex // one compilation at a time
	built map[string]string
}

func newBuilder(source, dir string) *builder {
	return &builder{source: source, dir: dir, built: map[string]string{}}
}

// build returns the file with the library without a rule; "" is the whole library.
func (b *builder) build(ctx context.Context, without string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name, ok := b.built[without]; ok {
		return name, nil
	}
	name := filepath.Join(b.dir, "core-"+without+".wasm")
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", name}
	if without != "" {
		overlay, err := b.overlay(ctx, without)
		if err != nil {
			return "", err
		}
		args = append(args, "-overlay", overlay)
	}
	if _, err := b.run(ctx, append(args, "./cmd/raftpage/core"), "GOOS=js", "GOARCH=wasm"); err != nil {
		return "", fmt.Errorf("compiling the library: %w", err)
	}
	b.built[without] = name
	return name, nil
}

// overlay has raftmutate take a rule out, and returns the file for -overlay.
func (b *builder) overlay(ctx context.Context, without string) (string, error) {
	dir := filepath.Join(b.dir, "without-"+without)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	out, err := b.run(ctx, []string{"run", "./cmd/raftmutate", "-only", without, "-overlay", dir})
	if err != nil {
		return "", fmt.Errorf("taking out the rule %s: %w", without, err)
	}
	return strings.TrimSpace(out), nil
}

// run runs the go command in the source tree.
func (b *builder) run(ctx context.Context, args []string, environment ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w%s", args[0], err, stderrOf(err))
	}
	return string(out), nil
}

// support is the JavaScript that Go programs need, from the Go that compiles them.
func (b *builder) support(ctx context.Context) ([]byte, error) {
	root, err := b.run(ctx, []string{"env", "GOROOT"})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(root), "lib", "wasm", "wasm_exec.js"))
}
