// Command generate writes the benchmarks' driver of etcd/raft from the driver of this library: the same text with
// another import path. It is run by `go generate` in driver/ours.
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

// forEtcd returns the text of a file of package ours as it stands in package etcd.
func forEtcd(text string) string {
	text = strings.Replace(text, "package ours\n", "package etcd\n", 1)
	text = strings.Replace(text, "//go:generate go run ../generate\n\n", "", 1)
	text = strings.Replace(text, "// Package ours drives this library", "// Package etcd drives etcd/raft", 1)
	text = strings.Replace(text, "Package etcd is the same text with\n// etcd/raft's import path",
		"It is the text of package ours with\n// etcd/raft's import path", 1)
	text = strings.ReplaceAll(text, `"github.com/ffd200af/raft"`, `"go.etcd.io/raft/v3"`)
	text = strings.ReplaceAll(text, `"github.com/ffd200af/raft/raftpb"`, `"go.etcd.io/raft/v3/raftpb"`)
	return "// Code generated from package ours by go generate. DO NOT EDIT.\n\n" + text
}
