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
// With [Config.SleepTicks], a leader that has been idle for that long, and whose members all have
// its whole log, offers sleep: a mark on its heartbeats. A follower that has the same term and
// commit index, and nothing to do, agrees and stops its clock. When all members have agreed, the
// leader stops its own. A sleeping group causes no message and no tick. Whatever arrives for a
// member wakes it.
//
// Stores watch each other in place of the groups. Each sends the others a beat, an empty batch if
// there is nothing else, every [Config.BeatTicks]. It carries an incarnation, which rises with each
// start of the store.
//
//   - A store that is silent for [Config.ElectionTick] ticks, or has another incarnation, wakes the
//     groups here that it led. Their members wait for their election timeouts, as if the leader had
//     been heard from until then.
//   - A store that restarts has forgotten that its groups slept. So leaders here with a member
//     there wake too, and offer sleep again. The other members sleep on.
//   - A store that hears no other store wakes the groups that it leads. Check-quorum ends their
//     terms.
//   - A leader that stops to lead, is removed or is quarantined, after it has offered sleep, has
//     its followers woken: its store repeats that in every batch until the other store has
//     confirmed one.
//
// Batches of a store to another are numbered. A mark that arrives late, after a newer batch, counts
// for nothing, because the leader may have lost its leadership since.
//
// Sleep changes no safety property: a member whose clock stands keeps its promises for longer, and
// the leader's clock passes over the time asleep, so that no lease outlives it
// ([raft.RawNode.SkipTicks]). A sleeping group has no lease.
//
// Messages inside a batch are those of package raftpb. A program may send them one by one, to
// members that run another library too. Such members never agree to sleep.
package multiraft
