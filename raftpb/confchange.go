package raftpb

import (
	"fmt"
	"strconv"
	"strings"
)

// ConfChange changes the membership of one node (thesis §4.1).
type ConfChange struct {
	Type   ConfChangeType `protobuf:"varint,2,opt,name=type,enum=raftpb.ConfChangeType" json:"type"`
	NodeID uint64         `protobuf:"varint,3,opt,name=node_id,json=nodeId" json:"node_id"`
	// Context is the application's; the library hands it on.
	Context []byte `protobuf:"bytes,4,opt,name=context" json:"context,omitempty"`
	// ID is the application's, to tell one change from another.
	ID uint64 `protobuf:"varint,1,opt,name=id" json:"id"`
}

// Reset makes m the zero change.
func (m *ConfChange) Reset() { *m = ConfChange{} }

// String returns the compact protobuf text form.
func (m *ConfChange) String() string { return textOf(m, (*ConfChange).text) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfChange) ProtoMessage() {}

// ConfChangeSingle is one of the changes in a ConfChangeV2.
type ConfChangeSingle struct {
	Type   ConfChangeType `protobuf:"varint,1,opt,name=type,enum=raftpb.ConfChangeType" json:"type"`
	NodeID uint64         `protobuf:"varint,2,opt,name=node_id,json=nodeId" json:"node_id"`
}

// Reset makes m the zero change.
func (m *ConfChangeSingle) Reset() { *m = ConfChangeSingle{} }

// String returns the compact protobuf text form.
func (m *ConfChangeSingle) String() string { return textOf(m, (*ConfChangeSingle).text) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfChangeSingle) ProtoMessage() {}

// ConfChangeV2 changes the membership of any number of nodes, through a joint
// configuration where that is needed or asked for (thesis §4.3). Without changes it
// leaves a joint configuration.
type ConfChangeV2 struct {
	Transition ConfChangeTransition `protobuf:"varint,1,opt,name=transition,enum=raftpb.ConfChangeTransition" json:"transition"`
	Changes    []ConfChangeSingle   `protobuf:"bytes,2,rep,name=changes" json:"changes"`
	// Context is the application's; the library hands it on.
	Context []byte `protobuf:"bytes,3,opt,name=context" json:"context,omitempty"`
}

// Reset makes m the zero change.
func (m *ConfChangeV2) Reset() { *m = ConfChangeV2{} }

// String returns the compact protobuf text form.
func (m *ConfChangeV2) String() string { return textOf(m, (*ConfChangeV2).text) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfChangeV2) ProtoMessage() {}

// ConfChangeI is a configuration change in either of its forms.
type ConfChangeI interface {
	// AsV2 returns the change as a ConfChangeV2; every change has that form.
	AsV2() ConfChangeV2
	// AsV1 returns the change as a ConfChange, and whether it is one.
	AsV1() (ConfChange, bool)
}

// AsV1 returns m and true.
func (m ConfChange) AsV1() (ConfChange, bool) { return m, true }

// AsV2 returns the change as one of a single node. The ID is lost.
func (m ConfChange) AsV2() ConfChangeV2 {
	return ConfChangeV2{Changes: []ConfChangeSingle{{Type: m.Type, NodeID: m.NodeID}}, Context: m.Context}
}

// AsV1 returns false: the change was proposed in the newer form.
func (m ConfChangeV2) AsV1() (ConfChange, bool) { return ConfChange{}, false }

// AsV2 returns m.
func (m ConfChangeV2) AsV2() ConfChangeV2 { return m }

// EnterJoint reports in ok whether the change goes through a joint configuration:
// because it has more than one change or asks for it. autoLeave reports whether the joint
// configuration is then left without being asked. A transition that Validate would
// refuse counts as one that asks for it.
func (m ConfChangeV2) EnterJoint() (autoLeave bool, ok bool) {
	if m.Transition == ConfChangeTransitionAuto && len(m.Changes) <= 1 {
		return false, false
	}
	return m.Transition != ConfChangeTransitionJointExplicit, true
}

// LeaveJoint reports whether the change leaves a joint configuration: it is empty but
// for its context.
func (m ConfChangeV2) LeaveJoint() bool {
	return m.Transition == ConfChangeTransitionAuto && len(m.Changes) == 0
}

func (x ConfChangeType) known() bool {
	return x >= ConfChangeAddNode && x <= ConfChangeAddLearnerNode
}

// Validate returns an error matching ErrUnknownChange if the type is none that this
// package knows.
func (m ConfChange) Validate() error {
	if !m.Type.known() {
		return fmt.Errorf("%w: type %d of node %d", ErrUnknownChange, int32(m.Type), m.NodeID)
	}
	return nil
}

// Validate returns an error matching ErrUnknownChange if the transition or the type
// of a change is none that this package knows.
func (m ConfChangeV2) Validate() error {
	if m.Transition < ConfChangeTransitionAuto || m.Transition > ConfChangeTransitionJointExplicit {
		return fmt.Errorf("%w: transition %d", ErrUnknownChange, int32(m.Transition))
	}
	for _, c := range m.Changes {
		if !c.Type.known() {
			return fmt.Errorf("%w: type %d of node %d", ErrUnknownChange, int32(c.Type), c.NodeID)
		}
	}
	return nil
}

// MarshalConfChange encodes a change in its own form, and returns the entry type that goes
// with it. nil is an empty ConfChangeV2.
func MarshalConfChange(c ConfChangeI) (EntryType, []byte, error) {
	if c == nil {
		return EntryConfChangeV2, nil, nil
	}
	if v1, ok := c.AsV1(); ok {
		data, err := v1.Marshal()
		return EntryConfChange, data, err
	}
	v2 := c.AsV2()
	data, err := v2.Marshal()
	return EntryConfChangeV2, data, err
}

// letters are the changes in the short text form.
const letters = "vrul" // by ConfChangeType

// ConfChangesFromString reads changes such as "v1 l2 r3 u4": add voter 1, add learner
// 2, remove 3, update 4. One space separates two changes.
func ConfChangesFromString(s string) ([]ConfChangeSingle, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	var changes []ConfChangeSingle
	for word := range strings.SplitSeq(s, " ") {
		t := -1
		if word != "" {
			t = strings.IndexByte(letters, word[0])
		}
		if t < 0 {
			return nil, fmt.Errorf("raftpb: %q is not one of v, l, r, u with a node id", word)
		}
		id, err := strconv.ParseUint(word[1:], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("raftpb: node id in %q: %w", word, err)
		}
		changes = append(changes, ConfChangeSingle{Type: ConfChangeType(t), NodeID: id})
	}
	return changes, nil
}

// ConfChangesToString is the inverse of ConfChangesFromString. A type that this package does not
// know is written as "unknown".
func ConfChangesToString(changes []ConfChangeSingle) string {
	words := make([]string, 0, len(changes))
	for _, c := range changes {
		letter := "unknown"
		if c.Type.known() {
			letter = letters[c.Type : c.Type+1]
		}
		words = append(words, letter+strconv.FormatUint(c.NodeID, 10))
	}
	return strings.Join(words, " ")
}
