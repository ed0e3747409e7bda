// Package explore walks every interleaving of small worlds on the real code, and judges each state:
// three or four nodes, a few campaigns, proposals, configuration changes, crashes, compactions and
// reads, and a network that may lose, delay, reorder and repeat whatever was sent, without bound.
//
//	result, err := explore.Explore(world, bound, explore.Options{})
//
// What is checked: election safety, log matching, leader completeness and state machine safety
// (thesis Figure 3.2); terms and commit indexes that never fall, one vote a term over all lives of
// a node, no response before what it promises is durable and no leader before its own vote is,
// nothing committed that is not on the disks of a majority of the leader's configuration, of both
// halves if that is joint, linearizable reads, and the invariants of RawNode.Verify. The first
// violation ends the exploration; it comes with its shortest path, as a list and as a script.
//
// # Why it goes so far
//
// Nodes are pure. What a node becomes and sends depends on its state and its input alone, so the
// library runs once for each state of a node and input, and the answer is remembered. There are a
// few thousand of those where the cluster has millions of states. A RawNode cannot be copied: a
// node in a certain state is made by taking the steps since its start again. States of nodes are
// told apart by everything that is reachable from them but for a short list of fields, each with
// its reason (fingerprint.go); a test holds nodes that look alike to the same behaviour.
//
// The network forgets nothing. Every message may arrive again at any time, so a message that is
// lost is one that does not arrive, and the state of the network is the set of all that was sent.
// Therefore, of two states that differ in nothing but that one has more messages, or has used up
// less of the bound, the other is superfluous. And a delivery that leaves the node as it is and
// brings an answer costs nothing: it is made at once. Together these leave a hundredth of the
// states and miss nothing that can be reached: a test walks small worlds without them, too.
//
// Nodes that are alike and have done nothing are interchangeable: the first of them goes first.
//
// # Dead minorities
//
// With Options.Minorities, the explorer asks of some states whether a live majority always elects.
// For every set of nodes that may die for ever in a state, copies of the survivors run on. Messages
// under way are lost, each survivor campaigns in turn, and messages are delivered in order. A
// survivor has to lead and to commit an entry of its term within a bounded number of turns. What
// the survivors know of the configuration decides which nodes may die, see internal/survivors.
// Stuck disks are not part of it.
//
// # What is not in it
//
// Time: a node may campaign at any step, and leases and check-quorum, which count ticks, are off.
// Without asynchronous writes a Ready is taken at once or, in the world "batches", as a separate
// step. Advance is a separate step in the worlds "advance" and "lone". A Ready's messages are sent
// right after its write. A node that has two inputs or two storage messages to work off gets
// nothing more before it has done something. A follower's question for a read arrives as often as
// the bound says. Proposals are made at leaders.
package explore
