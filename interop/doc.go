// Package interop compares the library with go.etcd.io/raft/v3 v3.6. It compares bytes on the wire,
// runs clusters with members of both kinds, and replays scripts that the other library recorded. It
// has benchmarks with one driver for both, and runs published programs' own tests with either. It
// is a module of its own, so that the library keeps needing nothing but the standard library.
package interop
