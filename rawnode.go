package raft

import (
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// RawNode is one node of a Raft group, driven by the application from a single goroutine: it is not
// safe for concurrent use. The application feeds it ticks, messages and proposals, takes batches of
// work with Ready, and calls Advance when a batch is done. See the package documentation for the
// loop.
//
// No input makes a RawNode panic. If an invariant breaks or its Storage fails, the node is
// quarantined: Err says why, and every method then returns that error or does nothing.
type RawNode struct {
	raft raft

	// What the application knows: a commit index, and a SoftState as lead and role. Of term and
	// vote see raft.termOut.
	commitOut uint64
	lead      uint64
	role      uint8

	// reuse is Config.ReuseMemory.
	reuse bool
	// lent: the application has the last batch, and has not called Advance for it.
	lent bool
	// wrote: the last batch had a write. wroteSnapshot and wroteVote: the write had a snapshot, or
	// this candidate's own vote.
	wrote, wroteSnapshot, wroteVote bool

	verified *mark // the state at the last Verify; nil if there was none
}

// NewRawNode starts a node from what config.Storage holds. It returns a ConfigError for a config
// that cannot be used, and an error matching ErrStorage or ErrCommitBeyondLog for a Storage that
// fails or contradicts itself. The config is copied.
func NewRawNode(config *Config) (*RawNode, error) {
	rn := &RawNode{reuse: config.ReuseMemory}
	written, err := rn.raft.start(config)
	if err != nil {
		return nil, err
	}
	rn.commitOut = written.Commit
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

// Tick advances the node's clock by one tick. Elections and heartbeats are counted in ticks, see
// Config.
func (rn *RawNode) Tick() {
	if rn.raft.admit(recording.Tick) == nil {
		rn.raft.tick()
	}
}

// NextDue returns the number of the next tick, counted from 1, that may do more than advance
// clocks. It holds only if nothing else is called before that tick. Ticks before that produce no
// output and change nothing but clocks. A follower's next due tick ends its election timeout, a
// leader's sends heartbeats. In a state that ends soon by itself, the due tick may only advance
// clocks. NextDue returns math.MaxUint64 if there is no such tick.
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

// TickQuiesced advances the clock without elections or heartbeats, for applications that put idle
// groups to sleep by common agreement of their members.
func (rn *RawNode) TickQuiesced() {
	if rn.raft.admit(recording.TickQuiesced) == nil {
		rn.raft.clock++
		rn.raft.elapse()
	}
}

// SkipTicks advances only the lease clock of a leader, by n ticks that were due and not delivered,
// for instance because the process was paused. Otherwise the lease would last too long. These ticks
// start no election and send no heartbeat. On other nodes SkipTicks does nothing, so that their
// promise to a leader does not end sooner. A Node calls it by itself.
func (rn *RawNode) SkipTicks(n uint64) {
	if n == 0 || rn.raft.admit(recording.SkipTicks, n) != nil {
		return
	}
	if rn.raft.role == StateLeader {
		rn.raft.clock += min(n, maxTicks) // more makes no difference to a lease, and nothing wraps
	}
}

// Campaign starts an election now, as if the election timeout had passed. It does nothing on a
// leader and on a node that may not lead (not a voter, or a committed configuration change is not
// applied yet).
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
// ErrConfChangePending if an earlier change may not be applied. Its error matches ErrBadConfChange
// if cc is illegal in the active configuration.
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

// AddServer makes a leader bring a server into the cluster in the safe order (thesis §4.1, §4.2.1):
// the leader proposes the server as a learner, unless it is one already. It waits until the server
// has caught up, and proposes its promotion. context goes into both changes, for the application:
// an address, for instance. Ready.CatchUps reports the end: CatchUpPromoted or CatchUpGivenUp. For
// a server that is already a voter, nothing happens and nothing is reported. An error matches
// ErrProposalDropped; then nothing has begun. If the leadership is lost, call AddServer on the next
// leader.
func (rn *RawNode) AddServer(id uint64, context []byte) error {
	if err := rn.raft.admitBytes(recording.AddServer, context, id); err != nil {
		return err
	}
	return rn.raft.addServer(id, context)
}

// AwaitCatchUp makes a leader report in Ready.CatchUps when a learner has caught up (CaughtUp), or
// when it gives up waiting (CatchUpGivenUp). Status.CatchUp shows the progress of all learners at
// any time. The error matches ErrNotLeader or ErrNotLearner.
func (rn *RawNode) AwaitCatchUp(id uint64) error {
	if err := rn.raft.admit(recording.AwaitCatchUp, id); err != nil {
		return err
	}
	return rn.raft.awaitCatchUp(id)
}

// ApplyConfChange applies a committed configuration change to the active configuration, and returns
// the result. The application calls it once for every entry of type EntryConfChange or
// EntryConfChangeV2 in CommittedEntries, in their order, and stores the result with its snapshots.
// A change that the application rejects is applied as an empty ConfChange{}. The next change may be
// proposed when the call has returned (thesis §4.1).
//
// Call it before Advance if possible, and at the latest one election timeout of ticks after
// Advance. Meanwhile the node commits no further change, does not campaign and restores no
// snapshot.
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
	cs := r.members.ConfState() // before a postponed snapshot brings another configuration
	if last {
		r.resumeWithoutChangesOut()
	}
	return &cs
}

// TransferLeader asks to hand the leadership to a voter (thesis §3.10), at the leader or at a
// follower that knows it. BasicStatus.LeadTransferee shows a transfer under way; the leader then
// drops proposals. It gives the transfer up after an election timeout. It ignores a target that is
// no voter.
func (rn *RawNode) TransferLeader(transferee uint64) {
	m := pb.Message{Type: pb.MsgTransferLeader, From: transferee, To: rn.raft.id}
	_ = rn.raft.step(&m) // an error means that the node is quarantined
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
// suited: one that was heard from recently, with the longest log. The error matches ErrNotLeader,
// or ErrTransferTarget if there is no other voter.
func (rn *RawNode) StepDown() error {
	if err := rn.raft.admit(recording.StepDown); err != nil {
		return err
	}
	return rn.raft.stepDown()
}

// ForgetLeader makes a follower forget its leader, so that it may vote for another node at once,
// although CheckQuorum is on. Use it only where the leader is known to be gone. It does nothing on
// a node that is not a follower, and with leases not before the promise to the leader is over.
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

// Step gives the node a message from a peer, or a response of its storage threads. The node keeps
// the data of entries and the snapshot; it does not keep or change the message's slices. An error
// that matches ErrInvalidMessage means that the message was refused and nothing has changed;
// ErrStepLocalMsg and ErrStepPeerNotFound likewise.
func (rn *RawNode) Step(m pb.Message) error {
	return rn.raft.step(&m)
}

// HasReady reports whether Ready would return work. It is false while a Ready is with the
// application.
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
	return r.log.WriteDue() || rn.commitOut != r.log.Committed() || !r.termOut || r.vote != None && !r.voteOut
}

// hardOut returns the hard state that was handed out last. Of one of an earlier term, only the
// commit index is known.
func (rn *RawNode) hardOut() pb.HardState {
	r, hs := &rn.raft, pb.HardState{Commit: rn.commitOut}
	if r.termOut {
		hs.Term = r.term
	}
	if r.voteOut {
		hs.Vote = r.vote
	}
	return hs
}

// Ready returns the next batch of work, see the type. Without async storage writes it must be
// followed by Advance once the batch is persisted, applied and sent; until then Ready returns an
// empty batch, while all other methods may be called. With async storage writes there is no
// Advance.
//
// The result is filled in place: it is large, and copying it once more costs as much as a step.
func (rn *RawNode) Ready() (rd Ready) {
	rn.fill(&rd)
	return
}

// fill fills rd with the work that is due. It writes only the fields that have work, because most
// batches of an idle group are only messages, and the caller copies the batch at once.
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
		news := r.softState() // a copy, on the heap only if it has changed
		rd.SoftState = &news
	}
	var w write
	confChange := false
	if rn.writeDue() || r.async.hasGated() {
		w, confChange = rn.fillWrite(rd)
	}
	if r.async != nil {
		rn.addStorageMessages(rd, w, confChange)
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
func (rn *RawNode) fillWrite(rd *Ready) (w write, confChange bool) {
	r := &rn.raft
	confChange = rd.MustSync // so far set only if the batch's committed entries hold such a change
	w = r.beginWrite(rd)
	// Whatever a response in this batch may promise: entries, term and vote, a snapshot.
	rd.MustSync = rd.MustSync || len(rd.Entries) > 0 || w.Snapshot != 0
	if hard, out := r.hardState(), rn.hardOut(); hard != out {
		confChange = confChange || r.mayCommitConfChange(hard.Commit, out.Commit)
		rd.MustSync = rd.MustSync || MustSync(hard, out, 0) || confChange
		r.termOut, r.voteOut, rn.commitOut = true, hard.Vote != None, hard.Commit
		rd.HardState = hard
	}
	return w, confChange
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

// mayCommitConfChange reports whether this batch commits a configuration change that was not handed
// out before, or an entry that may be one because it was not read yet. The commitment must be
// durable before any other node learns of it: a node that the change removed may then leave for
// good, and no other node might know of it.
func (r *raft) mayCommitConfChange(commit, before uint64) bool {
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
// be durable if confChange is set, see fillWrite.
func (rn *RawNode) addStorageMessages(rd *Ready, w write, confChange bool) {
	r := &rn.raft
	if len(rd.Entries) > 0 || !IsEmptyHardState(rd.HardState) || w.Snapshot != 0 || r.async.hasGated() {
		r.storageAppend(rd, w, confChange)
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

// lentWrite returns the write of the last batch. Nothing else was handed out since. So a term that
// is not handed out is a new one, in which the vote of that batch does not count.
func (rn *RawNode) lentWrite() write {
	w := write{Write: rn.raft.log.Taken(rn.wroteSnapshot)}
	if rn.wroteVote && rn.raft.termOut {
		w.voteTerm = rn.raft.term
	}
	return w
}

// FreeBuffers drops the arrays that Config.ReuseMemory keeps for the next batch. A program with
// many nodes calls it for one that is likely to be idle for long. It changes nothing else, and does
// nothing while a batch is with the application.
func (rn *RawNode) FreeBuffers() {
	if rn.raft.err() != nil || rn.lent {
		return
	}
	rn.raft.outbox.free()
	if rs := rn.raft.reads; rs != nil && len(rs.lent) == 0 {
		rs.lent, rs.contexts = nil, nil
	}
}

// ReportUnreachable tells a leader that the last messages to a peer were not delivered. The leader
// then sends what was in flight again, with the next entry or commit or after the peer's next sign
// of life.
func (rn *RawNode) ReportUnreachable(id uint64) {
	if rn.raft.admit(recording.ReportUnreachable, id) == nil {
		rn.raft.reportUnreachable(id)
	}
}

// ReportSnapshot tells a leader how the transmission of a snapshot to a follower ended. Without it
// the follower gets no entries until Config.SnapshotTicks have passed.
func (rn *RawNode) ReportSnapshot(id uint64, status SnapshotStatus) {
	if rn.raft.admit(recording.ReportSnapshot, id, uint64(status)) == nil {
		rn.raft.reportSnapshot(id, status == SnapshotFailure)
	}
}

// StorageAvailable tells the node that Storage may now have what it could not give before, when it
// returned ErrUnavailable or ErrSnapshotTemporarilyUnavailable. The node then retries at once what
// has waited: appends and snapshots to followers, entries to apply, a commit index, a campaign. It
// is for a Storage that fetches in the background. Without a call the node tries again after a
// follower's next sign of life, and at its next tick.
func (rn *RawNode) StorageAvailable() {
	if rn.raft.admit(recording.StorageAvailable) == nil {
		rn.raft.storageAvailable()
	}
}

// Bootstrap gives a node with an empty Storage its first configuration: the same list, in the same
// order, on every first member. The whole list takes effect at once. A Storage that starts from a
// snapshot is an alternative. First members call Bootstrap at each start, until the commit index in
// their stored hard state is above 0. If a crash has torn the write of an earlier call, Bootstrap
// completes it. After an error, which matches ErrBootstrapNotEmpty or ErrBootstrapPeers, nothing
// has changed.
func (rn *RawNode) Bootstrap(peers []Peer) error {
	if rn.raft.err() != nil {
		return rn.raft.err()
	}
	rn.raft.record.noteBootstrap(peers)
	if err := rn.raft.bootstrap(peers, rn.commitOut); err != nil {
		return err
	}
	rn.commitOut, rn.raft.termOut, rn.raft.voteOut = 0, false, false // so that the next Ready has the hard state
	return nil
}
