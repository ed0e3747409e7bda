// Package property checks the safety properties of Raft while a cluster runs.
//
// An Observer follows a cluster from outside. Whoever drives a node reports to the node's record
// what the node does, in the order in which it happens:
//
//	var o property.Observer
//	o.Report = func(v property.Violation) { t.Error(&v) }
//	n := o.Node(1)
//	n.Starts(state)                      // a life begins, from what is durable
//	n.HandsOut(rd.Entries, rd.Snapshot)  // a Ready, before anything in it is done
//	n.Writes(rd.HardState, rd.Entries, rd.Snapshot, rd.MustSync)
//	n.Sends(&rd.Messages[0])             // a message leaves for another node
//	n.Applies(&rd.CommittedEntries[0])
//	n.Shows(state)                       // after every call of the library
//	n.Stops()                            // the life ends
//
// The record knows the log that the node has handed out, the part of it that is durable, and the
// promises that the node has made. The Observer knows all nodes: leaders by term, entries, what is
// committed, reads. Each report is checked against what changes with it, so that a check costs the
// same however long the run is. Watch gives the reports to somebody else as a stream of Events.
//
// The simulator, the scripts, the explorer and the random walks of this module use it. An explorer
// branches: it keeps records with NewAlone, and judges their Facts against a Past, which is a value
// with a Clone.
//
// The package uses raftpb only, so that tests inside package raft can use it.
package property
