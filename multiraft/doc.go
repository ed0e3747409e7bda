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
// Ticks of the store are the ticks of all its groups. The store makes a tick of a group only when
// it does something ([raft.RawNode.NextDue]), or when something arrives for the group. So the cost
// of a tick follows what is due.
//
// # Batches
//
// Ready collects the work of groups in the order in which they got it, up to a bound. After its
// turn, a group that has more work waits for all others. Messages to one store travel in one
// [Batch], which holds the heartbeats of all groups, and their responses, as short lines. Ready may
// be called again before Advance; it returns work of other groups then.
//
// # Three writes become one
//
// In the loop above a client waits for three writes, one after the other: of the leader, of a
// follower, and of what the leader writes next before it applies the entry. With [Config.SendEarly]
// the leader's messages are in [Ready.Early], to be sent before the write, so that the followers
// write at the same time (thesis §10.2.1). What is [Apply.Durable] may be applied before the write,
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
// is nothing else to send. For groups that sleep, a batch from the leader's store counts as a
// heartbeat. A batch back that confirms a newer heartbeat than before counts as the answer. A
// replica that wakes makes up for the time asleep ([raft.RawNode.TickAsleep]). It is then in the
// state in which these heartbeats and answers would have left it: election timeouts count from the
// last of them, check-quorum knows who has answered, and leases go on. When this no longer holds
// for some group, the store acts before it counts the next batch:
//
//   - If a store is silent for [Config.ElectionTick] ticks, or comes back with another incarnation,
//     the groups here that it led wake, and no others. An incarnation rises with each start of a
//     store. To a store that was only cut off, [Batch.AwakeSince] says that its followers here are
//     awake.
//   - A leader wakes when no quorum of its members' stores answers, or when a member's store has
//     restarted and forgotten that the group slept.
//   - A leader that steps down or is removed after it has offered sleep wakes its followers. A
//     follower that wakes by itself wakes its leader. The store repeats the call in every batch
//     until the other store has confirmed one.
//
// The batches from one store to another are numbered. A batch that arrives after a newer one is no
// sign of life, and its marks of sleep are ignored: the sender may have woken since. Its messages
// wake a follower. The leader may sleep, so the follower's store reports that the follower is
// awake. Marks of sleep are also ignored if the sender had not heard of this start of the store.
//
// A leader that sends anything other than an offer ends the agreement. A follower then has to agree
// again, in a batch that confirms a later offer. So while a leader sleeps, or has a follower's
// agreement, one of two things holds. The follower sleeps, or each later batch of the follower's
// store says that it is awake.
//
// Leases hold for the reason that [raft.Config.LeaseDriftTicks] states. A quorum of stores has
// confirmed some batch, and the lease counts from the moment at which the newest such batch was
// sent. A sleeping follower counts its promise from the receipt of that batch. A follower that
// wakes for any reason says so in every later batch.
//
// Messages inside a batch are those of package raftpb. A program may send them one by one, also to
// members that run another library. Such members never agree to sleep.
package multiraft
