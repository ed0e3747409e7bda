package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *Entry) Size() int {
	if m == nil {
		return 0
	}
	n := sizeField(uint64(m.Type)) + sizeField(m.Term) + sizeField(m.Index)
	if m.Data != nil {
		n += sizeEmbedded(len(m.Data))
	}
	return n
}

func (m *Entry) put(b []byte, i int) int {
	if m.Data != nil {
		end := i
		i -= len(m.Data)
		copy(b[i:end], m.Data)
		i = putField(b, i, 4<<3|wireBytes, uint64(len(m.Data)))
	}
	if isMiddle(m.Index) {
		i = putMiddle(b, i, 3<<3|wireVarint, m.Index)
	} else {
		i = putField(b, i, 3<<3|wireVarint, m.Index)
	}
	if uint64(m.Type)|m.Term < 0x80 {
		return putPair(b, i, 1<<3|wireVarint, uint64(m.Type), m.Term)
	}
	i = putField(b, i, 2<<3|wireVarint, m.Term)
	return putField(b, i, 1<<3|wireVarint, uint64(m.Type))
}

// Unmarshal merges an encoded entry into m. Data is copied.
func (m *Entry) Unmarshal(b []byte) error {
	kept := m.Data
	m.Data = nil
	err := m.merge(b)
	if m.Data = clone(m.Data); m.Data == nil {
		m.Data = kept
	}
	return err
}

// merge leaves Data, if the input has any, as part of the input. The caller copies it.
func (m *Entry) merge(b []byte) error {
	for i := m.mergeUsual(b); i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		switch tag {
		case 1<<3 | wireVarint:
			var v uint64
			v, i, err = uvarint(b, next)
			m.Type = EntryType(v)
		case 2<<3 | wireVarint:
			m.Term, i, err = uvarint(b, next)
		case 3<<3 | wireVarint:
			m.Index, i, err = uvarint(b, next)
		case 4<<3 | wireBytes:
			m.Data, i, err = span(b, next)
		default:
			i, err = skip(b, next, tag, 4)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeUsual reads the fields that are in order, as every encoder writes them. It returns the
// position of the first byte that it has not read.
func (m *Entry) mergeUsual(b []byte) int {
	typ := uint64(m.Type)
	i := inOrder(b, 0, "\x08\x10\x18", []*uint64{&typ, &m.Term, &m.Index})
	m.Type = EntryType(typ)
	if i == len(b) || b[i] != 4<<3|wireBytes {
		return i
	}
	n, at := quick(b, i+1)
	if at == 0 || n > uint64(len(b)-at) {
		return i
	}
	end := at + int(n)
	m.Data = b[at:end:end]
	return end
}

// Marshal returns the encoding.
func (m *Entry) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *Entry) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *Entry) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}
