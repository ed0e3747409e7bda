// Package multiraft drives many Raft groups on one machine. The cost follows what happens, not the
// number of groups.
//
// A Store holds the groups of a machine. It is a deterministic state machine, like the nodes in it:
// it starts no goroutine, reads no clock and does no I/O, and the same calls give the same outputs.
// It is driven like a [raft.RawNode], from one goroutine:
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
// A tick of the store is a tick of each of its groups. But the store touches a group only when the
// tick does more than advance the group's clocks ([raft.RawNode.NextDue]), or when something
// arrives for the group. The group then makes up for the ticks in between. So the cost of a tick
// follows what is due.
//
// # Batches
//
// Ready collects the work of groups in the order in which they got it, up to a bound. After its
// turn, a group that has more work waits for all others. Messages to one store travel in one
// [Batch]. It holds the heartbeats of all groups, and the responses to heartbeats, in a short form
// ([Heartbeat]). Ready may be called again before Advance; it returns work of other groups then.
//
// # Three writes become one
//
// In the loop above a client waits for three writes, one after the other. The leader writes the
// entry, then a follower does. When the entry is committed, it comes in a Ready with newer writes,
// and the leader makes these before it applies the entry.
//
// With [Config.SendEarly] the leader's messages are in [Ready.Early], to be sent before the write,
// so that the followers write at the same time (thesis §10.2.1). Messages that may report a
// committed configuration change wait. An [Apply] that is Durable may be applied before the write,
// too. [raft.Config.DeferCommit] saves the messages that only say what is committed. The driver of
// examples/shards does all three.
//
// # Sleep
//
// A leader that has been idle for [Config.SleepTicks], and whose members all have its whole log,
// offers sleep, by a mark on its heartbeats. A follower that has the same term and commit index,
// and nothing to do, agrees and sleeps. When all members have agreed, the leader sleeps. A sleeping
// group causes no message and no tick. Whatever arrives for a member wakes it.
//
// Every [Config.BeatTicks], each store sends a beat to each other store: an empty batch, if there
// is nothing else to send. The batches from one store to another are numbered. Each batch also
// confirms the newest batch that its sender has received from the other store. For groups that
// sleep, a batch from the leader's store counts as a heartbeat. A batch from the follower's store
// counts as the answer if it confirms a newer batch than before. A replica that wakes makes up for
// the time asleep ([raft.RawNode.TickAsleep]). It is then in the state in which these heartbeats
// and answers would have left it: election timeouts count from the last of them, check-quorum knows
// who has answered, and leases go on.
//
// Some events end this for a group. A store acts on such an event before it counts another batch
// for the group:
//
//   - If a store is silent for [Config.ElectionTick] ticks, or comes back with another incarnation,
//     the groups here that it led wake, and no others. An incarnation rises with each start of a
//     store. If the silent store was only cut off, [Batch.AwakeSince] tells it that the followers
//     here are awake.
//   - A leader wakes when no quorum of its members' stores answers, or when a member's store has
//     restarted and forgotten that the group slept.
//   - A leader that steps down or is removed after it has offered sleep wakes its followers. A
//     follower that wakes by itself wakes its leader. The store names the group in every batch to
//     the other store ([Batch.Wakes]) until that store has confirmed one of these batches.
//
// A batch that arrives after a newer one is no sign of life, and its marks of sleep are ignored:
// the sender may have woken since. Messages in a late batch still wake a follower that they are
// for. Its leader may be asleep by now, so the follower's store reports that the follower is awake.
// Marks of sleep are also ignored if the sender had received no batch of this store's present
// incarnation.
//
// A leader that sends anything other than an offer ends the agreement. A follower then has to agree
// again, in a batch that confirms a later offer. So while a leader sleeps, or has a follower's
// agreement, one of two things holds. The follower sleeps, or each later batch of the follower's
// store says that it is awake.
//
// Leases of groups that sleep are safe under the condition of [raft.Config.LeaseDriftTicks], as
// others are. A quorum of stores has confirmed some batch, and the lease counts from the moment at
// which the newest such batch was sent. A sleeping follower counts its promise from the receipt of
// that batch or a later one. If a follower wakes for any reason, every later batch of its store
// says so.
//
// Messages inside a batch are those of package raftpb. A program may send them one by one, also to
// members that run another library. Such members never agree to sleep.
package multiraft
