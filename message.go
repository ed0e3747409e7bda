package raft

import (
	"encoding/binary"
	"fmt"

	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// One Message struct serves every type, and the meaning of its fields depends on the type. Only
// this file knows the meanings; the rest of the package works with these views:
//
//	type               Index      LogTerm    Commit      Reject, RejectHint     Context
//	MsgApp             prev       prev       committed
//	MsgAppResp         matched    hint term              refused prev, hint     (committed)
//	MsgHeartbeat                             min(match)                         round
//	MsgHeartbeatResp                                                            round
//	Msg(Pre)Vote       last       last                                          transfer or committed
//	Msg(Pre)VoteResp                                      refused               committed (1)
//	MsgSnap            (Snapshot)
//	MsgReadIndex                 (Entries[0].Data is the context)
//	MsgReadIndexResp   read      (likewise)
//	MsgTransferLeader            (From is the target)
//	StorageAppendResp  last      last                    generation
//
// (1) or transfer, in a rejection: the target refuses the order to campaign.

// contextTransfer marks vote requests of a campaign ordered by a leadership
// transfer: they are granted although a leader is alive (thesis §4.2.3).
const contextTransfer = "CampaignTransfer"

// appendReq is MsgApp: entries to follow prev, and how far the leader has committed. Like
// appendResp it is a view and not a copy, because these two are most of the traffic.
type appendReq struct{ *pb.Message }

func (m appendReq) prev() raftlog.EntryID { return raftlog.EntryID{Term: m.LogTerm, Index: m.Index} }
func (m appendReq) log() raftlog.Slice    { return raftlog.Slice{Prev: m.prev(), Entries: m.Entries} }
func (m appendReq) commit() uint64        { return m.Commit }

// last is the last entry that the append speaks of.
func (m appendReq) last() raftlog.EntryID {
	if n := len(m.Entries); n > 0 {
		return raftlog.IDOf(&m.Entries[n-1])
	}
	return m.prev()
}

// appendResp is MsgAppResp. Accepted: everything up to index is as the leader has
// it, durably. Rejected: the follower has no entry like the append's prev, whose index
// is index, and the logs can agree at hint at the latest.
type appendResp struct{ *pb.Message }

func (m appendResp) index() uint64 { return m.Index }
func (m appendResp) hint() raftlog.EntryID {
	return raftlog.EntryID{Term: m.LogTerm, Index: m.RejectHint}
}

// voteReq is MsgVote or MsgPreVote: the candidate's last entry decides.
type voteReq struct {
	from, term uint64
	last       raftlog.EntryID
	pre        bool
	transfer   bool
	// committed is an entry that the candidate knows to be committed; zero if it does not say.
	committed raftlog.EntryID
}

func voteReqOf(m *pb.Message) voteReq {
	return voteReq{
		from:     m.From,
		term:     m.Term,
		last:     raftlog.EntryID{Term: m.LogTerm, Index: m.Index},
		pre:      m.Type == pb.MsgPreVote,
		transfer: string(m.Context) == contextTransfer,

		committed: committedOf(m),
	}
}

// upToDate is the rule by which a voter compares a candidate's log with its own, which ends with
// own (thesis §3.6.1): the later last term wins, then the longer log.
func (req *voteReq) upToDate(own raftlog.EntryID) bool {
	return req.last.Term > own.Term || req.last.Term == own.Term && req.last.Index >= own.Index
}

// committedContext encodes an entry that is known to be committed, for messages about votes.
// Members that run v3.6 ignore a Context that is not contextTransfer. Neither logs nor scripts show
// it.
func committedContext(id raftlog.EntryID) []byte {
	b := make([]byte, 0, committedBytes)
	b = append(b, committedTag)
	b = binary.BigEndian.AppendUint64(b, id.Index)
	return binary.BigEndian.AppendUint64(b, id.Term)
}

const (
	committedTag   = 'c'
	committedBytes = 1 + 8 + 8
)

// committedOf returns the entry that m names as committed, or zero if m names none.
func committedOf(m *pb.Message) raftlog.EntryID {
	if len(m.Context) != committedBytes || m.Context[0] != committedTag {
		return raftlog.EntryID{}
	}
	return raftlog.EntryID{Index: binary.BigEndian.Uint64(m.Context[1:]), Term: binary.BigEndian.Uint64(m.Context[9:])}
}

// refusesTransfer reports whether m says that its sender cannot obey the leader's order to
// campaign. A leader that runs v3.6 ignores such a message.
func refusesTransfer(m *pb.Message) bool {
	return m.Type == pb.MsgVoteResp && m.Reject && string(m.Context) == contextTransfer
}

// snapshotID is the last entry that a snapshot covers.
func snapshotID(s *pb.Snapshot) raftlog.EntryID {
	return raftlog.EntryID{Term: s.Metadata.Term, Index: s.Metadata.Index}
}

// readContext is the application's context of a MsgReadIndex or MsgReadIndexResp.
func readContext(m *pb.Message) []byte { return m.Entries[0].Data }

// transferTarget is whom a MsgTransferLeader names.
func transferTarget(m *pb.Message) uint64 { return m.From }

// isFromLeader: only the leader of m.Term sends these, so m.From is it.
func isFromLeader(t pb.MessageType) bool { return leaderMsgs.has(t) }

const leaderMsgs typeSet = 1<<pb.MsgApp | 1<<pb.MsgHeartbeat | 1<<pb.MsgSnap | 1<<pb.MsgTimeoutNow

// addressing says what a message type may look like on the outside.
type addressing uint8

const (
	unknownType addressing = iota
	localType              // made by this node; refused from outside
	localReply             // from the local storage threads only
	peerType               // between members
	inputType              // from the application, or forwarded by a peer
)

const (
	peerMsgs typeSet = 1<<pb.MsgApp | 1<<pb.MsgAppResp | 1<<pb.MsgVote | 1<<pb.MsgVoteResp | 1<<pb.MsgSnap |
		1<<pb.MsgHeartbeat | 1<<pb.MsgHeartbeatResp | 1<<pb.MsgPreVote | 1<<pb.MsgPreVoteResp | 1<<pb.MsgTimeoutNow

	inputMsgs typeSet = 1<<pb.MsgProp | 1<<pb.MsgReadIndex | 1<<pb.MsgReadIndexResp | 1<<pb.MsgTransferLeader |
		1<<pb.MsgForgetLeader

	replyMsgs typeSet = 1<<pb.MsgStorageAppendResp | 1<<pb.MsgStorageApplyResp
)

func addressingOf(t pb.MessageType) addressing {
	switch {
	case peerMsgs.has(t):
		return peerType
	case inputMsgs.has(t):
		return inputType
	case replyMsgs.has(t):
		return localReply
	case localMsgs.has(t):
		return localType
	}
	return unknownType
}

// checkMessage is the front door: what m may look like by itself, whatever state the
// node is in. threads says whether there are local storage threads, which only exist with
// asynchronous storage writes. It returns ErrStepLocalMsg or one of the causes of a MessageError.
func checkMessage(m *pb.Message, self uint64, threads bool) error {
	if err := checkAddressing(m, self, threads); err != nil {
		return err
	}
	if m.Term >= raftlog.MaxCounter || m.Index >= raftlog.MaxCounter || m.LogTerm >= raftlog.MaxCounter || m.Commit >= raftlog.MaxCounter || m.RejectHint >= raftlog.MaxCounter {
		return fmt.Errorf("%w: term %d, index %d, log term %d, commit %d, hint %d", ErrOutOfRange, m.Term, m.Index, m.LogTerm, m.Commit, m.RejectHint)
	}
	switch m.Type {
	case pb.MsgApp:
		return checkAppend(m)
	case pb.MsgAppResp:
		return checkAppendResp(m)
	case pb.MsgVote, pb.MsgPreVote:
		return checkVote(m)
	case pb.MsgSnap:
		return checkSnapshot(m)
	case pb.MsgProp:
		return checkProposal(m)
	case pb.MsgReadIndex, pb.MsgReadIndexResp:
		return checkRead(m)
	}
	return nil
}

func checkAddressing(m *pb.Message, self uint64, threads bool) error {
	switch addressingOf(m.Type) {
	case unknownType:
		return fmt.Errorf("%w: unknown type %d", ErrMalformed, int32(m.Type))
	case localType:
		return ErrStepLocalMsg
	case localReply:
		if !threads || !IsLocalMsgTarget(m.From) {
			return ErrStepLocalMsg
		}
		return nil
	case inputType:
		if m.To != self && m.To != None {
			return ErrWrongRecipient
		}
		return nil
	}
	return checkPeers(m, self, threads)
}

func checkPeers(m *pb.Message, self uint64, threads bool) error {
	if m.To != self && m.To != None {
		return ErrWrongRecipient
	}
	if IsLocalMsgTarget(m.From) || m.From == None && !mayBeAnonymous(m.Type) {
		return fmt.Errorf("%w: no sender", ErrMalformed)
	}
	if m.Term == 0 && !mayBeTermless(m) {
		return fmt.Errorf("%w: no term", ErrMalformed)
	}
	// Only this node's own vote and acknowledgement come from the append thread in its own
	// name, once they are durable.
	if m.From == self && !(threads && (m.Type == pb.MsgVoteResp || m.Type == pb.MsgAppResp)) {
		return fmt.Errorf("%w: sent by the recipient", ErrMalformed)
	}
	return nil
}

// mayBeAnonymous reports whether a message counts without a sender: transports and tests leave it
// out. The term of a leader's message decides what the message may do. A response without a sender
// is handled like one from a node that is no member. A vote request needs a sender, because a vote
// is granted to a node.
func mayBeAnonymous(t pb.MessageType) bool {
	return t != pb.MsgVote && t != pb.MsgPreVote
}

// mayBeTermless reports whether a message between members counts without a term, as if it were of
// the current term. Transports that merge the heartbeats of many groups leave the term out.
//
//   - MsgHeartbeat is a sign of life. The commit index that it names is committed in every term,
//     and the follower has acknowledged everything up to it to that leader.
//   - MsgHeartbeatResp is a sign of life. Like a termless MsgHeartbeat it confirms no reads and no
//     lease, because it may be of an earlier term.
//   - MsgSnap carries state that is committed in every term.
//   - MsgTimeoutNow makes a node campaign. Without leases that is safe at any time. With them the
//     campaign is no transfer: voters would grant that in spite of a lease.
//   - A rejected MsgAppResp or vote grants nothing, nor does a granted pre-vote.
//
// A MsgApp of an earlier term could truncate entries that were acknowledged to a later leader. An
// accepted MsgAppResp counts towards commitment, and a granted vote towards an election; from an
// earlier term neither may count. So these are refused, and so are requests for votes.
func mayBeTermless(m *pb.Message) bool {
	switch m.Type {
	case pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgSnap, pb.MsgTimeoutNow, pb.MsgPreVoteResp:
		return true
	case pb.MsgAppResp, pb.MsgVoteResp:
		return m.Reject
	}
	return false
}

func checkAppend(m *pb.Message) error {
	req := appendReq{m}
	if len(m.Entries) > 0 {
		log := req.log()
		if err := validSlice(log); err != nil {
			return err
		}
	} else if err := validID(req.prev()); err != nil {
		return err
	}
	if last := req.last(); last.Term > m.Term {
		return fmt.Errorf("%w: entry %v is newer than the leader's term %d", ErrMalformed, last, m.Term)
	}
	return checkEntries(m.Entries)
}

// checkEntries: types are known and configuration changes can be decoded.
func checkEntries(entries []pb.Entry) error {
	for i := range entries {
		switch entries[i].Type {
		case pb.EntryNormal:
		case pb.EntryConfChange, pb.EntryConfChangeV2:
			if _, err := decodeConfChange(&entries[i]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: unknown entry type %d", ErrMalformed, int32(entries[i].Type))
		}
	}
	return nil
}

// decodeConfChange reads the configuration change that an entry carries.
func decodeConfChange(e *pb.Entry) (pb.ConfChangeV2, error) {
	var v2 pb.ConfChangeV2
	var err error
	if e.Type == pb.EntryConfChange {
		var v1 pb.ConfChange
		if err = v1.Unmarshal(e.Data); err == nil {
			err = v1.Validate()
		}
		v2 = v1.AsV2()
	} else if err = v2.Unmarshal(e.Data); err == nil {
		err = v2.Validate()
	}
	if err != nil {
		return pb.ConfChangeV2{}, fmt.Errorf("%w: %w", ErrBadConfChange, err)
	}
	for _, c := range v2.Changes {
		if IsLocalMsgTarget(c.NodeID) {
			return pb.ConfChangeV2{}, fmt.Errorf("%w: %w: %x is the id of a local storage thread", ErrBadConfChange, ErrOutOfRange, c.NodeID)
		}
	}
	return v2, nil
}

func checkAppendResp(m *pb.Message) error {
	if resp := (appendResp{m}); resp.Reject && resp.hint().Term != 0 && resp.hint().Index == 0 {
		return fmt.Errorf("%w: hint has a term but no index", ErrMalformed)
	}
	return nil
}

func checkVote(m *pb.Message) error {
	last := voteReqOf(m).last
	if err := validID(last); err != nil {
		return err
	}
	if last.Term > m.Term {
		return fmt.Errorf("%w: a candidate of term %d has an entry %v", ErrMalformed, m.Term, last)
	}
	return nil
}

func checkSnapshot(m *pb.Message) error {
	if m.Snapshot == nil {
		return fmt.Errorf("%w: no snapshot", ErrMalformed)
	}
	id := snapshotID(m.Snapshot)
	if id.Index == 0 {
		return fmt.Errorf("%w: empty snapshot", ErrMalformed)
	}
	if err := validID(id); err != nil {
		return err
	}
	if m.Term != 0 && id.Term > m.Term {
		return fmt.Errorf("%w: snapshot %v is newer than the leader's term %d", ErrMalformed, id, m.Term)
	}
	cs := &m.Snapshot.Metadata.ConfState
	if len(cs.Voters) == 0 {
		return fmt.Errorf("%w: snapshot without voters", ErrMalformed)
	}
	if _, err := confchange.FromConfState(*cs); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	for _, ids := range [][]uint64{cs.Voters, cs.VotersOutgoing, cs.Learners, cs.LearnersNext} {
		for _, id := range ids {
			if IsLocalMsgTarget(id) {
				return fmt.Errorf("%w: %x is the id of a local storage thread", ErrOutOfRange, id)
			}
		}
	}
	return nil
}

func checkProposal(m *pb.Message) error {
	if len(m.Entries) == 0 {
		return ErrEmptyProposal
	}
	return checkEntries(m.Entries)
}

func checkRead(m *pb.Message) error {
	if len(m.Entries) != 1 {
		return fmt.Errorf("%w: a read needs one entry that holds its context", ErrMalformed)
	}
	return nil
}

// validID returns an error unless id is the origin or has an index, and both its numbers are
// countable. Term 0 is before every election: a group may begin with a snapshot, or with entries,
// of that term.
func validID(id raftlog.EntryID) error {
	if id.Term >= raftlog.MaxCounter || id.Index >= raftlog.MaxCounter {
		return fmt.Errorf("%w: entry %d/%d", ErrOutOfRange, id.Term, id.Index)
	}
	if id.Index == 0 && id.Term != 0 {
		return fmt.Errorf("%w: term %d without an index", ErrMalformed, id.Term)
	}
	return nil
}

// validSlice: indexes go up by one, terms never fall, and nothing can wrap.
func validSlice(s raftlog.Slice) error {
	if err := validID(s.Prev); err != nil {
		return err
	}
	at := s.Prev
	for i := range s.Entries {
		e := &s.Entries[i]
		if e.Index != at.Index+1 {
			return fmt.Errorf("%w: %w: %d follows %d", ErrMalformed, errNotContiguous, e.Index, at.Index)
		}
		if e.Term < at.Term {
			return fmt.Errorf("%w: term falls from %d to %d at index %d", ErrMalformed, at.Term, e.Term, e.Index)
		}
		at = raftlog.EntryID{Term: e.Term, Index: e.Index}
	}
	return validID(at)
}
