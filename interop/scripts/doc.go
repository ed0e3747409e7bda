// Package scripts plays the same scripts in this library's rafttest and in etcd/raft's: what they print, final logs, roles and
// applied entries have to agree.
package scripts
