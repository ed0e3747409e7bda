// Package sim runs clusters of raft.RawNode in a simulated world and checks them after every event:
// the library, and an embedder's own Disk and StateMachine.
//
//	res, err := sim.Run(sim.Config{Seed: 1})
//	var f *sim.Failure
//	if errors.As(err, &f) {
//		fmt.Println(f.Story())
//		small, err := sim.Shrink(sim.Config{Seed: 1})
//		...
//	}
//
// A run is decided by its Config: the same one gives the same run, to the byte, and the same
// Result.Hash. What Config leaves open is drawn from the seed, the faults and the options of the
// nodes too, so that many seeds see many kinds of clusters:
//
//	go test ./rafttest/sim -run TestSeeds -seeds 1000 -from 1
//
// # The world
//
// The first members begin with a snapshot that they share or, with Config.Bootstrap, from nothing.
//
// Time is virtual and comes in events: ticks of clocks that drift, messages that arrive, writes
// that are done, clients that ask, faults that begin and end. The network delays, drops, duplicates
// and reorders, and is cut in one direction or both. A node without asynchronous storage writes
// stands still while it writes, and one that is paused makes up for the ticks that it has missed
// before anything else, as leases demand. Disks lose at a crash what was not synced, get stuck,
// cannot be read, or are lost for good. An operator adds, promotes, demotes, removes and replaces
// servers. Clients write through sessions (package session), so that commands which are repeated
// are executed once, and read by index, by lease, and at followers.
//
// A server whose disk is lost comes back as another one, with a new id: the library notices that a
// disk is old when a leader tells the node to commit what it does not have (ErrCommitBeyondLog),
// and cannot promise to notice it before the node has voted. Faults.ReuseID shows that.
//
// # The properties
//
// See Property. They are checked for what an event has changed only, so that a run costs about a
// microsecond an event. The observer sees everything that a node hands out. It compares a Ready
// with everything that was ever in a log, and a message with what the disk of its sender has
// synced. It compares a commit index with the disks of a quorum, and a read with what was committed
// when the read began. It compares the results and the snapshots of a replica with those of others.
// When the faults are over, the cluster has to elect, to answer its clients and to catch up in a
// bounded number of ticks. Then, without clients, it has to answer a read of each member. In most
// runs a minority dies for ever before that (Faults.Minority) and, with asynchronous storage
// writes, the disks of others never acknowledge again. The configurations that the survivors know
// decide which nodes may die. The survivors have to recover alone, and a node whose disk is stuck
// must not disturb the leader.
//
// # Failures
//
// A Failure says the seed, the event, the property and what was done last. Shrink repeats what was
// done to the nodes, with ever more left out, and writes the rest as a script of package rafttest,
// which breaks the same property without the simulator:
//
//	raftscript -rewrite failure.txt
//
// Failures that a script cannot show are those of what a state machine answers or a Disk has, and
// those about time; Shrunk.Shown tells, and so does the script.
//
// # Experiments
//
// Downtimes measures in virtual time how long clusters are without a leader when theirs crashes,
// for election timeouts and delays of one's choice: the experiment behind Figure 16 of the Raft
// paper.
package sim
