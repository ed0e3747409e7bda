package progress

import (
	"fmt"
	"math"
	"strings"
)

// Progress is what the leader knows of one follower, in one term. The leader keeps one of
// itself too, of which only Match counts.
//
//	match < next
type Progress struct {
	// Match is the largest index up to which the follower's log is known to be the leader's,
	// durably. Only an acknowledgement moves it.
	Match uint64
	// Next is the index of the next entry to send.
	Next uint64
	// sentCommit is the commit index that the follower was told last. It may be beyond what
	// was sent: the entries up to it carry it once more when their turn comes.
	sentCommit uint64

	// State says how the follower is replicated to.
	State StateType

	// PendingSnapshot is the index of the snapshot on its way, in StateSnapshot.
	PendingSnapshot uint64

	// RecentActive: something was heard from the follower since the last look at the
	// quorum.
	RecentActive bool
	// MsgAppFlowPaused: nothing is sent until something is heard; in StateProbe after
	// each append, in StateReplicate while the window is full.
	MsgAppFlowPaused bool
	// pinged: the follower is asked for an answer even if nothing is new.
	pinged bool
	// hindered: what the follower needs could not be sent, and nothing was sent since.
	hindered bool
	// rejections counts the probes that were rejected in this state, as far as it matters.
	rejections uint8
	// snapshots counts the snapshots that were sent since Match rose.
	snapshots uint8
	// IsLearner: the follower does not vote.
	IsLearner bool
	// answered: the follower has answered since the last TakeAnswer.
	answered bool
	// snapshotAt is where the leader's clock stood when the last snapshot was sent, modulo 2^32.
	snapshotAt uint32
	// snapshotAge counts election timeouts spent in StateSnapshot.
	snapshotAge uint32
	// While a probe waits, quietAt is the sum of last index and commit index beyond which it is
	// sent; otherwise 0.
	quietAt uint64
	// echoed is the newest round of heartbeats that the follower has echoed.
	echoed uint64

	// Inflights is the window of appends in flight; nil until first used.
	Inflights *Inflights
}

// Limits bound what is in flight to one follower.
type Limits struct {
	Messages int    // appends in the window
	Bytes    uint64 // payload in the window, in bytes; 0 means no limit
}

// New returns the progress of a follower of which nothing is known, to be probed at
// next, which is at least 1.
func New(next uint64) Progress { return Progress{Next: max(next, 1)} }

// ResetState enters a state with an empty window and nothing pending.
func (pr *Progress) ResetState(state StateType) {
	pr.State = state
	pr.PendingSnapshot = 0
	pr.MsgAppFlowPaused = false
	pr.pinged = false
	pr.quietAt = 0
	pr.rejections = 0
	pr.snapshotAge = 0
	pr.Inflights.reset()
}

// BecomeProbe starts to look for the place where the logs agree: right behind what is known
// to match, or behind the snapshot if one was on its way.
func (pr *Progress) BecomeProbe() {
	next := max(pr.Match, pr.PendingSnapshot) + 1
	pr.ResetState(StateProbe)
	pr.moveNext(next)
}

// BecomeReplicate starts to send optimistically, from behind what matches.
func (pr *Progress) BecomeReplicate() {
	pr.ResetState(StateReplicate)
	pr.moveNext(pr.Match + 1)
}

// BecomeSnapshot notes that a snapshot was sent, which covers everything up to index
// and tells its commit.
func (pr *Progress) BecomeSnapshot(index uint64) {
	pr.ResetState(StateSnapshot)
	pr.PendingSnapshot = index
	pr.Next = max(pr.Match, index) + 1
	pr.sentCommit = index
}

// moveNext sets Next. What was told about entries from there on may be lost with them.
func (pr *Progress) moveNext(next uint64) {
	pr.Next = next
	pr.sentCommit = min(pr.sentCommit, next-1)
}

// MaybeUpdate takes an acknowledgement of everything up to index, and reports whether it
// said anything new.
func (pr *Progress) MaybeUpdate(index uint64) bool {
	if index <= pr.Match {
		return false
	}
	pr.Match = index
	pr.snapshots = 0
	pr.Next = max(pr.Next, index+1)
	pr.MsgAppFlowPaused = false
	pr.quietAt = 0
	return true
}

// MaybeDecrTo takes the rejection of an append whose previous entry had index rejected, from a
// follower whose log can agree at hint at the latest, and reports whether it is news. It
// is not if that index was matched since, or is not the one that is being probed: then
// the rejection was overtaken. Next never falls to Match or below (thesis §3.5).
func (pr *Progress) MaybeDecrTo(rejected, hint uint64) bool {
	if pr.State == StateReplicate {
		// What was sent since was built on the rejected append.
		if rejected <= pr.Match {
			return false
		}
		pr.moveNext(pr.Match + 1)
		return true
	}
	if rejected != pr.Next-1 || rejected <= pr.Match {
		return false
	}
	// The smaller of rejected and hint+1, for any hint; rejected is above Match, so not 0.
	pr.moveNext(max(min(rejected-1, hint)+1, pr.Match+1))
	pr.rejections = min(pr.rejections+1, fewRejections)
	pr.MsgAppFlowPaused = false
	pr.quietAt = 0
	return true
}

// fewRejections is the number of rejections from which on probes carry no entries.
const fewRejections = 2

// TakesEntries reports whether an append may carry entries. A full window takes none. Nor does a
// probe after a second rejection: the logs may differ in many terms, and each rejection drops what
// the probe carried. The append that follows the first acknowledgement carries entries again.
func (pr *Progress) TakesEntries() bool {
	if pr.State == StateReplicate {
		return !pr.Inflights.Full()
	}
	return pr.rejections < fewRejections
}

// IsPaused reports whether nothing may be sent until something is heard.
func (pr *Progress) IsPaused() bool {
	return pr.State == StateSnapshot || pr.MsgAppFlowPaused
}

// CanBumpCommit reports whether telling the follower the commit index would move its own:
// it follows only as far as it has entries.
func (pr *Progress) CanBumpCommit(index uint64) bool {
	return index > pr.sentCommit && pr.sentCommit < pr.Next-1
}

// SentCommit notes the commit index that was told to the follower.
func (pr *Progress) SentCommit(commit uint64) { pr.sentCommit = commit }

// AppendDue reports whether the follower is owed an append, given the leader's last
// index and commit index. It stays true until SentAppend, Pause, or a change of state.
func (pr *Progress) AppendDue(last, commit uint64) bool {
	switch pr.State {
	case StateProbe:
		return !pr.MsgAppFlowPaused && last+commit > pr.quietAt
	case StateReplicate:
		return pr.pinged || !pr.MsgAppFlowPaused && (pr.Next <= last || pr.CanBumpCommit(commit))
	}
	return false
}

// SentEntries notes an append with the given number of entries and bytes of payload.
// In StateReplicate it takes a place in the window, if there is one; use SentAppend to have
// the window made. In StateSnapshot nothing is sent, and a call changes nothing.
func (pr *Progress) SentEntries(entries int, bytes uint64) {
	switch pr.State {
	case StateReplicate:
		if entries > 0 {
			pr.Next += uint64(entries)
			pr.Inflights.Add(pr.Next-1, bytes)
		}
		pr.MsgAppFlowPaused = pr.Inflights.Full()
	case StateProbe:
		if entries > 0 {
			pr.MsgAppFlowPaused = true
		}
	}
}

// SentAppend notes an append with the given number of entries, bytes of payload and
// commit index. A probe waits for the answer, whether it carried entries or not. In
// StateSnapshot nothing is sent, and a call changes nothing.
func (pr *Progress) SentAppend(entries int, bytes, commit uint64, limits Limits) {
	if pr.State == StateSnapshot {
		return
	}
	if pr.Inflights == nil && pr.State == StateReplicate && entries > 0 {
		pr.Inflights = NewInflights(limits.Messages, limits.Bytes)
	}
	pr.SentEntries(entries, bytes)
	pr.hindered = false
	pr.sentCommit = commit
	pr.pinged = false
	if pr.State == StateProbe {
		pr.MsgAppFlowPaused = true
	}
}

// Ping asks for one append even if there is nothing new to send, without entries if the window is
// full: the answer tells whether what is in flight was lost. A probe does not wait for the answer
// to an earlier one any more.
func (pr *Progress) Ping() {
	pr.pinged = true
	if pr.State == StateProbe {
		pr.MsgAppFlowPaused = false
		pr.quietAt = 0
	}
}

// Pause stops sending until something is heard from the follower.
func (pr *Progress) Pause() {
	pr.MsgAppFlowPaused = true
	pr.pinged = false
}

// Hinder pauses because what the follower needs cannot be sent now. It reports whether that is
// news: something was sent since the last time.
func (pr *Progress) Hinder() bool {
	news := !pr.hindered
	pr.hindered = true
	pr.Pause()
	return news
}

// Resume ends the pause of a hindered follower. It reports whether there was one.
func (pr *Progress) Resume() bool {
	if !pr.hindered || pr.State == StateSnapshot {
		return false
	}
	pr.MsgAppFlowPaused = pr.Inflights.Full()
	pr.quietAt = 0
	return true
}

// Quiet makes a probe wait for a sign of life, or for something new to send: a last index or a
// commit index beyond the given ones.
func (pr *Progress) Quiet(last, commit uint64) { pr.quietAt = last + commit }

// HeardFrom notes a sign of life, which ends a pause unless the window is full.
func (pr *Progress) HeardFrom() {
	pr.RecentActive = true
	pr.MsgAppFlowPaused = pr.Inflights.Full()
	pr.quietAt = 0
}

// Answer notes an answer of the follower, of whatever kind.
func (pr *Progress) Answer() { pr.answered = true }

// TakeAnswer reports whether the follower has answered since the last call.
func (pr *Progress) TakeAnswer() bool {
	answered := pr.answered
	pr.answered = false
	return answered
}

// Rest lets the window go when the follower is idle: at the second call in a row that finds it
// empty, with no append between them. SentAppend makes another one.
func (pr *Progress) Rest() {
	switch in := pr.Inflights; {
	case in == nil || in.count > 0:
	case in.resting:
		pr.Inflights = nil
	default:
		in.resting = true
	}
}

// Echo notes that the follower has echoed a round of heartbeats.
func (pr *Progress) Echo(round uint64) { pr.echoed = max(pr.echoed, round) }

// Echoed returns the newest round of heartbeats that the follower has echoed.
func (pr *Progress) Echoed() uint64 { return pr.echoed }

// SnapshotSent counts a snapshot that was sent at a tick of the leader's clock. It returns how many
// were sent since Match rose.
func (pr *Progress) SnapshotSent(clock uint64) int {
	pr.snapshots = min(pr.snapshots+1, math.MaxUint8-1)
	pr.snapshotAt = uint32(clock)
	return int(pr.snapshots)
}

// MaySendSnapshot reports whether it is time for a snapshot. The second one, like the first, is
// sent at once. If Match does not rise, the third waits for twice the least wait, and each further
// one twice as long, up to the most. All of them are ticks.
func (pr *Progress) MaySendSnapshot(clock uint64, least, most uint32) bool {
	if pr.snapshots < 2 {
		return true
	}
	wait := uint64(least) << min(pr.snapshots-1, 31)
	return uint64(uint32(clock)-pr.snapshotAt) >= min(wait, uint64(most))
}

// AgeSnapshot counts an election timeout spent in StateSnapshot, and returns how many
// there were.
func (pr *Progress) AgeSnapshot() uint32 {
	pr.snapshotAge++
	return pr.snapshotAge
}

// String returns, for instance,
// `StateReplicate match=14 next=17 learner paused inactive inflight=2[full]`.
func (pr *Progress) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s match=%d next=%d", pr.State, pr.Match, pr.Next)
	if pr.IsLearner {
		b.WriteString(" learner")
	}
	if pr.IsPaused() {
		b.WriteString(" paused")
	}
	if pr.PendingSnapshot > 0 {
		fmt.Fprintf(&b, " pendingSnap=%d", pr.PendingSnapshot)
	}
	if !pr.RecentActive {
		b.WriteString(" inactive")
	}
	if n := pr.Inflights.Count(); n > 0 {
		fmt.Fprintf(&b, " inflight=%d", n)
		if pr.Inflights.Full() {
			b.WriteString("[full]")
		}
	}
	return b.String()
}
