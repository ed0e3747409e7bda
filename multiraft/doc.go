// Package multiraft drives the many Raft groups of one machine, its store, at a cost that follows
// what happens and not how many groups there are.
//
// A Store is a deterministic state machine like the nodes in it: it starts no goroutine, reads no
// clock and does no I/O, and the same calls give the same outputs. It is driven like a
// [raft.RawNode], from one goroutine:
//
//	for {
//		select {
//		case <-ticks:
//			store.Tick()
//		case b := <-network:
//			report(store.Step(b))
//		case p := <-proposals:
//			report(store.Propose(p.group, p.data))
//		}
//		for store.HasReady() {
//			rd := store.Ready()
//			save(rd.Writes, rd.MustSync) // one atomic write and one sync for all groups
//			send(rd.Batches)             // at most one batch for each other store
//			apply(store, rd.Applies)     // store.ApplyConfChange for configuration changes
//			store.Advance(rd)
//		}
//	}
//
// # Time
//
// Ticks of the store are the ticks of all its groups. The store makes a tick of a group only when
// it does something ([raft.RawNode.NextDue]), or when something arrives for the group. So a tick
// costs what is due.
//
// # Batches
//
// Ready collects the work of all groups that have some, up to a bound, in the order in which they
// got it. A group that always has work waits behind all others after each turn. Messages to one
// store travel in one [Batch], which holds the heartbeats of all groups, and their responses, as
// short lines. Ready may be called again before Advance; it returns work of other groups then.
//
// # Sleep
//
// A leader that has been idle for [Config.SleepTicks], and whose members all have its whole log,
// offers sleep: a mark on its heartbeats. A follower that has the same term and commit index, and
// nothing to do, agrees and sleeps. When all members have agreed, the leader sleeps. A sleeping
// group causes no message and no tick. Whatever arrives for a member wakes it.
//
// Stores send each other a beat, an empty batch if there is nothing else, every [Config.BeatTicks].
// For groups that sleep, a batch from the leader's store is a heartbeat. A batch that confirms a
// newer one is an answer. A replica that wakes makes up for the time asleep
// ([raft.RawNode.TickAsleep]), and is as if these heartbeats and answers had been sent: election
// timeouts count from the last of them, check-quorum knows who has answered, leases go on. A
// store acts on what does not hold any more before the next batch counts:
//
//   - A store that is silent for [Config.ElectionTick] ticks, or has another incarnation, wakes the
//     groups here that it led, and no others. An incarnation rises with each start of a store. To a
//     store that was only cut off, [Batch.AwakeSince] says that its followers here are awake.
//   - A leader wakes when no quorum of its members' stores answers, or when a member's store has
//     restarted and forgotten that the group slept.
//   - A leader that steps down or is removed after it has offered sleep has its followers woken,
//     and a follower that wakes by itself its leader. The store repeats that in every batch until
//     the other store has confirmed one.
//
// Batches of a store to another are numbered. A batch that arrives after a newer one is no sign of
// life, and its marks of sleep count for nothing: the sender may have woken since. Its messages
// wake a follower, but the leader may sleep, so the follower's store reports that. Marks of sleep
// also count for nothing if the sender had not heard of this start of the store.
//
// A leader that sends something other than an offer ends the agreement that it has. Whoever agreed
// has to agree again, in a batch that confirms a later offer. So while a leader sleeps, or has a
// follower's agreement, that follower sleeps, or each later batch of its store says that it does
// not.
//
// Leases hold for the reason that [raft.Config.LeaseDriftTicks] states: a lease counts from when
// the newest batch was sent that a quorum of stores has confirmed, and a sleeping follower that has
// received the batch counts its promise from then. A follower that wakes for any reason says so in
// every later batch.
//
// Messages inside a batch are those of package raftpb. A program may send them one by one, to
// members that run another library too. Such members never agree to sleep.
package multiraft
