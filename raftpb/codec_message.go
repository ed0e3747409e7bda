package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *Message) Size() int {
	if m == nil {
		return 0
	}
	// Ten fields are numbers, and most numbers take one byte.
	n := 18 + sizeUvarint(m.Index) + sizeUvarint(m.Commit) + sizeBytes(m.Context)
	if uint64(m.Type)|m.To|m.From|m.Term|m.LogTerm|m.RejectHint|m.Vote >= 0x80 {
		n += sizeUvarint(uint64(m.Type)) + sizeUvarint(m.To) + sizeUvarint(m.From) + sizeUvarint(m.Term) + sizeUvarint(m.LogTerm) +
			sizeUvarint(m.RejectHint) + sizeUvarint(m.Vote) - 7
	}
	for i := range m.Entries {
		n += sizeEmbedded(m.Entries[i].Size())
	}
	if m.Snapshot != nil {
		n += sizeEmbedded(m.Snapshot.Size())
	}
	for i := range m.Responses {
		n += sizeEmbedded(m.Responses[i].Size())
	}
	return n
}

// put writes numbers of the usual lengths with inlined functions. Small messages consist of them.
func (m *Message) put(b []byte, i int) int {
	for r := len(m.Responses) - 1; r >= 0; r-- {
		end := i
		i = m.Responses[r].put(b, end)
		i = putField(b, i, responseTag, uint64(end-i))
	}
	if m.Vote < 0x80 {
		i = putShort(b, i, 13<<3|wireVarint, m.Vote)
	} else {
		i = putField(b, i, 13<<3|wireVarint, m.Vote)
	}
	i = putBytes(b, i, 12<<3|wireBytes, m.Context)
	if m.RejectHint < 0x80 {
		i = putPair(b, i, 10<<3|wireVarint, number(m.Reject), m.RejectHint)
	} else {
		i = putField(b, i, 11<<3|wireVarint, m.RejectHint)
		i = putShort(b, i, 10<<3|wireVarint, number(m.Reject))
	}
	if m.Snapshot != nil {
		end := i
		i = m.Snapshot.put(b, end)
		i = putField(b, i, 9<<3|wireBytes, uint64(end-i))
	}
	if isMiddle(m.Commit) {
		i = putMiddle(b, i, 8<<3|wireVarint, m.Commit)
	} else {
		i = putField(b, i, 8<<3|wireVarint, m.Commit)
	}
	for e := len(m.Entries) - 1; e >= 0; e-- {
		end := i
		i = m.Entries[e].put(b, end)
		i = putField(b, i, entryTag, uint64(end-i))
	}
	if isMiddle(m.Index) {
		i = putMiddle(b, i, 6<<3|wireVarint, m.Index)
	} else {
		i = putField(b, i, 6<<3|wireVarint, m.Index)
	}
	if m.Term|m.LogTerm < 0x80 {
		i = putPair(b, i, 4<<3|wireVarint, m.Term, m.LogTerm)
	} else {
		i = putField(b, i, 5<<3|wireVarint, m.LogTerm)
		i = putField(b, i, 4<<3|wireVarint, m.Term)
	}
	if m.To|m.From < 0x80 {
		i = putPair(b, i, 2<<3|wireVarint, m.To, m.From)
	} else {
		i = putField(b, i, 3<<3|wireVarint, m.From)
		i = putField(b, i, 2<<3|wireVarint, m.To)
	}
	return putField(b, i, 1<<3|wireVarint, uint64(m.Type))
}

// Unmarshal merges an encoded message into m. Everything is copied. Entries of less than 512 bytes
// share arrays of at most 4096 bytes, others have their own. No entry has room to spare.
func (m *Message) Unmarshal(b []byte) error {
	lim := limits{depth: MaxNesting, budget: structBase + structFactor*len(b)}
	return m.merge(b, &lim)
}

// merge makes two passes. The first decodes every field but the lists, which it measures. The
// second allocates once for each list, and decodes them.
func (m *Message) merge(b []byte, lim *limits) error {
	var found lists
	err := m.mergeFields(b, &found, lim)
	if found.end == 0 {
		return err
	}
	// After an error, too, m has what was decoded before it.
	if listErr := m.mergeLists(b[:found.end], &found, lim); err == nil {
		err = listErr
	}
	return err
}

// Tags of the repeated fields.
const (
	entryTag    = 7<<3 | wireBytes
	responseTag = 14<<3 | wireBytes
)

// lists is what the first pass found of the repeated fields.
type lists struct {
	start, end         int // where the first begins, and where the last ends
	entries, responses int // how many there are
	shared             int // length of the encoded entries whose data shares arrays
}

// add notes a repeated field.
func (l *lists) add(start, end int) {
	if l.end == 0 {
		l.start = start
	}
	l.end = end
}

// addEntry notes an entry whose encoding has n bytes.
func (l *lists) addEntry(start, end, n int) {
	l.add(start, end)
	l.entries++
	l.shared += sharedSize(n)
}

// mergeUsual reads the fields that are in order, as every encoder writes them, up to the first that
// messages between nodes seldom have. It returns the position of the first byte that it has not
// read.
func (m *Message) mergeUsual(b []byte, found *lists) int {
	typ, reject := uint64(m.Type), number(m.Reject)
	i := inOrder(b, 0, "\x08\x10\x18\x20\x28\x30", []*uint64{&typ, &m.To, &m.From, &m.Term, &m.LogTerm, &m.Index})
	for i < len(b) && b[i] == entryTag {
		n, at := quick(b, i+1)
		if at == 0 || n > uint64(len(b)-at) {
			break
		}
		start := i
		i = at + int(n)
		found.addEntry(start, i, int(n))
	}
	i = inOrder(b, i, "\x40\x50\x58\x68", []*uint64{&m.Commit, &reject, &m.RejectHint, &m.Vote})
	m.Type, m.Reject = MessageType(typ), reject != 0
	return i
}

// mergeFields decodes the fields that are not repeated.
func (m *Message) mergeFields(b []byte, found *lists, lim *limits) error {
	for i := m.mergeUsual(b, found); i < len(b); {
		start := i
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		var v uint64
		var in []byte
		switch tag {
		case 1<<3 | wireVarint:
			v, i, err = uvarint(b, next)
			m.Type = MessageType(v)
		case 2<<3 | wireVarint:
			m.To, i, err = uvarint(b, next)
		case 3<<3 | wireVarint:
			m.From, i, err = uvarint(b, next)
		case 4<<3 | wireVarint:
			m.Term, i, err = uvarint(b, next)
		case 5<<3 | wireVarint:
			m.LogTerm, i, err = uvarint(b, next)
		case 6<<3 | wireVarint:
			m.Index, i, err = uvarint(b, next)
		case entryTag:
			if in, i, err = span(b, next); err == nil {
				found.addEntry(start, i, len(in))
			}
		case 8<<3 | wireVarint:
			m.Commit, i, err = uvarint(b, next)
		case 9<<3 | wireBytes:
			i, err = m.mergeSnapshot(b, next, lim)
		case 10<<3 | wireVarint:
			v, i, err = uvarint(b, next)
			m.Reject = v != 0
		case 11<<3 | wireVarint:
			m.RejectHint, i, err = uvarint(b, next)
		case 12<<3 | wireBytes:
			m.Context, i, err = copied(b, next)
		case 13<<3 | wireVarint:
			m.Vote, i, err = uvarint(b, next)
		case responseTag:
			if _, i, err = span(b, next); err == nil {
				found.responses++
				found.add(start, i)
			}
		default:
			i, err = skip(b, next, tag, 14)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mergeLists decodes the fields that are repeated, and passes over the others.
func (m *Message) mergeLists(b []byte, found *lists, lim *limits) error {
	if found.responses > 0 && lim.depth == 0 {
		return ErrNesting
	}
	if err := lim.spend(found.entries, entryCost); err != nil {
		return err
	}
	if err := lim.spend(found.responses, messageCost); err != nil {
		return err
	}
	m.Entries = room(m.Entries, found.entries)
	m.Responses = room(m.Responses, found.responses)
	data := dataCopies{left: found.shared}
	for i := found.start; i < len(b); {
		tag, next, err := readTag(b, i)
		if err != nil {
			return err
		}
		switch tag {
		case entryTag:
			n, at := quick(b, next)
			if at == 0 {
				n, at, _ = uvarint(b, next)
			}
			i = at + int(n)
			m.Entries = append(m.Entries, Entry{})
			e := &m.Entries[len(m.Entries)-1]
			err = e.merge(b[at:i:i])
			e.Data = data.own(e.Data, int(n)) // after an error, too, m must not refer to the input
		case responseTag:
			i, err = m.mergeResponse(b, next, lim)
		default:
			i, err = skip(b, next, tag, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Message) mergeSnapshot(b []byte, i int, lim *limits) (next int, err error) {
	in, next, err := span(b, i)
	if err != nil {
		return next, err
	}
	if m.Snapshot == nil {
		if err := lim.spend(1, snapshotCost); err != nil {
			return next, err
		}
		m.Snapshot = &Snapshot{}
	}
	return next, m.Snapshot.Unmarshal(in)
}

func (m *Message) mergeResponse(b []byte, i int, lim *limits) (next int, err error) {
	in, next, err := span(b, i)
	if err != nil {
		return next, err
	}
	m.Responses = append(m.Responses, Message{})
	lim.depth--
	err = m.Responses[len(m.Responses)-1].merge(in, lim)
	lim.depth++
	return next, err
}

// Marshal returns the encoding.
func (m *Message) Marshal() ([]byte, error) {
	b := make([]byte, m.Size())
	m.put(b, len(b))
	return b, nil
}

// MarshalTo writes the encoding at the start of b, up to its capacity, and returns its length.
// A buffer that is too short gives io.ErrShortBuffer.
func (m *Message) MarshalTo(b []byte) (int, error) {
	b = b[:cap(b)]
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, n)
	}
	return n, err
}

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *Message) MarshalToSizedBuffer(b []byte) (int, error) {
	n, err := fits(m.Size(), b)
	if err == nil {
		m.put(b, len(b))
	}
	return n, err
}
