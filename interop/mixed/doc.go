// Package mixed runs clusters in which some members are this library's nodes and some are
// etcd/raft's. They talk in encoded bytes only, and the rules of Raft are checked after every step.
package mixed
