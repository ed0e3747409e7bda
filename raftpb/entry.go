package raftpb

// Entry is one entry of the log.
type Entry struct {
	// Term is the term of the leader that created the entry.
	Term uint64 `protobuf:"varint,2,opt,name=Term" json:"Term"`
	// Index is the entry's position in the log, from 1 on.
	Index uint64 `protobuf:"varint,3,opt,name=Index" json:"Index"`
	// Type says what Data is.
	Type EntryType `protobuf:"varint,1,opt,name=Type,enum=raftpb.EntryType" json:"Type"`
	// Data is the application's for a normal entry, and an encoded ConfChange or
	// ConfChangeV2 otherwise. A leader starts its term with an entry without data.
	Data []byte `protobuf:"bytes,4,opt,name=Data" json:"Data,omitempty"`
}

// Size returns the length of the encoding in bytes.
func (m *Entry) Size() int {
	n := sizeField(uint64(m.Type)) + sizeField(m.Term) + sizeField(m.Index)
	return n + sizeBytesField(m.Data)
}

func (m *Entry) put(b []byte, i int) int {
	i = putField(b, i, 0x08, uint64(m.Type))
	i = putField(b, i, 0x10, m.Term)
	i = putField(b, i, 0x18, m.Index)
	return putBytes(b, i, 0x22, m.Data)
}

// Unmarshal merges an encoded entry into m. Data is copied.
func (m *Entry) Unmarshal(b []byte) error {
	var data []byte
	if err := m.merge(reader{b: b, depth: maxDepth}, &data); err != nil {
		return err
	}
	if data != nil {
		m.Data = append(make([]byte, 0, len(data)), data...)
	}
	return nil
}

// merge decodes everything but the data, which it leaves in data as part of the input:
// not nil if the field is there.
func (m *Entry) merge(r reader, data *[]byte) error {
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		switch r.field {
		case 1:
			err = r.enum((*int32)(&m.Type))
		case 2:
			err = r.value(&m.Term)
		case 3:
			err = r.value(&m.Index)
		case 4:
			*data, err = r.bytes()
		default:
			err = r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// Reset makes m the zero entry.
func (m *Entry) Reset() { *m = Entry{} }

// Marshal returns the encoding.
func (m *Entry) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *Entry) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *Entry) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*Entry) ProtoMessage() {}
