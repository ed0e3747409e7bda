// Package interop puts the library beside go.etcd.io/raft/v3 v3.6: the same bytes on the wire,
// clusters in which members of both kinds work together, scripts recorded by one and replayed by
// the other, benchmarks with one driver for both, and published programs' own tests with either. It
// is a module of its own, so that the library keeps needing nothing but the standard library.
package interop
