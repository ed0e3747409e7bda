package raftpb

// HardState is what a node must have on disk before it answers anybody (thesis
// Figure 3.1): term and vote are one unit. Commit saves time at a restart.
type HardState struct {
	// Term is the latest term the node knows of.
	Term uint64 `protobuf:"varint,1,opt,name=term" json:"term"`
	// Vote is the candidate that got the node's vote in Term, 0 for none.
	Vote uint64 `protobuf:"varint,2,opt,name=vote" json:"vote"`
	// Commit is the highest index the node knows to be committed.
	Commit uint64 `protobuf:"varint,3,opt,name=commit" json:"commit"`
}

// Reset makes m the zero hard state.
func (m *HardState) Reset() { *m = HardState{} }

// String returns the compact protobuf text form.
func (m *HardState) String() string { return textOf(m, (*HardState).text) }

// ProtoMessage marks the type as a protobuf message.
func (*HardState) ProtoMessage() {}

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

// Reset makes m the zero configuration.
func (m *ConfState) Reset() { *m = ConfState{} }

// String returns the compact protobuf text form.
func (m *ConfState) String() string { return textOf(m, (*ConfState).text) }

// ProtoMessage marks the type as a protobuf message.
func (*ConfState) ProtoMessage() {}
