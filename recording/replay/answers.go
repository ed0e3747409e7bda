package replay

import (
	"errors"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// The player answers the questions of the node to its storage with what is recorded next. Whether
// that was the same question is compared when the node has written it down.

// answer returns the next record, if it answers a question of that kind, and the error that was
// answered.
func (p *player) answer(kind recording.Kind) (*recording.Record, error) {
	if p.at >= len(p.records) {
		return nil, ErrEnd
	}
	rec := &p.records[p.at]
	if rec.Kind != kind {
		if p.diverged == nil {
			p.diverged = &Divergence{Number: p.at, Want: *rec, Got: &recording.Record{Kind: kind}}
		}
		return nil, p.diverged
	}
	switch recording.ErrorCode(rec.Number(0)) {
	case recording.ErrorNone:
		return rec, nil
	case recording.ErrorCompacted:
		return rec, raft.ErrCompacted
	case recording.ErrorUnavailable:
		return rec, raft.ErrUnavailable
	case recording.ErrorSnapshotTemporarilyUnavailable:
		return rec, raft.ErrSnapshotTemporarilyUnavailable
	}
	return rec, errors.New(string(rec.Blob(0)))
}

// number returns a number of the answer, whatever error came with it.
func (p *player) number(kind recording.Kind, i int) (uint64, error) {
	rec, err := p.answer(kind)
	if rec == nil {
		return 0, err
	}
	return rec.Number(i), err
}

// The methods of raft.Storage.

func (p *player) FirstIndex() (uint64, error) { return p.number(recording.FirstIndex, 1) }
func (p *player) LastIndex() (uint64, error)  { return p.number(recording.LastIndex, 1) }
func (p *player) Term(uint64) (uint64, error) { return p.number(recording.Term, 2) }

func (p *player) InitialState() (hs pb.HardState, cs pb.ConfState, err error) {
	rec, err := p.answer(recording.InitialState)
	if rec != nil {
		err = firstOf(err, hs.Unmarshal(rec.Blob(1)), cs.Unmarshal(rec.Blob(2)))
	}
	return hs, cs, err
}

func (p *player) Entries(_, _, _ uint64) ([]pb.Entry, error) {
	rec, err := p.answer(recording.Entries)
	if rec == nil || len(rec.Blobs) == 0 {
		return nil, err
	}
	entries := make([]pb.Entry, len(rec.Blobs)-1)
	for i := range entries {
		err = firstOf(err, entries[i].Unmarshal(rec.Blobs[i+1]))
	}
	return entries, err
}

func (p *player) Snapshot() (s pb.Snapshot, err error) {
	rec, err := p.answer(recording.Snapshot)
	if rec != nil {
		err = firstOf(err, s.Unmarshal(rec.Blob(1)))
	}
	return s, err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
