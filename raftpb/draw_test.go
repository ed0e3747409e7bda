package raftpb

import (
	"math"

	"pgregory.net/rapid"
)

// Generators of every type. Slices are nil or have members, except for bytes, where
// empty and nil are different on the wire.

func drawNumber(t *rapid.T) uint64 {
	return rapid.OneOf(rapid.Uint64Range(0, 300), rapid.Uint64(), rapid.Just(uint64(math.MaxUint64))).Draw(t, "number")
}

func drawBytes(t *rapid.T) []byte {
	if rapid.Bool().Draw(t, "nil") {
		return nil
	}
	return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")...)
}

func drawEnum(t *rapid.T) int32 {
	return rapid.OneOf(rapid.Int32Range(0, 25), rapid.Int32()).Draw(t, "enum")
}

func drawIDs(t *rapid.T) []uint64 {
	var ids []uint64
	for n := rapid.IntRange(0, 4).Draw(t, "ids"); n > 0; n-- {
		ids = append(ids, drawNumber(t))
	}
	return ids
}

func drawEntry(t *rapid.T) Entry {
	return Entry{Type: EntryType(drawEnum(t)), Term: drawNumber(t), Index: drawNumber(t), Data: drawBytes(t)}
}

func drawHardState(t *rapid.T) HardState {
	return HardState{Term: drawNumber(t), Vote: drawNumber(t), Commit: drawNumber(t)}
}

func drawConfState(t *rapid.T) ConfState {
	return ConfState{
		Voters: drawIDs(t), Learners: drawIDs(t), VotersOutgoing: drawIDs(t), LearnersNext: drawIDs(t),
		AutoLeave: rapid.Bool().Draw(t, "auto leave"),
	}
}

func drawMetadata(t *rapid.T) SnapshotMetadata {
	return SnapshotMetadata{ConfState: drawConfState(t), Index: drawNumber(t), Term: drawNumber(t)}
}

func drawSnapshot(t *rapid.T) Snapshot {
	return Snapshot{Data: drawBytes(t), Metadata: drawMetadata(t)}
}

func drawMessage(t *rapid.T) Message { return drawNested(t, 2) }

func drawNested(t *rapid.T, depth int) Message {
	m := Message{
		Type: MessageType(drawEnum(t)), To: drawNumber(t), From: drawNumber(t), Term: drawNumber(t), LogTerm: drawNumber(t),
		Index: drawNumber(t), Commit: drawNumber(t), Vote: drawNumber(t), Reject: rapid.Bool().Draw(t, "reject"),
		RejectHint: drawNumber(t), Context: drawBytes(t),
	}
	for n := rapid.IntRange(0, 5).Draw(t, "entries"); n > 0; n-- {
		m.Entries = append(m.Entries, drawEntry(t))
	}
	if rapid.Bool().Draw(t, "snapshot") {
		s := drawSnapshot(t)
		m.Snapshot = &s
	}
	if depth > 0 {
		for n := rapid.IntRange(0, 2).Draw(t, "responses"); n > 0; n-- {
			m.Responses = append(m.Responses, drawNested(t, depth-1))
		}
	}
	return m
}

func drawConfChange(t *rapid.T) ConfChange {
	return ConfChange{ID: drawNumber(t), Type: ConfChangeType(drawEnum(t)), NodeID: drawNumber(t), Context: drawBytes(t)}
}

func drawConfChangeSingle(t *rapid.T) ConfChangeSingle {
	return ConfChangeSingle{Type: ConfChangeType(drawEnum(t)), NodeID: drawNumber(t)}
}

func drawConfChangeV2(t *rapid.T) ConfChangeV2 {
	c := ConfChangeV2{Transition: ConfChangeTransition(drawEnum(t)), Context: drawBytes(t)}
	for n := rapid.IntRange(0, 4).Draw(t, "changes"); n > 0; n-- {
		c.Changes = append(c.Changes, drawConfChangeSingle(t))
	}
	return c
}
