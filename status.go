package raft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// BasicStatus is the part of Status that takes no allocation to make.
type BasicStatus struct {
	ID uint64

	pb.HardState
	SoftState

	// Applied is the index up to which the application has acknowledged entries as applied.
	Applied uint64

	// LeadTransferee is the node to which leadership is being transferred; None if to nobody.
	LeadTransferee uint64

	// StalledTicks is for how many ticks a leader's own disk has acknowledged no write although
	// there are entries to write. With Config.CheckQuorum the leader steps down after an election
	// timeout.
	StalledTicks int
}

// Status describes a node. It is a copy, and stays as it is.
type Status struct {
	BasicStatus

	// Config is the active configuration.
	Config tracker.Config

	// Progress is what a leader knows of each member, itself included; nil on all
	// other nodes.
	Progress map[uint64]tracker.Progress

	// CatchUp is what a leader knows of the learners' way to the end of its log (thesis
	// §4.2.1); nil on all other nodes, and without learners.
	CatchUp map[uint64]CatchUp

	// Seed is the seed in use for election timeouts: Config.Seed, or the one that was drawn.
	Seed uint64
}

// statusJSON is the JSON form of a Status. Ids are strings of hexadecimal digits, as in log
// lines; terms and indexes are numbers.
type statusJSON struct {
	ID             string       `json:"id"`
	Term           uint64       `json:"term"`
	Vote           string       `json:"vote"`
	Commit         uint64       `json:"commit"`
	Lead           string       `json:"lead"`
	RaftState      StateType    `json:"raftState"`
	Applied        uint64       `json:"applied"`
	Progress       progressJSON `json:"progress"`
	LeadTransferee string       `json:"leadtransferee"`
}

type memberJSON struct {
	Match uint64 `json:"match"`
	Next  uint64 `json:"next"`
	State string `json:"state"`
}

// progressJSON is an object with a member for each id, in numerical order: the
// encoder would sort "10" before "9".
type progressJSON map[uint64]tracker.Progress

func (p progressJSON) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, id := range slices.Sorted(maps.Keys(p)) {
		if i > 0 {
			buf.WriteByte(',')
		}
		pr := p[id]
		member, err := json.Marshal(memberJSON{Match: pr.Match, Next: pr.Next, State: pr.State.String()})
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&buf, "%q:%s", hexID(id), member)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

func hexID(id uint64) string { return strconv.FormatUint(id, 16) }

// MarshalJSON encodes the bytes that v3.6 encodes, except for the order of progress: programs
// compare them. Ids are strings of hexadecimal digits; progress is an object with a member per id,
// empty on a node that does not lead.
func (s Status) MarshalJSON() ([]byte, error) {
	return json.Marshal(statusJSON{
		ID:             hexID(s.ID),
		Term:           s.Term,
		Vote:           hexID(s.Vote),
		Commit:         s.Commit,
		Lead:           hexID(s.Lead),
		RaftState:      s.RaftState,
		Applied:        s.Applied,
		Progress:       s.Progress,
		LeadTransferee: hexID(s.LeadTransferee),
	})
}

// String returns the JSON form.
func (s Status) String() string {
	text, err := s.MarshalJSON()
	if err != nil {
		return "status cannot be encoded: " + err.Error()
	}
	return string(text)
}
