package raftpb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ConfChange changes the membership of one node.
type ConfChange struct {
	Type    ConfChangeType `protobuf:"varint,2,opt,name=type,enum=raftpb.ConfChangeType" json:"type"`
	NodeID  uint64         `protobuf:"varint,3,opt,name=node_id,json=nodeId" json:"node_id"`
	Context []byte         `protobuf:"bytes,4,opt,name=context" json:"context,omitempty"`
	// ID is the application's, to tell one change from another.
	ID uint64 `protobuf:"varint,1,opt,name=id" json:"id"`
}

// Size returns the length of the encoding in bytes.
func (m *ConfChange) Size() int {
	return sizeField(m.ID) + sizeField(uint64(m.Type)) + sizeField(m.NodeID) + sizeBytesField(m.Context)
}

func (m *ConfChange) put(b []byte, i int) int {
	i = putField(b, i, 0x08, m.ID)
	i = putField(b, i, 0x10, uint64(m.Type))
	i = putField(b, i, 0x18, m.NodeID)
	return putBytes(b, i, 0x22, m.Context)
}

// Unmarshal merges an encoded change into m. Context is copied.
func (m *ConfChange) Unmarshal(b []byte) error {
	r := reader{b: b, depth: maxDepth}
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.value(&m.ID)
		case 2:
			err = r.enum((*int32)(&m.Type))
		case 3:
			err = r.value(&m.NodeID)
		case 4:
			err = r.copied(&m.Context)
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// ConfChangeSingle is one of the changes in a ConfChangeV2.
type ConfChangeSingle struct {
	Type   ConfChangeType `protobuf:"varint,1,opt,name=type,enum=raftpb.ConfChangeType" json:"type"`
	NodeID uint64         `protobuf:"varint,2,opt,name=node_id,json=nodeId" json:"node_id"`
}

// Size returns the length of the encoding in bytes.
func (m *ConfChangeSingle) Size() int { return sizeField(uint64(m.Type)) + sizeField(m.NodeID) }

func (m *ConfChangeSingle) put(b []byte, i int) int {
	i = putField(b, i, 0x08, uint64(m.Type))
	return putField(b, i, 0x10, m.NodeID)
}

// Unmarshal merges an encoded change into m.
func (m *ConfChangeSingle) Unmarshal(b []byte) error {
	return m.merge(reader{b: b, depth: maxDepth})
}

func (m *ConfChangeSingle) merge(r reader) error {
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.enum((*int32)(&m.Type))
		case 2:
			err = r.value(&m.NodeID)
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// ConfChangeV2 changes the membership of any number of nodes, through a joint
// configuration where that is needed or asked for (thesis §4.3). Without changes it leaves a joint
// configuration.
type ConfChangeV2 struct {
	Transition ConfChangeTransition `protobuf:"varint,1,opt,name=transition,enum=raftpb.ConfChangeTransition" json:"transition"`
	Changes    []ConfChangeSingle   `protobuf:"bytes,2,rep,name=changes" json:"changes"`
	Context    []byte               `protobuf:"bytes,3,opt,name=context" json:"context,omitempty"`
}

// Size returns the length of the encoding in bytes.
func (m *ConfChangeV2) Size() int {
	n := sizeField(uint64(m.Transition)) + sizeBytesField(m.Context)
	for i := range m.Changes {
		n += 1 + sizeBytes(m.Changes[i].Size())
	}
	return n
}

func (m *ConfChangeV2) put(b []byte, i int) int {
	i = putField(b, i, 0x08, uint64(m.Transition))
	for c := range m.Changes {
		i = putField(b, i, 0x12, uint64(m.Changes[c].Size()))
		i = m.Changes[c].put(b, i)
	}
	return putBytes(b, i, 0x1a, m.Context)
}

// Unmarshal merges an encoded change into m. Context is copied.
func (m *ConfChangeV2) Unmarshal(b []byte) error {
	r := reader{b: b, depth: maxDepth}
	changes, err := r.count(2)
	if err != nil {
		return err
	}
	if changes > 0 {
		m.Changes = slices.Grow(m.Changes, changes)
	}
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.enum((*int32)(&m.Transition))
		case 2:
			var in reader
			if in, err = r.inner(); err == nil {
				m.Changes = append(m.Changes, ConfChangeSingle{})
				err = m.Changes[len(m.Changes)-1].merge(in)
			}
		case 3:
			err = r.copied(&m.Context)
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// ConfChangeI is a configuration change in either of its forms.
type ConfChangeI interface {
	// AsV2 returns the change as a ConfChangeV2; every change has that form.
	AsV2() ConfChangeV2
	// AsV1 returns the change as a ConfChange, and whether it is one.
	AsV1() (ConfChange, bool)
}

// AsV1 returns c and true.
func (m ConfChange) AsV1() (ConfChange, bool) { return m, true }

// AsV2 returns the change as one of a single node. The ID is lost.
func (m ConfChange) AsV2() ConfChangeV2 {
	return ConfChangeV2{Changes: []ConfChangeSingle{{Type: m.Type, NodeID: m.NodeID}}, Context: m.Context}
}

// AsV1 returns false: the change was proposed in the newer form.
func (m ConfChangeV2) AsV1() (ConfChange, bool) { return ConfChange{}, false }

// AsV2 returns c.
func (m ConfChangeV2) AsV2() ConfChangeV2 { return m }

// EnterJoint reports in ok whether the change goes through a joint configuration:
// because it has more than one change or asks for it. autoLeave reports whether the joint
// configuration is then left without being asked.
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

// ErrUnknownChange is matched by what Validate returns.
var ErrUnknownChange = errors.New("raftpb: unknown kind of configuration change")

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
// 2, remove 3, update 4.
func ConfChangesFromString(s string) ([]ConfChangeSingle, error) {
	var changes []ConfChangeSingle
	for _, word := range strings.Fields(s) {
		t := strings.IndexByte(letters, word[0])
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

// ConfChangesToString is the inverse of ConfChangesFromString.
func ConfChangesToString(changes []ConfChangeSingle) string {
	words := make([]string, 0, len(changes))
	for _, c := range changes {
		letter := "?"
		if c.Type.known() {
			letter = letters[c.Type : c.Type+1]
		}
		words = append(words, letter+strconv.FormatUint(c.NodeID, 10))
	}
	return strings.Join(words, " ")
}

// Reset makes m the zero change.
func (m *ConfChange) Reset() { *m = ConfChange{} }

// Marshal returns the encoding.
func (m *ConfChange) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *ConfChange) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChange) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfChange) ProtoMessage() {}

// Reset makes m the zero change.
func (m *ConfChangeSingle) Reset() { *m = ConfChangeSingle{} }

// Marshal returns the encoding.
func (m *ConfChangeSingle) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *ConfChangeSingle) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChangeSingle) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfChangeSingle) ProtoMessage() {}

// Reset makes m the zero change.
func (m *ConfChangeV2) Reset() { *m = ConfChangeV2{} }

// Marshal returns the encoding.
func (m *ConfChangeV2) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *ConfChangeV2) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChangeV2) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfChangeV2) ProtoMessage() {}
