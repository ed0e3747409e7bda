package raftpb

// SnapshotMetadata says what a snapshot covers: everything up to the entry Term/Index,
// with the configuration that was active there.
type SnapshotMetadata struct {
	ConfState ConfState `protobuf:"bytes,1,opt,name=conf_state,json=confState" json:"conf_state"`
	Index     uint64    `protobuf:"varint,2,opt,name=index" json:"index"`
	Term      uint64    `protobuf:"varint,3,opt,name=term" json:"term"`
}

// Reset makes m the zero metadata.
func (m *SnapshotMetadata) Reset() { *m = SnapshotMetadata{} }

// String returns the compact protobuf text form.
func (m *SnapshotMetadata) String() string { return textOf(m, (*SnapshotMetadata).text) }

// ProtoMessage marks the type as a protobuf message.
func (*SnapshotMetadata) ProtoMessage() {}

// Snapshot is the state machine's state at a place in the log (thesis §5). Data is
// the application's; it may be a reference to a state that is kept elsewhere.
type Snapshot struct {
	Data     []byte           `protobuf:"bytes,1,opt,name=data" json:"data,omitempty"`
	Metadata SnapshotMetadata `protobuf:"bytes,2,opt,name=metadata" json:"metadata"`
}

// Reset makes m the zero snapshot.
func (m *Snapshot) Reset() { *m = Snapshot{} }

// String returns the compact protobuf text form.
func (m *Snapshot) String() string { return textOf(m, (*Snapshot).text) }

// ProtoMessage marks the type as a protobuf message.
func (*Snapshot) ProtoMessage() {}
