package raftpb

// SnapshotMetadata says what a snapshot covers: everything up to the entry Term/Index,
// with the configuration that was active there.
type SnapshotMetadata struct {
	ConfState ConfState `protobuf:"bytes,1,opt,name=conf_state,json=confState" json:"conf_state"`
	Index     uint64    `protobuf:"varint,2,opt,name=index" json:"index"`
	Term      uint64    `protobuf:"varint,3,opt,name=term" json:"term"`
}

// Size returns the length of the encoding in bytes.
func (m *SnapshotMetadata) Size() int {
	return 1 + sizeBytes(m.ConfState.Size()) + sizeField(m.Index) + sizeField(m.Term)
}

func (m *SnapshotMetadata) put(b []byte, i int) int {
	i = putField(b, i, 0x0a, uint64(m.ConfState.Size()))
	i = m.ConfState.put(b, i)
	i = putField(b, i, 0x10, m.Index)
	return putField(b, i, 0x18, m.Term)
}

// Unmarshal merges encoded metadata into m.
func (m *SnapshotMetadata) Unmarshal(b []byte) error {
	return m.merge(reader{b: b, depth: maxDepth})
}

func (m *SnapshotMetadata) merge(r reader) error {
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			var in reader
			if in, err = r.inner(); err == nil {
				err = m.ConfState.merge(in)
			}
		case 2:
			err = r.value(&m.Index)
		case 3:
			err = r.value(&m.Term)
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// Snapshot is the state machine's state at a place in the log (thesis §5). Data is
// the application's; it may be a reference to a state that is kept elsewhere.
type Snapshot struct {
	Data     []byte           `protobuf:"bytes,1,opt,name=data" json:"data,omitempty"`
	Metadata SnapshotMetadata `protobuf:"bytes,2,opt,name=metadata" json:"metadata"`
}

// Size returns the length of the encoding in bytes.
func (m *Snapshot) Size() int {
	return sizeBytesField(m.Data) + 1 + sizeBytes(m.Metadata.Size())
}

func (m *Snapshot) put(b []byte, i int) int {
	i = putBytes(b, i, 0x0a, m.Data)
	i = putField(b, i, 0x12, uint64(m.Metadata.Size()))
	return m.Metadata.put(b, i)
}

// Unmarshal merges an encoded snapshot into m. Data is copied.
func (m *Snapshot) Unmarshal(b []byte) error {
	return m.merge(reader{b: b, depth: maxDepth})
}

func (m *Snapshot) merge(r reader) error {
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.copied(&m.Data)
		case 2:
			var in reader
			if in, err = r.inner(); err == nil {
				err = m.Metadata.merge(in)
			}
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// Reset makes m the zero metadata.
func (m *SnapshotMetadata) Reset() { *m = SnapshotMetadata{} }

// Marshal returns the encoding.
func (m *SnapshotMetadata) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *SnapshotMetadata) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *SnapshotMetadata) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*SnapshotMetadata) ProtoMessage() {}

// Reset makes m the zero snapshot.
func (m *Snapshot) Reset() { *m = Snapshot{} }

// Marshal returns the encoding.
func (m *Snapshot) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *Snapshot) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *Snapshot) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*Snapshot) ProtoMessage() {}
