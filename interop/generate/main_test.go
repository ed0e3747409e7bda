package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestThePackagesAreTheSameText(t *testing.T) {
	for _, parent := range []string{"../bench/driver", "../mixed", "../behave", "../manygroups/byhand"} {
		files, err := filepath.Glob(filepath.Join(parent, "ours", "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing in %s: %v", parent, err)
		}
		for _, file := range files {
			ours, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			etcd, err := os.ReadFile(filepath.Join(parent, "etcd", filepath.Base(file)))
			if err != nil {
				t.Fatal(err)
			}
			if forEtcd(string(ours)) != string(etcd) {
				t.Errorf("%s: run `go generate` in its folder", file)
			}
		}
	}
}
