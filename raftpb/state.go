package raftpb

// HardState is what a node must have on disk before it answers anybody (thesis
// Figure 3.1): term and vote are one unit. Commit saves time at a restart.
type HardState struct {
	Term   uint64 `protobuf:"varint,1,opt,name=term" json:"term"`
	Vote   uint64 `protobuf:"varint,2,opt,name=vote" json:"vote"`
	Commit uint64 `protobuf:"varint,3,opt,name=commit" json:"commit"`
}

// Size returns the length of the encoding in bytes.
func (m *HardState) Size() int {
	return sizeField(m.Term) + sizeField(m.Vote) + sizeField(m.Commit)
}

func (m *HardState) put(b []byte, i int) int {
	i = putField(b, i, 0x08, m.Term)
	i = putField(b, i, 0x10, m.Vote)
	return putField(b, i, 0x18, m.Commit)
}

// Unmarshal merges an encoded hard state into m.
func (m *HardState) Unmarshal(b []byte) error {
	r := reader{b: b, depth: maxDepth}
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.value(&m.Term)
		case 2:
			err = r.value(&m.Vote)
		case 3:
			err = r.value(&m.Commit)
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// ConfState is a configuration: who votes, who learns. In a joint configuration
// (thesis §4.3) Voters is the incoming half and VotersOutgoing the outgoing one.
type ConfState struct {
	Voters   []uint64 `protobuf:"varint,1,rep,name=voters" json:"voters,omitempty"`
	Learners []uint64 `protobuf:"varint,2,rep,name=learners" json:"learners,omitempty"`
	// VotersOutgoing is empty unless the configuration is joint.
	VotersOutgoing []uint64 `protobuf:"varint,3,rep,name=voters_outgoing,json=votersOutgoing" json:"voters_outgoing,omitempty"`
	// LearnersNext are outgoing voters that become learners when the joint
	// configuration is left.
	LearnersNext []uint64 `protobuf:"varint,4,rep,name=learners_next,json=learnersNext" json:"learners_next,omitempty"`
	// AutoLeave: the leader leaves the joint configuration by itself.
	AutoLeave bool `protobuf:"varint,5,opt,name=auto_leave,json=autoLeave" json:"auto_leave"`
}

// Size returns the length of the encoding in bytes.
func (m *ConfState) Size() int {
	n := 2 // auto_leave
	for _, ids := range [...][]uint64{m.Voters, m.Learners, m.VotersOutgoing, m.LearnersNext} {
		for _, id := range ids {
			n += sizeField(id)
		}
	}
	return n
}

func (m *ConfState) put(b []byte, i int) int {
	for tag, ids := range [...][]uint64{m.Voters, m.Learners, m.VotersOutgoing, m.LearnersNext} {
		for _, id := range ids {
			i = putField(b, i, byte(tag+1)<<3, id)
		}
	}
	return putBool(b, i, 0x28, m.AutoLeave)
}

// Unmarshal merges an encoded configuration into m.
func (m *ConfState) Unmarshal(b []byte) error {
	return m.merge(reader{b: b, depth: maxDepth})
}

func (m *ConfState) merge(r reader) error {
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.values(&m.Voters)
		case 2:
			err = r.values(&m.Learners)
		case 3:
			err = r.values(&m.VotersOutgoing)
		case 4:
			err = r.values(&m.LearnersNext)
		case 5:
			err = r.bool(&m.AutoLeave)
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// Reset makes m the zero hard state.
func (m *HardState) Reset() { *m = HardState{} }

// Marshal returns the encoding.
func (m *HardState) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *HardState) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *HardState) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*HardState) ProtoMessage() {}

// Reset makes m the zero configuration.
func (m *ConfState) Reset() { *m = ConfState{} }

// Marshal returns the encoding.
func (m *ConfState) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *ConfState) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfState) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfState) ProtoMessage() {}
