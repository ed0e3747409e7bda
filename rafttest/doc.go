// Package rafttest drives a small Raft cluster by hand, from scripts that tell what to do and
// record everything the cluster says. Scripts are datadriven files:
//
//	# Node 1 wins an election.
//	add-nodes 3 voters=(1,2,3) index=2
//	----
//	ok
//
//	campaign 1
//	----
//	ok
//
// To run the scripts of a folder as tests, replay each in an environment of its own:
//
//	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
//		env := rafttest.NewInteractionEnv(nil)
//		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
//			return env.Handle(t, *d)
//		})
//	})
//
// go test -rewrite then writes what happened into the files. Outside of tests, Replay runs a
// script and returns what it expected and what happened.
//
// # Commands
//
// Nodes have the ids 1, 2, 3, ... in the order in which they were added. A command prints ok when
// it has nothing to say, and its error when it fails. Which arguments each takes stands
// in the table of commands.go and at the function that carries it out.
//
// Building: add-nodes, crash, restart, force-configuration, force-disk, fail-read,
// storage-available, partition, heal.
// Asking nodes for something: campaign, propose, propose-conf-change, transfer-leadership, forget-leader,
// read-index, lease-read, add-server, await-catch-up, step-down, report-unreachable, report-snapshot, send-snapshot, save-snapshot, compact, step.
// Time: tick, tick-election, tick-heartbeat, set-randomized-election-timeout.
// Moving on: process-ready, or take-ready, carry-out and advance apart; process-append-thread, process-apply-thread, deliver-msgs, stabilize.
// Looking: status, raft-state, raft-log, check, log-level.
//
// A node that is started again may have other options, in add-nodes' words: restart 2 inflight=8. An application that breaks the
// contract of Ready is played with process-ready 1 unsynced=true, and a crash in the middle of a write with crash 1
// writing=true, behind which force-disk can take a part of it back.
//
// An application that applies entries after Advance is played with process-ready 1
// apply-later=true; process-apply-thread 1 applies them.
//
// The command check looks at the whole run so far, not only at what is there in the end, and names each property that is broken by
// the name it has in package sim: see Check.
//
// Each node has a state machine: its content is the initial content and the data of every entry
// applied since, and there is a snapshot for every applied index, of which followers get
// the newest.
//
// Everything is deterministic: a script prints the same on every machine.
package rafttest
