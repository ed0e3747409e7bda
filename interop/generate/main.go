// Command generate writes a package etcd from the package ours beside it: the same text with
// another import path, so that both libraries are driven alike. It is run by `go generate` in a
// package ours.
package main

import (
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	files, err := filepath.Glob("*.go")
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("..", "etcd", file), []byte(forEtcd(string(text))), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// forEtcd returns the text of a file of a package ours as it stands in its package etcd.
func forEtcd(text string) string {
	for _, change := range [][2]string{
		{"package ours\n", "package etcd\n"},
		{"//go:generate go run ../../../generate\n\n", ""},
		{"//go:generate go run ../../generate\n\n", ""},
		{"// Package ours drives this library", "// Package etcd drives etcd/raft"},
		{"// Package ours makes members of this library's nodes", "// Package etcd makes members of etcd/raft's nodes"},
		{"Package etcd is the same text with", "It is the text of package ours with"},
		{`const Kind = "ours"`, `const Kind = "etcd"`},
		{`"github.com/ffd200af/raft"`, `"go.etcd.io/raft/v3"`},
		{`"github.com/ffd200af/raft/raftpb"`, `"go.etcd.io/raft/v3/raftpb"`},
	} {
		text = strings.Replace(text, change[0], change[1], 1)
	}
	return "// Code generated from package ours by go generate. DO NOT EDIT.\n\n" + text
}
