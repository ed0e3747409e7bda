package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *Entry) Size() int {
	if m == nil {
		return 0
	}
	return sizeField(uint64(m.Type)) + sizeField(m.Term) + sizeField(m.Index) + sizeBytes(m.Data)
}

// put is putField four times, spelled out so that it is inlined: entries are most of
// what is encoded.
func (m *Entry) put(b []byte, i int) int {
	if m.Data != nil {
		i -= len(m.Data)
		copy(b[i:], m.Data)
		i = putUvarint(b, i, uint64(len(m.Data))) - 1
		b[i] = 4<<3 | wireBytes
	}
	i = putUvarint(b, i, m.Index) - 1
	b[i] = 3<<3 | wireVarint
	i = putUvarint(b, i, m.Term) - 1
	b[i] = 2<<3 | wireVarint
	i = putUvarint(b, i, uint64(m.Type)) - 1
	b[i] = 1<<3 | wireVarint
	return i
}

// Unmarshal merges an encoded entry into m. Data is copied.
func (m *Entry) Unmarshal(b []byte) error {
	kept := m.Data
	m.Data = nil
	err := m.merge(b)
	if m.Data != nil {
		m.Data = append(make([]byte, 0, len(m.Data)), m.Data...)
	} else {
		m.Data = kept
	}
	return err
}

// merge leaves Data, if the input has any, as part of the input: whoever decodes many entries
// copies the data of all of them at once.
func (m *Entry) merge(b []byte) error {
	for i := m.mergeUsual(b); i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		// Every known field begins with a number.
		var v uint64
		if next < len(b) && b[next] < 0x80 {
			v, i = uint64(b[next]), next+1
		} else {
			v, i, err = uvarint(b, next)
		}
		switch tag {
		case 1<<3 | wireVarint:
			m.Type = EntryType(v)
		case 2<<3 | wireVarint:
			m.Term = v
		case 3<<3 | wireVarint:
			m.Index = v
		case 4<<3 | wireBytes:
			if err == nil {
				m.Data, i, err = cut(b, i, v)
			}
		default:
			i, err = skip(b, next, tag, 4)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeUsual reads what everybody writes, the fields in their order, and returns the position behind what it has
// read: 0 if this is something else, and merge has to look at every tag.
func (m *Entry) mergeUsual(b []byte) int {
	if len(b) < 4 || b[0] != 1<<3|wireVarint || b[1] >= 0x80 || b[2] != 2<<3|wireVarint {
		return 0
	}
	term, i := quick(b, 3)
	if i == 0 || i == len(b) || b[i] != 3<<3|wireVarint {
		return 0
	}
	index, i, err := uvarint(b, i+1)
	if err != nil {
		return 0
	}
	m.Type, m.Term, m.Index = EntryType(b[1]), term, index
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
