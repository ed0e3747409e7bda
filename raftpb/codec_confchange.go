package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *ConfChange) Size() int {
	if m == nil {
		return 0
	}
	return sizeField(m.ID) + sizeField(uint64(m.Type)) + sizeField(m.NodeID) + sizeBytes(m.Context)
}

func (m *ConfChange) put(b []byte, i int) int {
	i = putBytes(b, i, 4<<3|wireBytes, m.Context)
	i = putField(b, i, 3<<3|wireVarint, m.NodeID)
	i = putField(b, i, 2<<3|wireVarint, uint64(m.Type))
	return putField(b, i, 1<<3|wireVarint, m.ID)
}

// Unmarshal merges an encoded change into m. Context is copied.
func (m *ConfChange) Unmarshal(b []byte) error {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var v uint64
		switch tag {
		case 1<<3 | wireVarint:
			m.ID, i, err = uvarint(b, next)
		case 2<<3 | wireVarint:
			v, i, err = uvarint(b, next)
			m.Type = ConfChangeType(v)
		case 3<<3 | wireVarint:
			m.NodeID, i, err = uvarint(b, next)
		case 4<<3 | wireBytes:
			m.Context, i, err = copied(b, next)
		default:
			i, err = skip(b, next, tag, 4)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Marshal returns the encoding.
func (m *ConfChange) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChange) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChange) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *ConfChangeSingle) Size() int {
	if m == nil {
		return 0
	}
	return sizeField(uint64(m.Type)) + sizeField(m.NodeID)
}

func (m *ConfChangeSingle) put(b []byte, i int) int {
	i = putField(b, i, 2<<3|wireVarint, m.NodeID)
	return putField(b, i, 1<<3|wireVarint, uint64(m.Type))
}

// Unmarshal merges an encoded change into m.
func (m *ConfChangeSingle) Unmarshal(b []byte) error {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var v uint64
		switch tag {
		case 1<<3 | wireVarint:
			v, i, err = uvarint(b, next)
			m.Type = ConfChangeType(v)
		case 2<<3 | wireVarint:
			m.NodeID, i, err = uvarint(b, next)
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
func (m *ConfChangeSingle) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChangeSingle) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChangeSingle) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *ConfChangeV2) Size() int {
	if m == nil {
		return 0
	}
	n := sizeField(uint64(m.Transition)) + sizeBytes(m.Context)
	for i := range m.Changes {
		n += sizeEmbedded(m.Changes[i].Size())
	}
	return n
}

func (m *ConfChangeV2) put(b []byte, i int) int {
	i = putBytes(b, i, 3<<3|wireBytes, m.Context)
	for c := len(m.Changes) - 1; c >= 0; c-- {
		end := i
		i = m.Changes[c].put(b, end)
		i = putField(b, i, 2<<3|wireBytes, uint64(end-i))
	}
	return putField(b, i, 1<<3|wireVarint, uint64(m.Transition))
}

// Unmarshal merges an encoded change into m. Context is copied.
func (m *ConfChangeV2) Unmarshal(b []byte) error {
	changes, err := m.countChanges(b)
	if err != nil {
		return err
	}
	m.Changes = room(m.Changes, changes)
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var v uint64
		var in []byte
		switch tag {
		case 1<<3 | wireVarint:
			v, i, err = uvarint(b, next)
			m.Transition = ConfChangeTransition(v)
		case 2<<3 | wireBytes:
			m.Changes = append(m.Changes, ConfChangeSingle{})
			if in, i, err = span(b, next); err == nil {
				err = m.Changes[len(m.Changes)-1].Unmarshal(in)
			}
		case 3<<3 | wireBytes:
			m.Context, i, err = copied(b, next)
		default:
			i, err = skip(b, next, tag, 3)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// countChanges makes a first pass, so that Changes is allocated once.
func (*ConfChangeV2) countChanges(b []byte) (n int, err error) {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err == nil {
			i, err = skip(b, next, tag, 0)
		}
		if err != nil {
			return 0, err
		}
		if tag == 2<<3|wireBytes {
			n++
		}
	}
	return n, nil
}

// Marshal returns the encoding.
func (m *ConfChangeV2) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChangeV2) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfChangeV2) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}
