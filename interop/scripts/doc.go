// Package scripts plays the same scripts in this library's rafttest and in etcd/raft's. What they
// print, final logs, roles and applied entries have to agree. It plays v3.6's own scripts too, and
// has a table of those that differ, with the reasons.
package scripts
