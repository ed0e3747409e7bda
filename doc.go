// Package raft keeps a log in agreement on a group of nodes: the core of a
// replicated state machine, after Ongaro, "Consensus: Bridging Theory and Practice"
// (cited below as "thesis §n").
//
// It is a deterministic state machine and nothing else. It consumes ticks, messages and
// proposals, and hands back batches of work; storage, network, clock and state
// machine are the application's. It starts no goroutine, but for the one behind a Node, reads no clock and opens no file:
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
// snapshots are immutable and may be kept for ever. With Config.ReuseMemory the arrays of
// Ready.Messages and Ready.ReadStates are used again after Advance: such a loop allocates nothing,
// and must have sent the messages by then.
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
// Configurations take effect when they are applied, with ApplyConfChange (thesis §4.1 lets them take effect
// when they are appended; here a change that is truncated has changed nothing). One change is under
// way at a time. RawNode.AddServer
// brings a server in as a learner and promotes it when it has caught up (§4.2.1). A learner never campaigns,
// and a promoted one only when it has applied its promotion; asked for its vote, either votes. A leader
// that does not vote any more hands over and steps down (§4.2.2). Keep a removed node running until the
// others have applied its removal: they may need its vote to find a leader that knows of it. Ids are
// never used again.
//
// # Reads
//
// RawNode.ReadIndex is confirmed by a round of heartbeats (thesis §6.4), on followers too. With
// Config.LeaseDriftTicks the leader holds a lease besides (§6.4.1): RawNode.LeaseRead, or ReadIndex with
// ReadOnlyLeaseBased, then need no message. Leases count ticks: every tick that is due has to be delivered, also
// after a pause of the process (a time.Ticker drops them), and before any message that comes after it; all members have to be
// configured alike. A Node sees to the order itself.
//
// # Asynchronous storage writes
//
// With Config.AsyncStorageWrites there is no Advance: messages to LocalAppendThread and LocalApplyThread carry the work
// and, in their Responses, what is to be sent when it is done (thesis §10.2.1). Write what one carries in one
// atomic step, in order; each of the two may be behind, and Config.MaxCommittedSizePerReady bounds what the
// apply thread has in hand. A leader whose own disk is silent shows it in BasicStatus.StalledTicks.
//
// With Config.ReuseMemory the array of Responses is the node's. It is used again when the own
// response of the next message to the same thread has been stepped. So a thread that shares a sync
// between several writes sends what each carries for others, or copies it, before it steps the own
// responses of later ones.
//
// # Recordings
//
// With Config.Recording a node writes down everything that goes into it. cmd/raftscript does that again, to the byte, steps through
// it and makes it a script; package recording describes the format and bounds it in memory, with checkpoints to replay from. The
// same Config may start the node again: a recording holds several lives.
//
// # Additions
//
// Beyond the API of v3.6 there are DefaultConfig, NewNode, NewSlogLogger; Config.Seed,
// SnapshotTicks, CatchUpRounds, LeaseDriftTicks, MaxCachedEntriesSize, ReuseMemory, Recording;
// RawNode.Err, Verify, SkipTicks, CheckProposal, CheckConfChange, AddServer, AwaitCatchUp,
// StepDown, LeaseRead, SetRandomizedElectionTimeout; the interface Operator, which every Node
// implements; Ready.CatchUps, Status.CatchUp, Status.Seed, BasicStatus.StalledTicks,
// Ready.DroppedReads; typed errors; package session.
//
// # Differences
//
// The API and the wire format are those of go.etcd.io/raft/v3 v3.6. On purpose, this differs:
//
//   - Appends are built when Ready is called: one per follower carries everything that
//     is due, commit index included, instead of one per proposal per follower.
//   - Step returns a typed error where input is corrupt or hostile, and a node
//     whose invariants break is quarantined (RawNode.Err); nothing panics.
//   - NewRawNode returns an error for a log that ends before the commit index, instead of panicking. Instead of panicking, StartNode and
//     RestartNode return a Node that is stopped, whose methods say why; StartNode without peers is such a case.
//   - A configuration change that could never be applied is an error of the proposal.
//   - Election timeouts come from a generator in the node, seeded by Config.Seed. A later term alone does not start the timer
//     again, only a sign of the leader or a vote that is granted does (thesis Figure 3.1): a candidate that cannot win does not
//     keep others from campaigning.
//   - A request from an earlier term is always answered with the newer term, also
//     without CheckQuorum and PreVote.
//   - After ReportUnreachable a follower is probed when it is heard from again, not
//     before.
//   - A follower whose snapshot report is lost is probed again after
//     Config.SnapshotTicks.
//   - A follower accepts a snapshot whose configuration does not contain it: the change that adds it
//     may come later in the log.
//   - Ready.MustSync is set for a snapshot too: the acknowledgement in the same batch promises it.
//     It is set, too, with a committed configuration change: nobody else may be able to tell of it after
//     a crash.
//   - Reads share rounds of heartbeats, one for all that were queued before it; Ready.DroppedReads
//     reports the reads that cannot be answered. A follower adds 16 bytes to the
//     context that it sends, so that an answer that comes twice answers one read, and asks again for what
//     may be lost. A node that does not vote forgets a leader that is silent for an election timeout, and drops them.
//   - ReadOnlyLeaseBased keeps a lease that allows for drift, and falls back to a round. For its sake
//     nodes keep silent for an election timeout after a restart, and after the last sign of a leader neither
//     vote nor campaign before one has passed, whatever asks them to; only a transfer overrides it.
//   - A leader that the applied configuration does not let vote always steps down, and orders the best
//     voter to campaign. Config.StepDownOnRemoval is not needed.
//   - An order to campaign waits for committed configuration changes to be applied, and a snapshot until everything is
//     applied that was handed out before it.
//   - A candidate leads when its own vote is durable and was acknowledged, whatever votes it has
//     besides. With asynchronous storage writes it asks for votes in the Ready after the
//     acknowledgement of its own vote, and campaigns again only after that.
//   - What Bootstrap writes is committed as one: a node that gets it from a leader bit by bit, or finds a part of it after a
//     crash, commits it when the entry behind it shows that this is all, and it is durable. It is handed out in one batch, whatever
//     its size, and active with that. A snapshot that ends within it is not sent. Bootstrap adds the rest to a part.
//   - A node starts at least in the term of its last entry or of its snapshot, and takes all other configuration changes in its log but the last one
//     for committed, so that a write of entries without its hard state loses nothing (see Storage).
//   - Messages about votes say in their Context what the sender knows to be committed, and members
//     that run v3.6 pass over it. An election could get stuck over a configuration change that only
//     some know to be committed. A campaign that follows an undecided one asks learners too.
//   - A follower commits the change that makes it the only voter when its log shows that it is not
//     behind: a server whose disk was lost would elect itself otherwise, in a configuration that is
//     long outdated.
//   - With CheckQuorum, a leader steps down whose own disk acknowledges nothing for an election timeout.
//   - While nobody calls Ready, a leader keeps at most 16 rounds of heartbeats.
//   - Storage is not asked for terms, nor for its first and last index, while messages
//     are handled: the node remembers them. Only the node's own Ready batches may append
//     to Storage; compacting it at any time is fine.
//   - Ready returns an empty batch while an earlier one was not advanced.
package raft
