# The two that matter: `go run ./examples/kv` runs the main job, `make test` all tests.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
MODULES     := . ./cmd/raftpage/browser ./examples/kv ./examples/kv/bench ./examples/kv/browser ./examples/kv/soak ./examples/shards ./figures ./interop ./rafttest/linear
FUZZTIME    ?= 10000x
FUZZLONG    ?= 10m
MINUTES     ?= 60

# The oldest Go that the root module states in go.mod. The go command fetches it.
OLDEST      := $(shell sed -n 's/^go //p' go.mod)

# The tests of these need a browser: see the target browser.
BROWSER     := ./cmd/raftpage/browser ./examples/kv/browser

.PHONY: all test lint unit browser stories oldest race fuzz programs programs-short load fuzz-long planted prove mutate bench run

all: test

# test is what CI runs: each step, and a summary.
test:
	@./.ci/run

run:
	go run ./examples/kv

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	@for m in $(MODULES); do echo "vet and staticcheck $$m"; (cd $$m && go vet ./... && go run $(STATICCHECK) ./...) || exit 1; done
	@echo "vet and staticcheck ./interop/v37"; cd interop/v37 && export GOWORK=off && go vet ./... && go run $(STATICCHECK) ./...

unit:
	@for m in $(filter-out $(BROWSER),$(MODULES)); do (cd $$m && go test ./...) || exit 1; done
	cd interop/v37 && GOWORK=off go test ./... # it needs another version of what the workspace has
	go vet -tags with_tla . ./cmd/raftscript && go test -tags with_tla -run Trace . ./cmd/raftscript
	cd interop && go vet -tags with_tla ./scripts && go test -tags with_tla -run Trace ./scripts

# A page with a picture for each script in testdata, and an index: begin with site/index.html.
stories:
	go run ./cmd/raftscript stories -o site testdata/*.txt testdata/multiraft/*.txt

# The pages of the example and of raftpage, and pictures of runs, in headless Chromium, which is
# installed if there is none.
browser:
	@./.ci/browser

# The root module with the oldest Go, without the workspace, whose other modules need a newer one.
oldest:
	GOWORK=off GOTOOLCHAIN=go$(OLDEST).0 go vet ./...
	GOWORK=off GOTOOLCHAIN=go$(OLDEST).0 go test -short ./...

# The library is single-threaded; races can only be in the handle, in the storage and in programs.
race:
	go test -race -short . ./rafttest
	cd examples/kv && go test -race -short ./...
	cd examples/shards && go test -race ./driver ./stream

# One fuzz target at a time, a bounded number of executions each.
fuzz:
	@./.ci/fuzz $(FUZZTIME)

# The tests of published programs, with v3.6.0 and with this library: an hour, and 20 minutes of it
# with -only etcd.
programs:
	go run ./interop/programs

# Three etcd members under load, in turns with v3.6.0 and with this library: ten minutes.
load:
	go run ./interop/programs -load

# The share of CI: with this library only, and v3.6.0 runs what fails.
programs-short:
	go run ./interop/programs -short

# Bugs that were put there on purpose: found, made small, and told by a script.
planted:
	go test ./rafttest/sim -v -run 'WrongCore|ShowsNothing|Lying|Lies|Drift|AnID|Panic'

# What a night is for: simulator, histories, explorer and fuzzers, new seeds every day.
prove:
	./.ci/prove $(MINUTES)

# Each safety rule taken out, and who notices: about two hours on two idle cores.
mutate:
	go run ./cmd/raftmutate -write docs/mutations.md

fuzz-long:
	@./.ci/fuzz $(FUZZLONG)

bench:
	go run ./interop/bench
	go test -run '^$$' -bench . -benchmem . ./raftpb ./quorum ./progress ./tracker
