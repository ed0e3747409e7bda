package raft

import (
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// RawNode is one node of a Raft group, driven by the application from a single
// goroutine: it is not safe for concurrent use. The application feeds it ticks,
// messages and proposals, takes batches of work with Ready, and calls Advance when a
// batch is done. See the package documentation for the loop.
//
// A RawNode never panics on what comes from outside. If an invariant breaks or its
// Storage fails, it is quarantined: Err says why, and every method then returns that error or
// does nothing.
type RawNode struct {
	raft raft

	// What the application was told last: the hard state, and the SoftState as lead and role.
	hard pb.HardState
	lead uint64
	role uint8

	// reuse is Config.ReuseMemory.
	reuse bool
	// lent: the last batch is with the application, until Advance acknowledges what was handed out
	// to be written.
	lent bool
	// wrote: the last batch had something to be written; a snapshot, or this candidate's own vote,
	// was among it.
	wrote, wroteSnapshot, wroteVote bool

	verified *mark // the state at the last Verify; nil if there was none
}

// NewRawNode starts a node from what config.Storage holds. It returns a ConfigError
// for a config that cannot be used, and an error matching ErrStorage or
// ErrCommitBeyondLog for a Storage that fails or contradicts itself. The config is copied.
func NewRawNode(config *Config) (*RawNode, error) {
	rn := &RawNode{reuse: config.ReuseMemory}
	written, err := rn.raft.start(config)
	if err != nil {
		return nil, err
	}
	rn.hard = written
	rn.noteSoftState()
	if rn.raft.record != nil {
		rn.raft.record.node = rn
	}
	return rn, nil
}

// noteSoftState notes that the application knows the SoftState.
func (rn *RawNode) noteSoftState() { rn.lead, rn.role = rn.raft.lead, uint8(rn.raft.role) }

// softStateDue reports whether the application does not know the SoftState.
func (rn *RawNode) softStateDue() bool {
	return rn.lead != rn.raft.lead || rn.role != uint8(rn.raft.role)
}

func (r *raft) softState() SoftState { return SoftState{Lead: r.lead, RaftState: r.role} }

// Err returns why the node is quarantined, a *QuarantineError, or nil.
func (rn *RawNode) Err() error { return rn.raft.err() }

// admit accepts and records an input other than a message; messages go through raft.step. A
// quarantined node accepts none, so that a recording ends with the input that broke the node. An
// input is recorded before it has any effect.
func (r *raft) admit(kind recording.Kind, numbers ...uint64) error {
	if r.err() == nil {
		r.record.note(kind, numbers...)
	}
	return r.err()
}

// admitBytes is admit for an input with a blob.
func (r *raft) admitBytes(kind recording.Kind, blob []byte, numbers ...uint64) error {
	if r.err() == nil {
		r.record.noteBytes(kind, blob, numbers...)
	}
	return r.err()
}

// Tick advances the node's clock by one tick. Elections and heartbeats are counted in
// ticks, see Config.
func (rn *RawNode) Tick() {
	if rn.raft.admit(recording.Tick) == nil {
		rn.raft.tick()
	}
}

// NextDue returns in how many ticks, from 1 on, the next Tick does more than count, provided that
// nothing else is called before. Ticks before that produce no output and change nothing but clocks.
// A follower's next due tick ends its election timeout, a leader's sends heartbeats. NextDue returns
// math.MaxUint64 if no number of ticks does anything.
func (rn *RawNode) NextDue() uint64 {
	if rn.raft.err() != nil {
		return neverDue
	}
	return rn.raft.untilDue()
}

// TickN is the same as n calls of Tick. It takes constant time if n is below NextDue, and otherwise
// time in proportion to the ticks that are due.
func (rn *RawNode) TickN(n uint64) {
	if n > 0 && rn.raft.admit(recording.TickN, n) == nil {
		rn.raft.tickN(n)
	}
}

// TickQuiesced advances the clock without elections or heartbeats, for
// applications that put idle groups to sleep by common agreement of their members.
func (rn *RawNode) TickQuiesced() {
	if rn.raft.admit(recording.TickQuiesced) == nil {
		rn.raft.clock++
		rn.raft.elapse()
	}
}

// SkipTicks lets the clock of a leader pass over ticks that were due and not delivered, after a pause of the process for
// instance: its lease must not last longer for it. They make no election and no heartbeat. Other nodes take no notice: what
// they have promised a leader must not end sooner. A Node does that by itself.
func (rn *RawNode) SkipTicks(n uint64) {
	if n == 0 || rn.raft.admit(recording.SkipTicks, n) != nil {
		return
	}
	if rn.raft.role == StateLeader {
		rn.raft.clock += min(n, maxTicks) // more makes no difference to a lease, and nothing wraps
	}
}

// Campaign starts an election now, as if the election timeout had passed. It does
// nothing on a leader and on a node that may not lead (not a voter, or a committed
// configuration change is not applied yet).
func (rn *RawNode) Campaign() error {
	if err := rn.raft.admit(recording.Campaign); err != nil {
		return err
	}
	return rn.raft.campaign()
}

// Propose asks to append data to the log. The node keeps data; the caller must not change it any
// more. nil means that the proposal was appended or sent to the leader, not that it will be
// committed. ErrProposalDropped means that it was neither; CheckProposal returns the reason.
func (rn *RawNode) Propose(data []byte) error {
	if err := rn.raft.admitBytes(recording.Propose, data); err != nil {
		return err
	}
	return asDropped(rn.raft.propose([]pb.Entry{{Data: data}}))
}

// CheckProposal returns the reason why Propose would drop data of that many bytes now: ErrNoLeader,
// ErrForwardingDisabled, ErrNotMember, ErrTransferring, ErrUncommittedFull or ErrLogFull. It
// returns nil if Propose would append the data or send it to the leader.
func (rn *RawNode) CheckProposal(bytes int) error {
	if rn.raft.err() != nil {
		return rn.raft.err()
	}
	return rn.raft.admitProposal(1, uint64(max(bytes, 0)))
}

// ProposeConfChange asks to append a configuration change. A change that must wait for an earlier
// one, or that does not fit a joint configuration, becomes an entry without data. CheckConfChange
// reports that beforehand. The error matches ErrBadConfChange if the change is illegal for another
// reason.
func (rn *RawNode) ProposeConfChange(cc pb.ConfChangeI) error {
	if rn.raft.err() != nil {
		return rn.raft.err()
	}
	typ, data, err := pb.MarshalConfChange(cc)
	if err != nil {
		return err
	}
	return rn.proposeConfChange(typ, data)
}

// proposeConfChange proposes an encoded change.
func (rn *RawNode) proposeConfChange(typ pb.EntryType, data []byte) error {
	m := pb.Message{Type: pb.MsgProp, From: rn.raft.id, Entries: []pb.Entry{{Type: typ, Data: data}}}
	return rn.raft.step(&m)
}

// CheckConfChange returns the reason why this node would now neither append cc nor send it to the
// leader, or nil. The reason is one of the errors of CheckProposal. A leader also returns
// ErrConfChangePending if an earlier change may not be applied. Its error matches
// ErrBadConfChange if cc is illegal in the active configuration.
func (rn *RawNode) CheckConfChange(cc pb.ConfChangeI) error {
	typ, data, err := pb.MarshalConfChange(cc)
	if err != nil {
		return err
	}
	if err := rn.CheckProposal(len(data)); err != nil || rn.raft.role != StateLeader {
		return err
	}
	return rn.raft.admitConfChange(&pb.Entry{Type: typ, Data: data}, rn.raft.pendingConfIndex)
}

// AddServer makes a leader bring a server into the cluster in the safe order (thesis §4.1,
// §4.2.1): it proposes it as a learner, unless it is one, waits until it has caught up, and
// proposes its promotion. context goes into both changes, for the application: an address, for
// instance. How it ends is told by Ready.CatchUps: CatchUpPromoted or CatchUpGivenUp. A
// server that votes already stays as it is, and nothing is told. An error matches
// ErrProposalDropped; nothing has begun then. When the leadership is lost, the next leader has to be
// asked to go on.
func (rn *RawNode) AddServer(id uint64, context []byte) error {
	if err := rn.raft.admitBytes(recording.AddServer, context, id); err != nil {
		return err
	}
	return rn.raft.addServer(id, context)
}

// AwaitCatchUp makes a leader tell, by Ready.CatchUps, when a learner has caught up
// (CaughtUp) or when there is no point in waiting (CatchUpGivenUp). Status.CatchUp has the
// same for all learners, without asking. The error matches ErrNotLeader or ErrNotLearner.
func (rn *RawNode) AwaitCatchUp(id uint64) error {
	if err := rn.raft.admit(recording.AwaitCatchUp, id); err != nil {
		return err
	}
	return rn.raft.awaitCatchUp(id)
}

// ApplyConfChange makes the configuration active that a committed configuration
// change leads to, and returns it. The application calls it once for every entry of
// type EntryConfChange or EntryConfChangeV2 in CommittedEntries, in their order, and stores the
// result with its snapshots. A change that the application rejects is applied as an empty
// ConfChange{}. The next change may be proposed when the call has returned (thesis §4.1).
//
// The call comes best before Advance. After Advance it must not come later than an election timeout
// of ticks: until then the node commits no next change, does not campaign and restores no snapshot.
func (rn *RawNode) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	r := &rn.raft
	if r.err() != nil {
		cs := r.members.ConfState()
		return &cs
	}
	r.record.noteConfChange(cc)
	change := cc.AsV2()
	last := r.noteChangeIn(&change)
	r.applyConfChange(change)
	cs := r.members.ConfState() // before a snapshot that has waited brings another configuration
	if last {
		r.resumeWithoutChangesOut()
	}
	return &cs
}

// TransferLeader asks to hand the leadership to a voter (thesis §3.10), at the leader or at a
// follower that knows it. BasicStatus.LeadTransferee says whether it is under way: proposals are
// then dropped. The leader gives it up after an election timeout. It ignores a target that is no
// voter.
func (rn *RawNode) TransferLeader(transferee uint64) {
	m := pb.Message{Type: pb.MsgTransferLeader, From: transferee, To: rn.raft.id}
	_ = rn.raft.step(&m) // a node that does nothing more
}

// CheckTransfer returns the reason why TransferLeader would ignore transferee now, or nil. The
// error matches ErrNotLeader at a node that does not lead, or ErrTransferTarget.
func (rn *RawNode) CheckTransfer(transferee uint64) error {
	switch {
	case rn.raft.err() != nil:
		return rn.raft.err()
	case rn.raft.role != StateLeader:
		return ErrNotLeader
	}
	return rn.raft.checkTransfer(transferee)
}

// StepDown makes a leader give the leadership away, like TransferLeader to the voter that is best
// suited: one that was heard from recently, with the longest log. The error matches
// ErrNotLeader, or ErrTransferTarget if there is no other voter.
func (rn *RawNode) StepDown() error {
	if err := rn.raft.admit(recording.StepDown); err != nil {
		return err
	}
	return rn.raft.stepDown()
}

// ForgetLeader makes a follower forget its leader, so that it votes for another at once
// although CheckQuorum is on. Use it only where the leader is known to be gone. It does nothing
// on a node that is not a follower, and with leases not before the promise to the leader is over.
func (rn *RawNode) ForgetLeader() error {
	m := pb.Message{Type: pb.MsgForgetLeader, To: rn.raft.id}
	return rn.raft.step(&m)
}

// ReadIndex asks for a linearizable read (thesis §6.4). A later Ready has a ReadState with the same
// rctx, which belongs to the node from now on. The application has to apply everything up to its
// Index, and may then answer from its state machine. A follower asks the leader, and asks again
// once per election timeout. A read is dropped if there is no leader, if the leader changes, or if
// Config.MaxPendingReads reads wait. Ready.DroppedReads reports it.
func (rn *RawNode) ReadIndex(rctx []byte) {
	if rn.raft.admitBytes(recording.ReadIndex, rctx) == nil {
		rn.raft.readIndex(rn.raft.id, rctx)
	}
}

// LeaseRead returns the commit index if this node leads and holds a lease now (thesis §6.4.1, see
// Config.LeaseDriftTicks): the application has to apply everything up to it, and may then answer
// from its state machine. ok is false if there is no lease; ReadIndex confirms the read by a round
// then. The lease is good at the time of the call only, provided that every tick that is due was
// delivered.
func (rn *RawNode) LeaseRead() (index uint64, ok bool) {
	r := &rn.raft
	if r.err() != nil || !r.hasLease() {
		return 0, false
	}
	return r.log.Committed(), true
}

// Step gives the node a message from a peer, or a response of its storage threads. The
// node keeps the data of entries and the snapshot; it does not keep or change the
// message's slices. An error that matches ErrInvalidMessage means that the message was
// refused and nothing has changed; ErrStepLocalMsg and ErrStepPeerNotFound likewise.
func (rn *RawNode) Step(m pb.Message) error {
	return rn.raft.step(&m)
}

// HasReady reports whether Ready would return work. It is false while a Ready is
// with the application.
func (rn *RawNode) HasReady() bool {
	r := &rn.raft
	if r.err() != nil || rn.lent {
		return false
	}
	return !r.outbox.empty() || r.reads.answered() || len(r.news()) > 0 || r.readRoundDue() || r.async.hasGated() ||
		rn.writeDue() || r.applyDue() || rn.softStateDue() || r.appendsDue()
}

// writeDue reports whether there is something that is not with the storage yet.
func (rn *RawNode) writeDue() bool {
	r := &rn.raft
	return r.log.WriteDue() || rn.hard != r.hardState()
}

// Ready returns the next batch of work, see the type. Without async storage writes it
// must be followed by Advance once the batch is persisted, applied and sent; until
// then Ready returns an empty batch, while all other methods may be called. With async
// storage writes there is no Advance.
//
// The result is filled in place: it is large, and copying it once more costs as much as a step.
func (rn *RawNode) Ready() (rd Ready) {
	rn.fill(&rd)
	return
}

// fill hands out what there is. What is empty stays as it is: the caller copies the batch at once, and waits for
// what was written last. Most batches of an idle group are messages and nothing else.
func (rn *RawNode) fill(rd *Ready) {
	r := &rn.raft
	if rn.lent || rn.raft.admit(recording.Ready) != nil {
		return
	}
	if r.async != nil {
		r.outbox.returned()
		r.reads.returned()
	}
	r.confirmReads()
	if r.buildAppends() != nil {
		return
	}
	if r.applyDue() && r.fillCommitted(rd) != nil {
		return
	}
	if rn.softStateDue() {
		rn.noteSoftState()
		news := r.softState() // on the heap only when there is news
		rd.SoftState = &news
	}
	var w write
	tells := false
	if rn.writeDue() || r.async.hasGated() {
		w, tells = rn.fillWrite(rd)
	}
	if r.async != nil {
		rn.addStorageMessages(rd, w, tells)
	}
	rn.fillOutput(rd)
	if r.async == nil {
		rn.lend(rd, &w)
	}
	traceReady(r)
	if r.record != nil {
		r.record.batch(rd)
	}
}

// fillWrite adds the entries, the snapshot and the hard state to write. It reports whether the
// batch may reveal a committed configuration change to others.
func (rn *RawNode) fillWrite(rd *Ready) (w write, tells bool) {
	r := &rn.raft
	tells = rd.MustSync // so far set only if the batch's committed entries hold such a change
	w = r.beginWrite(rd)
	// Whatever a response in this batch may promise: entries, term and vote, a snapshot.
	rd.MustSync = rd.MustSync || len(rd.Entries) > 0 || w.Snapshot != 0
	if hard := r.hardState(); hard != rn.hard {
		tells = tells || r.tellsConfChange(hard.Commit, rn.hard.Commit)
		rd.MustSync = rd.MustSync || MustSync(hard, rn.hard, 0) || tells
		rn.hard = hard
		rd.HardState = hard
	}
	return w, tells
}

// fillOutput hands out what goes to other nodes and to the application.
func (rn *RawNode) fillOutput(rd *Ready) {
	r := &rn.raft
	if !r.outbox.empty() {
		rd.Messages = r.outbox.take(rn.reuse)
	}
	if r.reads.answered() {
		rd.ReadStates = r.reads.take(rn.reuse)
	}
	rd.DroppedReads = r.reads.takeDropped()
	if len(r.news()) > 0 {
		rd.CatchUps = r.catching.take()
	}
}

// tellsConfChange reports whether the commit index moves over a configuration change that is not
// handed out yet. An entry that nobody has looked at may be one. The commitment must be durable
// before any other node learns of it: a node that the change removed may then leave for good, and
// no other node might know of it.
func (r *raft) tellsConfChange(commit, before uint64) bool {
	return r.log.MayHaveConfChange(max(before, r.log.Applying()), commit)
}

// lend remembers what Advance will acknowledge.
func (rn *RawNode) lend(rd *Ready, w *write) {
	rn.lent = true
	rn.wrote, rn.wroteSnapshot, rn.wroteVote = *w != (write{}), w.Snapshot != 0, w.voteTerm != 0
	if rn.raft.role == StateLeader {
		rn.raft.handedOutBytes = raftlog.PayloadBytes(rd.CommittedEntries)
	}
}

// addStorageMessages adds the storage work as messages to the two local threads. The write has to
// be durable if tells is set, see fillWrite.
func (rn *RawNode) addStorageMessages(rd *Ready, w write, tells bool) {
	r := &rn.raft
	if len(rd.Entries) > 0 || !IsEmptyHardState(rd.HardState) || w.Snapshot != 0 || r.async.hasGated() {
		r.storageAppend(rd, w, tells)
	}
	if len(rd.CommittedEntries) > 0 {
		r.storageApply(rd.CommittedEntries)
	}
}

// Advance says that the batch of the last Ready is done: what it handed out is durable, and its
// committed entries are applied. Messages may be sent later, except with Config.ReuseMemory: then
// Advance takes the arrays of Messages and ReadStates back. Advance does nothing without a Ready,
// and with async storage writes.
//
// Advance only calls advance, so that it is inlined and its argument is not copied.
func (rn *RawNode) Advance(Ready) { rn.advance() }

func (rn *RawNode) advance() {
	r := &rn.raft
	if rn.raft.admit(recording.Advance) != nil || !rn.lent {
		return
	}
	rn.lent = false
	r.outbox.returned()
	r.reads.returned()
	if rn.wrote {
		if w := rn.lentWrite(); r.endWrite(&w) != nil {
			return
		}
	}
	if r.log.Applying() > r.log.Applied() {
		bytes := uint64(0)
		if r.role == StateLeader {
			bytes = r.handedOutBytes
		}
		r.endApply(r.log.Applying(), bytes)
	}
}

// lentWrite returns the write of the last batch. Nothing else was handed out since, so rn.hard is
// the hard state of that batch.
func (rn *RawNode) lentWrite() write {
	w := write{Write: rn.raft.log.Taken(rn.wroteSnapshot)}
	if rn.wroteVote {
		w.voteTerm = rn.hard.Term
	}
	return w
}

// ReportUnreachable tells a leader that the last messages to a peer were not delivered. The leader
// then sends what was in flight again, with the next entry or commit or after the peer's next sign
// of life.
func (rn *RawNode) ReportUnreachable(id uint64) {
	if rn.raft.admit(recording.ReportUnreachable, id) == nil {
		rn.raft.reportUnreachable(id)
	}
}

// ReportSnapshot tells a leader how the transmission of a snapshot to a follower
// ended. Without it the follower gets no entries until Config.SnapshotTicks have passed.
func (rn *RawNode) ReportSnapshot(id uint64, status SnapshotStatus) {
	if rn.raft.admit(recording.ReportSnapshot, id, uint64(status)) == nil {
		rn.raft.reportSnapshot(id, status == SnapshotFailure)
	}
}

// StorageAvailable tells the node that Storage may have by now what it could not give before, when
// it returned ErrUnavailable or ErrSnapshotTemporarilyUnavailable. The node tries at once what has
// waited: appends and snapshots to followers, entries to apply, a commit index, a campaign. It is
// for a Storage that fetches in the background. Without a call the node tries again after a
// follower's next sign of life, and at its next tick.
func (rn *RawNode) StorageAvailable() {
	if rn.raft.admit(recording.StorageAvailable) == nil {
		rn.raft.storageAvailable()
	}
}

// Bootstrap gives a node with an empty Storage its first configuration: the same
// list, in the same order, on every first member. All of it takes effect at once. It is an alternative to a Storage that starts
// from a snapshot. Call it whenever a first member starts that has applied nothing, and whose Storage has no commit index in the hard
// state: if a crash has left a part of what an earlier call has written, it adds the rest. It returns an error matching ErrBootstrapNotEmpty or
// ErrBootstrapPeers, and nothing has changed then.
func (rn *RawNode) Bootstrap(peers []Peer) error {
	if rn.raft.err() != nil {
		return rn.raft.err()
	}
	rn.raft.record.noteBootstrap(peers)
	if err := rn.raft.bootstrap(peers, rn.hard.Commit); err != nil {
		return err
	}
	rn.hard = pb.HardState{} // all of the hard state is news
	return nil
}
