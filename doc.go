// Package raft keeps a log in agreement on a group of nodes: the core of a
// replicated state machine, after Ongaro, "Consensus: Bridging Theory and Practice"
// (cited below as "thesis §n").
//
// It is a deterministic state machine and nothing else. It consumes ticks, messages and
// proposals, and hands back batches of work; storage, network, clock and state
// machine are the application's. It starts no goroutine, reads no clock and opens no file:
// the same calls give the same outputs, to the byte.
//
// # The loop
//
// A RawNode is driven from one goroutine:
//
//	for {
//		select {
//		case <-ticks:
//			node.Tick()
//		case m := <-network:
//			report(node.Step(m)) // a message that is refused has changed nothing
//		case data := <-proposals:
//			report(node.Propose(data)) // errors.Is(err, raft.ErrProposalDropped): not appended
//		}
//		for node.HasReady() {
//			rd := node.Ready()
//			save(rd.Snapshot, rd.Entries, rd.HardState, rd.MustSync) // in one atomic write
//			send(rd.Messages)                                        // after the write, never before
//			apply(rd.Snapshot, rd.CommittedEntries)                  // in order; ApplyConfChange for configuration changes
//			node.Advance(rd)
//		}
//		if err := node.Err(); err != nil {
//			return err // this node is quarantined; others in the process go on
//		}
//	}
//
// ExampleRawNode is that loop as a program. What is handed out is immutable: entries may be
// kept for ever; the arrays of Ready.Messages and Ready.ReadStates are used again after
// Advance.
//
// # Errors
//
// Step refuses what is malformed, out of range, or addressed to somebody else, with
// a *MessageError and without a change of state. What cannot be refused, because this node's own
// state is in doubt (a commit index beyond the log, a contradiction of committed
// entries, a Storage that fails), quarantines the node: Err returns a *QuarantineError, and
// the node takes no further part. Nothing that comes from outside makes the library panic.
//
// # Differences
//
// The API and the wire format are those of go.etcd.io/raft/v3 v3.6. On purpose, this differs:
//
//   - Appends are built when Ready is called: one per follower carries everything that
//     is due, commit index included, instead of one per proposal per follower.
//   - Step returns a typed error where input is corrupt or hostile, and a node
//     whose invariants break is quarantined (RawNode.Err); nothing panics.
//   - NewRawNode returns an error for a log that ends before the commit index, instead of panicking.
//   - Dropped proposals return errors that say why; compare with
//     errors.Is(err, ErrProposalDropped), not with ==.
//   - A configuration change that is refused is an error of the proposal, not a silent
//     empty entry.
//   - Election timeouts come from a generator in the node, seeded by Config.Seed.
//   - A request from an earlier term is always answered with the newer term, also
//     without CheckQuorum and PreVote.
//   - After ReportUnreachable a follower is probed when it is heard from again, not
//     before.
//   - A follower whose snapshot report is lost is probed again after
//     Config.SnapshotTicks.
//   - A follower accepts a snapshot whose configuration does not contain it: the change that adds it
//     may come later in the log.
//   - Ready.MustSync is set for a snapshot too: the acknowledgement in the same batch promises it.
//   - Reads share rounds of heartbeats, one for all that were queued before it; a read that cannot be
//     answered becomes a ReadState with Dropped set instead of disappearing.
//   - ReadOnlyLeaseBased is accepted and confirms reads with rounds like ReadOnlySafe.
//   - Storage is not asked for terms, nor for its first and last index, while messages
//     are handled: the node remembers them. Only the node's own Ready batches may append
//     to Storage; compacting it at any time is fine.
//   - Ready returns an empty batch while an earlier one was not advanced.
package raft
