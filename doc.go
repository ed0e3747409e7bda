// Package raft keeps the logs of a group of nodes in agreement. It is the core of a replicated
// state machine, after Ongaro, "Consensus: Bridging Theory and Practice" (cited below as "thesis
// §n").
//
// The package is a deterministic state machine. It consumes ticks, messages and proposals, and
// returns batches of work. The application owns storage, network, clock and state machine. One
// goroutine of the application drives a [RawNode]. A [Node] is a RawNode that many goroutines may
// call, and starts a goroutine of its own. Nothing reads a clock or opens a file. The same calls
// give the same outputs, to the byte.
//
// The README has a first cluster that runs, and docs/tutorial builds a replicated counter in steps.
//
// # The loop
//
// One goroutine drives a [RawNode]:
//
//	for {
//		select {
//		case <-ticks:
//			node.Tick()
//		case m := <-network:
//			report(node.Step(m)) // an error means that the message changed nothing
//		case data := <-proposals:
//			report(node.Propose(data)) // raft.ErrProposalDropped: not appended
//		}
//		for node.HasReady() {
//			rd := node.Ready()
//			save(rd.Snapshot, rd.Entries, rd.HardState, rd.MustSync) // in one atomic write
//			send(rd.Messages)                                        // after the write, never before
//			apply(rd.Snapshot, rd.CommittedEntries)                  // in order
//			node.Advance(rd)
//		}
//		if err := node.Err(); err != nil {
//			return err // this node is quarantined; others in the process go on
//		}
//	}
//
// A new cluster begins with [RawNode.Bootstrap] on each first member: without a configuration, a
// node stays a follower for ever. apply calls [RawNode.ApplyConfChange] for each configuration
// change. After a restart, [Config.Applied] is the index up to which the state machine has applied
// the log. ExampleRawNode is the loop as a program.
//
// Entries and snapshots that are handed out are immutable; the application may keep them for ever.
// With [Config.ReuseMemory], Advance takes the arrays of Ready.Messages and Ready.ReadStates back.
// A steady loop then allocates nothing but the log. The loop above may set ReuseMemory, because it
// sends the messages before it calls Advance.
//
// # Errors
//
// [RawNode.Step] refuses a message that is malformed, out of range, or addressed to another node.
// It then returns a [*MessageError], and the state is unchanged.
//
// Refusing a message does not help a node whose own state is in doubt: its commit index is beyond
// its log, a committed entry is contradicted, or its [Storage] fails. Such a node is quarantined.
// It takes no further part, and [RawNode.Err] returns a [*QuarantineError]. No input from outside
// makes the library panic.
//
// # Membership
//
// A configuration takes effect when [RawNode.ApplyConfChange] applies it. (In thesis §4.1 it takes
// effect when it is appended. Here a change that is truncated was never in effect.) One change is
// under way at a time.
//
// [RawNode.AddServer] adds a server as a learner, and promotes it when it has caught up (thesis
// §4.2.1). A learner never campaigns, and a promoted learner campaigns only when it has applied its
// promotion. But a learner grants votes when asked: it may have been promoted without knowing it
// yet.
//
// A leader that is no longer a voter hands over and steps down (thesis §4.2.2). Keep a removed node
// running until the others have applied its removal: they may need its vote to elect a leader that
// knows of the removal. Never use an id again.
//
// # Reads
//
// [RawNode.ReadIndex] reads linearizably, on leader and followers: a round of heartbeats confirms
// the read (thesis §6.4). With [Config.LeaseDriftTicks] the leader also holds a lease (thesis
// §6.4.1). It then answers [RawNode.LeaseRead], and ReadIndex with [ReadOnlyLeaseBased], without a
// round. A follower's ReadIndex still asks the leader.
//
// Leases count ticks. Before you step a message, deliver all ticks that were due when the message
// arrived. That includes the ticks that a time.Ticker drops while the process is paused. A [Node]
// keeps this order by itself. Configure all members alike.
//
// # Asynchronous storage writes
//
// With [Config.AsyncStorageWrites] there is no Advance. Messages to [LocalAppendThread] and
// [LocalApplyThread] carry the work. Send the Responses of a message when its work is done (thesis
// §10.2.1). Write the content of each message in one atomic step, in order. Either thread may lag:
// [Config.MaxCommittedSizePerReady] bounds the work of the apply thread, and
// [BasicStatus.StalledTicks] shows for how long a leader's own disk has not acknowledged.
//
// With [Config.ReuseMemory] the array of Responses belongs to the node. The last response in it is
// addressed to this node; stepping it clears its Snapshot and Entries. The node reuses the array
// after you step the last response of the next message to the same thread. Send or copy the
// responses before you step that one.
//
// # Recordings
//
// With [Config.Recording] a node records every input. The command raftscript replays a recording to
// the byte, steps through it, and exports it as a script. Package recording describes the format,
// and has a Ring, which keeps the end of a recording in memory. A restarted node may continue the
// same recording: each start begins a new life in it.
//
// # Words
//
// Most terms are those of the thesis. These are not:
//
//   - A batch is the content of one [Ready]. It is done when Advance is called.
//   - A round is one broadcast of heartbeats and the answers to it.
//   - A quarantined node has found its own state in doubt, and takes no further part.
//   - The first configuration is the list that Bootstrap writes as the first entries of a log.
//   - An order to campaign is the message MsgTimeoutNow, with which a leader hands over.
//   - To hand over is to transfer the leadership before stepping down.
//   - A life is the time from one start of a node to its next crash or stop.
//   - A script is a text file that drives a small cluster by hand, see package rafttest.
//   - A world is a small cluster whose every interleaving is tried, see package explore.
//
// # Additions to v3.6
//
//   - Start: [DefaultConfig], [NewNode], [NewSlogLogger], [Config.Seed].
//   - Errors: typed errors, [RawNode.Err], [RawNode.Verify], [RawNode.CheckProposal],
//     [RawNode.CheckConfChange], [RawNode.CheckTransfer].
//   - Membership: [RawNode.AddServer], [RawNode.AwaitCatchUp], [Ready.CatchUps], [Status.CatchUp],
//     [Config.CatchUpRounds], [RawNode.StepDown].
//   - Reads: [RawNode.LeaseRead], [RawNode.SkipTicks], [Config.LeaseDriftTicks],
//     [Config.MaxPendingReads], [Ready.DroppedReads].
//   - Storage and memory: [Config.MaxCachedEntriesSize], [Config.ReuseMemory],
//     [Config.SnapshotTicks], [RawNode.StorageAvailable], [BasicStatus.StalledTicks],
//     tracker.Inflights.Bytes.
//   - Messages: [Config.DeferCommit].
//   - Many groups: package multiraft, [RawNode.NextDue], [RawNode.TickN], [RawNode.MaySleep],
//     [RawNode.TickAsleep], [RawNode.FreeBuffers].
//   - Tests: [Config.Recording], [RawNode.SetRandomizedElectionTimeout], [Status.Seed].
//   - Node: [Operator]. Every Node of this package implements it. It has the calls that v3.6's Node
//     lacks.
//   - Clients: package session.
//
// # Differences from v3.6
//
// API and wire format are those of go.etcd.io/raft/v3 v3.6. The following differs on purpose.
// MIGRATING.md says what a program has to look at, and lists the differences of package raftpb and
// of the helpers.
//
// API:
//
//   - One append per follower is built when [RawNode.Ready] is called. It carries all entries that
//     are due and the commit index. v3.6 builds one per proposal and follower.
//   - Ready returns an empty batch until Advance is called for the last one.
//   - Election timeouts come from a generator in the node, seeded by [Config.Seed].
//   - A forwarded proposal has the forwarding node in From.
//
// Errors:
//
//   - Nothing panics. [RawNode.Step] returns a typed error for corrupt or hostile input, and for a
//     message that lacks a term and could break a safety rule. [RawNode.Err] reports a quarantine.
//   - [NewRawNode] returns an error for a log that ends before the commit index or
//     [Config.Applied], and for a log that begins after Config.Applied.
//   - [StartNode] and [RestartNode] have no error result. If the node cannot start, for instance
//     because StartNode got no peers, they return a stopped Node. Its methods return the error.
//   - [RawNode.ProposeConfChange] returns an error for a change that could never be applied.
//
// Elections:
//
//   - A later term alone does not restart the election timer; a sign of the leader or a granted
//     vote does (thesis Figure 3.1). So a candidate that cannot win does not keep other nodes from
//     campaigning.
//   - A node also restarts the timer when it rejects a candidate with a more up-to-date log, for
//     instance because it has already voted for itself. Otherwise a node that cannot win, but has a
//     faster clock, could take every term from a candidate that can.
//   - A candidate leads only when its own vote is durable. With asynchronous storage writes it also
//     asks for votes only then, and does not campaign again before that.
//   - With PreVote, a single voter becomes a candidate at once.
//   - A campaign that follows an undecided one asks learners too. Their votes do not count, but
//     their answers may show the candidate that a newer configuration is committed.
//   - A request from an earlier term is always answered with the newer term, even without
//     CheckQuorum and PreVote.
//   - A node that may not campaign forgets a leader that is silent for an election timeout, and
//     drops the reads that wait for that leader.
//   - With CheckQuorum, a leader steps down if its own disk acknowledges nothing for an election
//     timeout.
//   - Messages about votes, and some acknowledgements, name a committed entry in Context. Otherwise
//     a configuration change that few nodes know to be committed could block elections. Members
//     that run v3.6 ignore the Context.
//
// Replication:
//
//   - While Ready is not called, at most 16 broadcasts of heartbeats wait to be sent.
//   - If the application never reports what became of a snapshot, the leader probes the follower
//     after [Config.SnapshotTicks].
//   - A follower accepts a snapshot whose configuration does not contain it: the change that adds
//     it may come later in the log.
//   - A follower restores a snapshot only when everything that was handed out before is applied.
//
// Membership:
//
//   - A leader that is no voter in the applied configuration always steps down. It orders a voter
//     to campaign: of those heard from recently, the one with the highest Match.
//     [Config.StepDownOnRemoval] is not needed.
//   - A node that is ordered to campaign does so when it has applied all committed configuration
//     changes. The order expires after an election timeout.
//   - The only voter elects itself. So a node acts as the only voter only when its log proves that
//     the node is not behind. Otherwise a server with a lost disk could elect itself, in an
//     outdated configuration.
//   - A leader appends a configuration change only when the one before it is committed. So a node
//     that starts treats the changes in its log as committed, except for the last one. The changes
//     of Bootstrap have a rule of their own, see below.
//
// Reads:
//
//   - One round of heartbeats confirms all reads that were queued before it. [Ready.DroppedReads]
//     reports the reads that cannot be answered.
//   - A follower adds 16 bytes to the context that it sends, so that a duplicated answer answers
//     one read only. It asks again if the question or its answer may be lost.
//   - A single voter, too, answers reads only after the first commit of its term.
//   - [ReadOnlyLeaseBased] keeps a lease that allows for clock drift. Without a lease, a round
//     confirms the read.
//   - With leases, a restart or a sign of a leader begins a pause of an election timeout. During
//     the pause, the node neither votes nor campaigns. Only a transfer overrides that.
//
// Storage:
//
//   - The node remembers terms, and the first and last index. It does not ask [Storage] for them
//     while it handles messages.
//   - Only the node's own batches may append to Storage. Compaction is allowed at any time.
//   - [Ready.MustSync] is also set for a snapshot, because the acknowledgement in the same batch
//     promises the snapshot. It is also set with a committed configuration change: other nodes
//     learn from this one that the change is committed, and a crash must not make this node forget
//     it.
//   - A node starts in the term of its last entry or snapshot, if its hard state has an earlier
//     one. So nothing is lost if a crash keeps the entries of a write and loses their hard state.
//
// Bootstrap:
//
//   - The entries of [RawNode.Bootstrap] commit together, once all are durable and a later entry
//     shows where the list ends. They come in one batch, whatever its size, and take effect
//     together.
//   - A leader sends no snapshot that ends within these entries.
//   - Bootstrap completes a torn first write.
package raft
