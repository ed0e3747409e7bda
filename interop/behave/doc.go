// Package behave makes the same calls to this library and to etcd/raft and compares the results.
// Its tests name the differences on purpose, see MIGRATING.md.
package behave
