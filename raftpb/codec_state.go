package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *HardState) Size() int {
	if m == nil {
		return 0
	}
	return sizeField(m.Term) + sizeField(m.Vote) + sizeField(m.Commit)
}

func (m *HardState) put(b []byte, i int) int {
	i = putField(b, i, 3<<3|wireVarint, m.Commit)
	i = putField(b, i, 2<<3|wireVarint, m.Vote)
	return putField(b, i, 1<<3|wireVarint, m.Term)
}

// Unmarshal merges an encoded hard state into m.
func (m *HardState) Unmarshal(b []byte) error {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		switch tag {
		case 1<<3 | wireVarint:
			m.Term, i, err = uvarint(b, next)
		case 2<<3 | wireVarint:
			m.Vote, i, err = uvarint(b, next)
		case 3<<3 | wireVarint:
			m.Commit, i, err = uvarint(b, next)
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
func (m *HardState) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *HardState) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *HardState) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *ConfState) Size() int {
	if m == nil {
		return 0
	}
	return sizeIDs(m.Voters) + sizeIDs(m.Learners) + sizeIDs(m.VotersOutgoing) + sizeIDs(m.LearnersNext) + 2
}

func (m *ConfState) put(b []byte, i int) int {
	i = putShort(b, i, 5<<3|wireVarint, number(m.AutoLeave))
	i = putIDs(b, i, 4<<3|wireVarint, m.LearnersNext)
	i = putIDs(b, i, 3<<3|wireVarint, m.VotersOutgoing)
	i = putIDs(b, i, 2<<3|wireVarint, m.Learners)
	return putIDs(b, i, 1<<3|wireVarint, m.Voters)
}

func sizeIDs(ids []uint64) int {
	n := 0
	for _, id := range ids {
		n += sizeField(id)
	}
	return n
}

// putIDs writes a field for each id: the packed form would be shorter, but is not the one
// in use.
func putIDs(b []byte, i int, tag byte, ids []uint64) int {
	for k := len(ids) - 1; k >= 0; k-- {
		i = putField(b, i, tag, ids[k])
	}
	return i
}

// Unmarshal merges an encoded configuration into m.
func (m *ConfState) Unmarshal(b []byte) error {
	for i := 0; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var v uint64
		switch tag {
		case 1<<3 | wireVarint, 1<<3 | wireBytes:
			m.Voters, i, err = mergeIDs(m.Voters, b, next, tag)
		case 2<<3 | wireVarint, 2<<3 | wireBytes:
			m.Learners, i, err = mergeIDs(m.Learners, b, next, tag)
		case 3<<3 | wireVarint, 3<<3 | wireBytes:
			m.VotersOutgoing, i, err = mergeIDs(m.VotersOutgoing, b, next, tag)
		case 4<<3 | wireVarint, 4<<3 | wireBytes:
			m.LearnersNext, i, err = mergeIDs(m.LearnersNext, b, next, tag)
		case 5<<3 | wireVarint:
			v, i, err = uvarint(b, next)
			m.AutoLeave = v != 0
		default:
			i, err = skip(b, next, tag, 5)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeIDs appends the field at i, one id or packed ones, to ids.
func mergeIDs(ids []uint64, b []byte, i int, tag uint64) (_ []uint64, next int, err error) {
	if tag&7 == wireBytes {
		in, next, err := span(b, i)
		if err == nil {
			ids, err = unpack(ids, in)
		}
		return ids, next, err
	}
	_, next, err = uvarint(b, i)
	if err == nil {
		ids, err = unpack(ids, b[i:next])
	}
	return ids, next, err
}

// Marshal returns the encoding.
func (m *ConfState) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *ConfState) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *ConfState) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}
