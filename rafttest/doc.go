// Package rafttest drives a small Raft cluster by hand, from scripts that say what to do and record
// what the cluster does. Scripts are datadriven files: a command, its input if it takes any, a line
// of dashes, and the output that is expected:
//
//	# Node 1 wins an election, and commits an entry.
//	add-nodes 3 voters=(1,2,3) index=2
//	----
//	INFO 1 starts at term 0: commit 2, applied 2, last entry 1/2, voters=(1 2 3)
//	INFO 2 starts at term 0: commit 2, applied 2, last entry 1/2, voters=(1 2 3)
//	INFO 3 starts at term 0: commit 2, applied 2, last entry 1/2, voters=(1 2 3)
//
//	campaign 1
//	----
//	INFO 1 is a candidate at term 1
//
//	stabilize log-level=none
//	----
//	ok
//
//	propose 1 hello
//	----
//	ok
//
//	process-ready 1
//	----
//	Ready MustSync=true:
//	Entries:
//	1/4 EntryNormal "hello"
//	Messages:
//	1->2 MsgApp Term:1 Log:1/3 Commit:3 Entries:[1/4 EntryNormal "hello"]
//	1->3 MsgApp Term:1 Log:1/3 Commit:3 Entries:[1/4 EntryNormal "hello"]
//
//	deliver-msgs 2 drop=(3)
//	----
//	1->2 MsgApp Term:1 Log:1/3 Commit:3 Entries:[1/4 EntryNormal "hello"]
//	dropped: 1->3 MsgApp Term:1 Log:1/3 Commit:3 Entries:[1/4 EntryNormal "hello"]
//
//	stabilize log-level=none
//	----
//	ok
//
//	raft-state
//	----
//	1: StateLeader (Voter) Term:1 Lead:1
//	2: StateFollower (Voter) Term:1 Lead:1
//	3: StateFollower (Voter) Term:1 Lead:1
//
//	check
//	----
//	ok
//
// A test runs the scripts of a folder, each in an environment of its own:
//
//	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
//		env := rafttest.NewInteractionEnv(nil)
//		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
//			return env.Handle(t, *d)
//		})
//	})
//
// With go test -rewrite, the test writes what happened into the files. Outside of tests, [Replay]
// runs a script and returns what it expected and what happened. The command raftscript does the
// same for files, and raftscript help prints the reference below.
//
// Everything is deterministic: a script prints the same on every machine.
//
// The package also has [TestStorage], which holds a storage engine to the contract of raft.Storage.
//
// # Script language
//
// Nodes have the ids 1, 2, 3, ... in the order in which they were added. A command prints ok when
// it has nothing to say, and its error when it fails. A backslash at the end of a line continues
// the command on the next line. A line that begins with # is a comment. Expected output that has
// blank lines stands between two lines ---- before it and two after it.
//
// A list of ids is (1,2,3). Arguments in brackets may be left out. true after an argument may be
// false, which is the default.
//
// Each node has a state machine. Its content is the initial content, and after it the data of every
// entry that was applied. There is a snapshot for every applied index; followers get the newest
// one.
//
// # Commands that build the cluster
//
//	add-nodes N [voters=(1,2,3)] [learners=(4)] [voters-outgoing=(1,2)]
//	    [learners-next=(5)] [auto-leave=true] [index=10] [content=foo]
//	    [saved-snapshots=true] [OPTION=VALUE ...]
//	  Add N nodes. With index, which must be above 1, they start from a snapshot
//	  at that index with the configuration and the content that are given. Without
//	  it they start empty. With saved-snapshots=true, followers get the snapshot
//	  that save-snapshot has saved instead of the newest one.
//
//	crash ID [writing=true]
//	  Stop a node. It loses what it has not persisted, and messages to it are
//	  dropped. What it has sent stays in flight. With writing=true it crashes
//	  during its next write, that of its Ready or of its oldest storage message:
//	  all of the write is on disk (force-disk can take part of it back), and
//	  nothing that waits for it was done.
//
//	restart ID [applied=INDEX] [bootstrap=(1,2,3)] [OPTION=VALUE ...]
//	  Start a node; one that is up is crashed first. With applied, the state
//	  machine goes back to where it was at that index. With bootstrap, a node
//	  with an empty disk gets its first configuration. Options replace those
//	  that the node had.
//
//	partition (1,2) (3)
//	  Let messages through only within each group. Nodes in no group form one of
//	  their own. An earlier partition ends.
//
//	heal
//	  End a partition.
//
// # Options
//
// These arguments of add-nodes and restart set a field of raft.Config. Nodes have an election
// timeout of 3 ticks, a heartbeat interval of 1 tick and no other limit unless a script says so:
//
//	election-tick=TICKS                  ElectionTick
//	heartbeat-tick=TICKS                 HeartbeatTick
//	async-storage-writes=true            AsyncStorageWrites
//	checkquorum=true                     CheckQuorum
//	prevote=true                         PreVote
//	disable-proposal-forwarding=true     DisableProposalForwarding
//	disable-conf-change-validation=true  DisableConfChangeValidation
//	max-size-per-msg=BYTES               MaxSizePerMsg
//	max-committed-size-per-ready=BYTES   MaxCommittedSizePerReady
//	max-uncommitted=BYTES                MaxUncommittedEntriesSize
//	max-cached-entries-size=BYTES        MaxCachedEntriesSize
//	inflight=MESSAGES                    MaxInflightMsgs
//	max-inflight-bytes=BYTES             MaxInflightBytes
//	read-only=safe|lease-based           ReadOnlyOption
//	lease-drift=TICKS                    LeaseDriftTicks
//	catch-up-rounds=N                    CatchUpRounds
//	snapshot-ticks=TICKS                 SnapshotTicks
//	seed=N                               Seed
//	step-down-on-removal=true            StepDownOnRemoval
//	reuse-memory=true                    ReuseMemory
//	max-pending-reads=N                  MaxPendingReads
//	defer-commit=true                    DeferCommit
//
// # Commands that ask a node for something
//
//	campaign ID
//	  Start an election.
//
//	propose ID [DATA]
//	  Propose DATA, or the input of the command.
//
//	propose-conf-change ID [v1=true] [transition=auto|implicit|explicit]
//	v3 l4 r5 u6
//	  Propose a configuration change: add voter 3, add learner 4, remove 5,
//	  update 6. Without input, leave a joint configuration. With v1=true the
//	  entry has the older type, which holds one change.
//
//	transfer-leadership from=ID to=ID
//	  Ask node from to hand the leadership to node to.
//
//	forget-leader ID
//	  Make a follower forget its leader.
//
//	step-down ID
//	  Make a leader hand over to the best voter.
//
//	add-server ID SERVER
//	  Make a leader bring a server in, first as a learner. CatchUps in a Ready
//	  report the outcome.
//
//	await-catch-up ID LEARNER
//	  Make a leader report, by CatchUps, when a learner has caught up.
//
//	read-index ID CONTEXT
//	  Ask for a linearizable read. ReadStates in a Ready have the answer.
//
//	lease-read ID
//	  Print the index of a read that the leader answers by its lease.
//
//	report-unreachable ID PEER
//	  Report that messages to a peer were lost.
//
//	report-snapshot ID PEER [failed=true]
//	  Report that a snapshot to a peer has arrived, or has failed.
//
//	send-snapshot FROM TO
//	  Queue the newest snapshot of a node for another, and print the message.
//
//	storage-available ID
//	  Report that Storage may have what it could not give before.
//
//	step type=TYPE [from=ID] [to=ID] [at=ID] [term=N] [index=N] [logterm=N]
//	    [commit=N] [vote=N] [reject=true] [hint=N]
//	    [context=TEXT | context-hex=HEX]
//	    [snapshot=TERM/INDEX voters=(1,2,3) learners=(4) voters-outgoing=(1)
//	    learners-next=(5) content=TEXT]
//	2/4 "data"
//	2/5 EntryConfChangeV2 v4 l5
//	2/6 EntryConfChangeV2 0x0802120408001004
//	2/7 EntryConfChangeV2 explicit v6
//	  Give a message to node at, or without it to node to, although no node sent
//	  it, and print the error of a node that refuses it. The input lists its
//	  entries as other commands print them, by term and index. The type may be
//	  left out, and data may be bytes in hexadecimal.
//
// # Commands for time
//
//	tick ID NUMBER [quiesced=true | skipped=true | asleep=true]
//	  Tick a node's clock. Quiesced ticks cause no election and no heartbeat.
//	  Skipped ticks are reported as missed (RawNode.SkipTicks). With asleep, the
//	  node and its group count as asleep in that time (RawNode.TickAsleep), and
//	  all members as alive.
//
//	tick-election ID
//	  Tick ElectionTick times, the shortest timeout that may be drawn.
//
//	tick-heartbeat ID
//	  Tick HeartbeatTick times.
//
//	set-randomized-election-timeout ID timeout=TICKS
//	  Set the drawn election timeout, until the next change of role.
//
// # Commands that move the cluster on
//
//	process-ready ID... [unsynced=true] [apply-later=true]
//	  Take a Ready from each node, print it, do its work and call Advance. With
//	  asynchronous storage writes, queue its storage messages for the two
//	  threads, and send the others. With unsynced=true, a crash may take back
//	  what was written (force-disk). With apply-later=true, entries are applied
//	  after Advance, by process-apply-thread.
//
//	take-ready ID
//	  Take a Ready and print it. carry-out and advance follow.
//
//	carry-out ID [unsynced=true] [apply-later=true]
//	  Do the work of the Ready that was taken: persist, apply, send.
//
//	advance ID
//	  Call Advance for the Ready that was taken, after carrying it out if
//	  necessary.
//
//	process-append-thread ID... [unsynced=true]
//	  Do the oldest storage write, and send the messages that waited for it.
//
//	process-apply-thread ID...
//	  Apply the oldest batch of committed entries, and send the messages that
//	  waited for it.
//
//	deliver-msgs [ID...] [drop=(2,3)] [type=TYPE] [from=ID] [term=N] [index=N]
//	    [logterm=N] [commit=N] [hint=N] [entries=NUMBER]
//	    [context=TEXT | context-hex=HEX]
//	    [reject=true] [local=true] [newest=true] [keep=true]
//	  Deliver the messages in flight to some nodes, and drop those to others. The
//	  other arguments choose among them by their fields; local=true chooses
//	  messages of a node to itself, newest=true the last of the chosen ones.
//	  With keep=true they stay in flight, and will arrive again.
//
//	stabilize [ID...] [log-level=LEVEL]
//	  Process Readies, deliver messages and do the work of both threads, until
//	  nothing is left to do at these nodes, or at all nodes. The level holds for
//	  this command only.
//
// # Commands for stores of many groups
//
// A store has an id from 1 on, and so has its replica of each group that it holds. Batches between
// stores take no time: what a command causes happens at once. The output lists what batches hold,
// and which groups fall asleep and wake, below the tick. See package multiraft.
//
//	add-stores N [election=10] [beat=1] [sleep=10]
//	  Start N stores without groups, with these ticks of multiraft.Config.
//
//	add-group GROUP (1,2,3) [prevote=true] [checkquorum=true]
//	    [lease-drift-ticks=TICKS]
//	  Add a group with a replica on each of these stores. Its log begins after
//	  index 1.
//
//	tick-stores [N]
//	  Tick all stores that are up, N times.
//
//	campaign-group STORE GROUP
//	  Start an election at a store's replica.
//
//	propose-group STORE GROUP DATA
//	  Propose an entry at a store's replica.
//
//	lease-read-group STORE GROUP
//	  Read from the lease of a store's replica, if it has one.
//
//	remove-group STORE GROUP
//	  Take a replica away from a store.
//
//	kill-store STORE
//	  Stop a store, as a crash does.
//
//	start-store STORE [empty=true]
//	  Start a store that is down, with what is on its disks, or without groups.
//	  It has another incarnation.
//
//	cut-stores FROM TO
//	  Lose all batches from a store to another.
//
//	heal-stores
//	  Lose no batches any more.
//
//	group-state GROUP
//	  Print a group's replicas.
//
// # Commands for disks
//
//	compact ID INDEX
//	  Drop a node's log up to INDEX, and print what is left.
//
//	save-snapshot ID
//	  Save the state of a node's state machine, see saved-snapshots=true.
//
//	fail-read ID [moment=true | never=true]
//	  Make the next read of entries from the disk fail. With moment=true the next
//	  read of entries or snapshot reports that they are unavailable; the node
//	  tries again later. With never=true, cancel what has not failed yet.
//
//	force-configuration ID voters=(1) [learners=(2)]
//	  Write a configuration to the disk of a node that is down, as an operator
//	  does who has lost a majority for ever. The log stays as it is.
//
//	force-disk ID [term=N] [vote=ID] [commit=INDEX] last=INDEX
//	2/4 "data"
//	  Make the disk of a node that is down hold this hard state, and a log that
//	  ends at last: what a crash has left of writes that were not synced. The
//	  input lists entries after it, as for step: those that the lost writes had
//	  replaced. If the log ends before its first index, it is lost together with
//	  the snapshot and the state machine.
//
//	force-disk ID [term=N] [vote=ID] [commit=INDEX] begin=TERM/INDEX
//	    [applied=INDEX] [voters=(1,2)] [learners=(3)] [voters-outgoing=(1,2)]
//	    [learners-next=(4)] [auto-leave=true]
//	2/4-9
//	  Replace the disk. The log begins after the entry begin. The state machine
//	  is at applied, with this configuration. The line 2/4-9 stands for six
//	  entries without data.
//
// # Commands that look
//
//	status ID
//	  Print what a leader knows of each member.
//
//	raft-state
//	  Print role, term and leader of every node.
//
//	raft-log ID
//	  Print the log that is on a node's disk.
//
//	check
//	  Print which safety properties were broken since the cluster was built. See
//	  InteractionEnv.Check for their names.
//
//	log-level LEVEL
//	  Print log lines from LEVEL on: debug, info, warn, error, fatal or none.
//
//	_breakpoint
//	  Do nothing: a place for a debugger to stop at.
package rafttest
