// Package behave makes the same calls to this library and to etcd/raft and compares what they
// answer. Where the two differ on purpose, see MIGRATING.md, a test says so.
package behave
