package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *SnapshotMetadata) Size() int {
	if m == nil {
		return 0
	}
	return sizeEmbedded(m.ConfState.Size()) + sizeField(m.Index) + sizeField(m.Term)
}

func (m *SnapshotMetadata) put(b []byte, i int) int {
	i = putField(b, i, 3<<3|wireVarint, m.Term)
	end := putField(b, i, 2<<3|wireVarint, m.Index)
	i = m.ConfState.put(b, end)
	return putField(b, i, 1<<3|wireBytes, uint64(end-i))
}

// Unmarshal merges encoded metadata into m.
func (m *SnapshotMetadata) Unmarshal(b []byte) error {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var in []byte
		switch tag {
		case 1<<3 | wireBytes:
			if in, i, err = span(b, next); err == nil {
				err = m.ConfState.Unmarshal(in)
			}
		case 2<<3 | wireVarint:
			m.Index, i, err = uvarint(b, next)
		case 3<<3 | wireVarint:
			m.Term, i, err = uvarint(b, next)
		default:
			i, err = skip(b, next, tag, 3)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Marshal returns the encoding.
func (m *SnapshotMetadata) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *SnapshotMetadata) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *SnapshotMetadata) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *Snapshot) Size() int {
	if m == nil {
		return 0
	}
	return sizeBytes(m.Data) + sizeEmbedded(m.Metadata.Size())
}

func (m *Snapshot) put(b []byte, end int) int {
	i := m.Metadata.put(b, end)
	i = putField(b, i, 2<<3|wireBytes, uint64(end-i))
	return putBytes(b, i, 1<<3|wireBytes, m.Data)
}

// Unmarshal merges an encoded snapshot into m. Data is copied.
func (m *Snapshot) Unmarshal(b []byte) error {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var in []byte
		switch tag {
		case 1<<3 | wireBytes:
			m.Data, i, err = copied(b, next)
		case 2<<3 | wireBytes:
			if in, i, err = span(b, next); err == nil {
				err = m.Metadata.Unmarshal(in)
			}
		default:
			i, err = skip(b, next, tag, 2)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Marshal returns the encoding.
func (m *Snapshot) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *Snapshot) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *Snapshot) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}
