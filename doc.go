// Package raft keeps a log in agreement on a group of nodes: the core of a
// replicated state machine, after Ongaro, "Consensus: Bridging Theory and Practice"
// (cited below as "thesis §n").
//
// It is a deterministic state machine and nothing else. It consumes ticks, messages and proposals,
// and hands back batches of work; storage, network, clock and state machine are the application's.
// It starts no goroutine except the one behind a Node, reads no clock and opens no file: the same
// calls give the same outputs, to the byte.
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
//			report(node.Propose(data)) // raft.ErrProposalDropped: not appended
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
// ExampleRawNode is that loop as a program. What is handed out belongs to the program. Entries and
// snapshots are immutable and may be kept for ever. With Config.ReuseMemory, Advance takes the
// arrays of Ready.Messages and Ready.ReadStates back: such a loop allocates nothing, and has to
// send the messages before Advance.
//
// # Errors
//
// Step refuses what is malformed, out of range, or addressed to somebody else, with
// a *MessageError and without a change of state. What cannot be refused, because this node's own
// state is in doubt (a commit index beyond the log, a contradiction of committed
// entries, a Storage that fails), quarantines the node: Err returns a *QuarantineError, and
// the node takes no further part. Nothing that comes from outside makes the library panic.
//
// # Membership
//
// Configurations take effect when they are applied, with ApplyConfChange (thesis §4.1 lets them
// take effect when they are appended; here a change that is truncated has changed nothing). One
// change is under way at a time. RawNode.AddServer adds a server as a learner and promotes it when
// it has caught up (§4.2.1). A learner never campaigns, and a promoted learner only when it has
// applied its promotion. Both grant votes when asked. A leader that is no longer a voter hands over
// and steps down (§4.2.2). Keep a removed node running until the others have applied its removal:
// they may need its vote to find a leader that knows of it. Ids are never used again.
//
// # Reads
//
// RawNode.ReadIndex is confirmed by a round of heartbeats (thesis §6.4), on followers too. With
// Config.LeaseDriftTicks the leader holds a lease besides (§6.4.1): RawNode.LeaseRead, or ReadIndex
// with ReadOnlyLeaseBased, then need no message. Leases count ticks, so every tick that is due has
// to be delivered before any message that comes after it. That includes the ticks of a pause of the
// process, which a time.Ticker drops. All members have to be configured alike. A Node keeps the
// order itself.
//
// # Asynchronous storage writes
//
// With Config.AsyncStorageWrites there is no Advance: messages to LocalAppendThread and
// LocalApplyThread carry the work and, in their Responses, what is to be sent when it is done
// (thesis §10.2.1). Write what one message carries in one atomic step, in order. Each thread may be
// behind; Config.MaxCommittedSizePerReady bounds the work of the apply thread.
// BasicStatus.StalledTicks shows a leader whose own disk does not acknowledge.
//
// With Config.ReuseMemory the array of Responses belongs to the node. The node reuses it after it
// has stepped its own response of the next message to the same thread. Copy Responses, or send them
// before you step the next message's response to this node. The node's own response, the last one,
// loses its Snapshot and Entries when it is stepped.
//
// # Recordings
//
// With Config.Recording a node records every input. cmd/raftscript replays a recording to the byte,
// steps through it, and exports it as a script. Package recording describes the format, and keeps a
// bounded recording in memory, with checkpoints to replay from. The same Config may start the node
// again: a recording holds several lives.
//
// # Additions
//
// Beyond the API of v3.6 there are DefaultConfig, NewNode, NewSlogLogger; Config.Seed,
// SnapshotTicks, CatchUpRounds, LeaseDriftTicks, MaxCachedEntriesSize, MaxPendingReads,
// ReuseMemory, Recording; RawNode.Err, Verify, SkipTicks, CheckProposal, CheckConfChange,
// CheckTransfer, AddServer, AwaitCatchUp, StepDown, StorageAvailable, LeaseRead,
// SetRandomizedElectionTimeout; the interface Operator, which every Node implements;
// Ready.CatchUps, Status.CatchUp, Status.Seed, BasicStatus.StalledTicks, Ready.DroppedReads;
// tracker.Inflights.Bytes; typed errors; package session.
//
// # Differences
//
// The API and the wire format are those of go.etcd.io/raft/v3 v3.6. The following differs on
// purpose. MIGRATING.md says what a program has to look at, and lists the differences of package
// raftpb and of the helpers.
//
// Errors:
//
//   - Step returns a typed error where input is corrupt or hostile, or where a message without a
//     term could break a safety rule. A node whose invariants break is quarantined (RawNode.Err).
//     Nothing panics.
//   - NewRawNode returns an error for a log that ends before the commit index or Config.Applied,
//     and for one that begins after Config.Applied. StartNode and RestartNode return a stopped
//     Node, whose methods return the error; StartNode without peers is such a case.
//   - A configuration change that could never be applied is an error of the proposal.
//
// Messages:
//
//   - Appends are built when Ready is called: one per follower carries everything that is due,
//     commit index included, instead of one per proposal per follower.
//   - A request from an earlier term is always answered with the newer term, even without
//     CheckQuorum and PreVote.
//   - A forwarded proposal has the forwarding node in From.
//   - A follower whose snapshot report is lost is probed again after Config.SnapshotTicks.
//   - A follower accepts a snapshot whose configuration does not contain it: the change that adds
//     it may come later in the log. A snapshot waits until everything that was handed out before it
//     is applied.
//   - While Ready is not called, a leader keeps at most 16 rounds of heartbeats.
//   - Messages about votes, and some acknowledgements, name in their Context a committed entry.
//     Members that run v3.6 ignore it. Otherwise a configuration change that only some nodes know
//     to be committed could block elections.
//
// Elections and roles:
//
//   - Election timeouts come from a generator in the node, seeded by Config.Seed. A later term
//     alone does not restart the timer; a sign of the leader or a granted vote does (thesis Figure
//     3.1). So a candidate that cannot win does not keep others from campaigning.
//   - A candidate leads only when its own vote is durable and acknowledged. With asynchronous
//     storage writes it asks for votes in the Ready after that acknowledgement, and campaigns again
//     only after it. With PreVote, a single voter is a candidate at once.
//   - A campaign that follows an undecided one asks learners too: they may know a newer
//     configuration.
//   - An order to campaign waits for committed configuration changes to be applied.
//   - A node that may not campaign forgets a leader that is silent for an election timeout, and
//     drops its reads.
//   - A leader that is no voter in the applied configuration always steps down, and orders the best
//     voter to campaign. Config.StepDownOnRemoval is not needed.
//   - With CheckQuorum, a leader whose own disk acknowledges nothing for an election timeout steps
//     down.
//   - A node becomes the only voter only when its log proves that it is not behind. Otherwise a
//     server with a lost disk could elect itself, in an outdated configuration.
//
// Reads:
//
//   - Reads share rounds of heartbeats: one round confirms all reads that were queued before it.
//     Ready.DroppedReads reports the reads that cannot be answered.
//   - A follower adds 16 bytes to the context that it sends, so that a duplicated answer answers
//     one read. It asks again for what may be lost.
//   - A single voter, too, answers reads only after the first commit of its term.
//   - ReadOnlyLeaseBased keeps a lease that allows for drift, and falls back to a round. For the
//     lease, nodes neither vote nor campaign for an election timeout after a restart or after the
//     last sign of a leader. Only a transfer overrides that.
//
// Storage:
//
//   - Storage is not asked for terms, nor for its first and last index, while messages are handled:
//     the node remembers them. Only the node's own Ready batches may append to Storage; compacting
//     it at any time is fine.
//   - Ready.MustSync is also set for a snapshot, which the acknowledgement in the same batch
//     promises. It is also set with a committed configuration change, because no other node may
//     know of the change after a crash.
//   - What Bootstrap writes commits as one, once all of it is durable and a later entry proves it
//     complete. It is handed out in one batch, whatever its size, and takes effect with that. A
//     snapshot that ends within it is not sent. Bootstrap completes a torn first write.
//   - A node starts at least in the term of its last entry or snapshot. It takes all configuration
//     changes in its log except the last one for committed, apart from those of Bootstrap. So a
//     write of entries without its hard state loses nothing (see Storage).
//   - Ready returns an empty batch until the last batch is advanced.
package raft
