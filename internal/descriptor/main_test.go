package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ffd200af/raft/raftpb"
)

func rafts(t *testing.T) protoFile {
	t.Helper()
	text, err := os.ReadFile("../../raftpb/raft.proto")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The content is compared, not what a version of gzip makes of it.
func TestTheDescriptorIsThatOfTheProtoFile(t *testing.T) {
	want, err := rafts(t).encode("raft.proto")
	if err != nil {
		t.Fatal(err)
	}
	packed, _ := (*raftpb.Entry)(nil).Descriptor()
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zip)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("run `go generate` in raftpb: %v\ngot  %x\nwant %x", err, got, want)
	}
}

func TestTheMethodsAreThoseOfTheProtoFile(t *testing.T) {
	want, err := rafts(t).source("raft.proto")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../raftpb/generated.go")
	if err != nil {
		t.Fatal(err)
	}
	const data = "var fileDescriptor"
	code, _, _ := strings.Cut(string(got), data)
	if wanted, _, _ := strings.Cut(string(want), data); code != wanted {
		t.Errorf("run `go generate` in raftpb:\ngot  %s\nwant %s", code, wanted)
	}
}

func TestWhatTheGeneratorDoesNotKnowIsRefused(t *testing.T) {
	for _, text := range []string{
		`syntax = "proto3";`,
		`service S {}`,
		`message M { required bool b = 1; }`,
		`message M { optional bool b = x; }`,
		`message M { optional bool b = 1 [default = true]; }`,
		`message M { optional string s = 1; }`,
		`message M { optional bool b = 1 [(gogoproto.unheard_of) = true]; }`,
		`message M { optional bool b = 1`,
		`import gogo;`,
	} {
		f, err := parse(text)
		if err == nil {
			_, err = f.encode("x.proto")
		}
		if err == nil {
			t.Errorf("%s: taken", text)
		}
	}
}
