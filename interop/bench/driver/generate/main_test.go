package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheDriversAreTheSameText(t *testing.T) {
	files, err := filepath.Glob("../ours/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no driver: %v", err)
	}
	for _, file := range files {
		ours, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		etcd, err := os.ReadFile(filepath.Join("../etcd", filepath.Base(file)))
		if err != nil {
			t.Fatal(err)
		}
		if forEtcd(string(ours)) != string(etcd) {
			t.Errorf("%s: run `go generate ./bench/driver/ours`", file)
		}
	}
}
