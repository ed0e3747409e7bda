package raftpb

// Size returns the length of the encoding in bytes, 0 for a nil message.
func (m *Message) Size() int {
	if m == nil {
		return 0
	}
	n := 2 + sizeField(uint64(m.Type)) + sizeField(m.To) + sizeField(m.From) + sizeField(m.Term) + sizeField(m.LogTerm) +
		sizeField(m.Index) + sizeField(m.Commit) + sizeField(m.RejectHint) + sizeField(m.Vote) + sizeBytes(m.Context)
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

func (m *Message) put(b []byte, i int) int {
	for r := len(m.Responses) - 1; r >= 0; r-- {
		end := i
		i = m.Responses[r].put(b, end)
		i = putField(b, i, 14<<3|wireBytes, uint64(end-i))
	}
	i = putField(b, i, 13<<3|wireVarint, m.Vote)
	i = putBytes(b, i, 12<<3|wireBytes, m.Context)
	i = putField(b, i, 11<<3|wireVarint, m.RejectHint)
	i = putBool(b, i, 10<<3|wireVarint, m.Reject)
	if m.Snapshot != nil {
		end := i
		i = m.Snapshot.put(b, end)
		i = putField(b, i, 9<<3|wireBytes, uint64(end-i))
	}
	i = putField(b, i, 8<<3|wireVarint, m.Commit)
	for e := len(m.Entries) - 1; e >= 0; e-- {
		end := i
		i = m.Entries[e].put(b, end)
		i = putField(b, i, 7<<3|wireBytes, uint64(end-i))
	}
	i = putField(b, i, 6<<3|wireVarint, m.Index)
	i = putField(b, i, 5<<3|wireVarint, m.LogTerm)
	i = putField(b, i, 4<<3|wireVarint, m.Term)
	i = putField(b, i, 3<<3|wireVarint, m.From)
	i = putField(b, i, 2<<3|wireVarint, m.To)
	return putField(b, i, 1<<3|wireVarint, uint64(m.Type))
}

// Unmarshal merges an encoded message into m. Everything is copied; the data of all
// entries of one message shares one array, each with its own capacity.
func (m *Message) Unmarshal(b []byte) error {
	lim := limits{depth: MaxNesting, budget: structBase + structFactor*len(b)}
	return m.merge(b, &lim)
}

func (m *Message) merge(b []byte, lim *limits) error {
	run, err := m.reserve(b, lim)
	if err != nil {
		return err
	}
	fresh := len(m.Entries)
	for i := 0; i < len(b) && err == nil; {
		if i == run.start && run.end > i {
			i = run.end
			err = m.mergeRun(append([]byte(nil), b[run.start:run.end]...))
			continue
		}
		var tag uint64
		if tag, i, err = readTag(b, i); err != nil {
			break
		}
		if tag != entryTag {
			i, err = m.mergeField(b, i, tag, lim)
			continue
		}
		var in []byte
		if in, i, err = span(b, i); err == nil {
			m.Entries = append(m.Entries, Entry{})
			err = m.Entries[len(m.Entries)-1].merge(in)
		}
	}
	if run.end == 0 {
		// After an error too: what is left in m must not refer to the input.
		ownData(m.Entries[fresh:])
	}
	return err
}

// entryTag begins an entry.
const entryTag = 7<<3 | wireBytes

// mergeRun decodes entries that stand next to each other, each with a tag and a length that reserve has seen.
// Their data stays a part of b, which is the message's own: one copy of everything costs less than one of every
// entry's data.
func (m *Message) mergeRun(b []byte) error {
	for i := 0; i < len(b); {
		n, at := quick(b, i+1)
		if at == 0 {
			var err error
			if n, at, err = uvarint(b, i+1); err != nil {
				return err
			}
		}
		i = at + int(n)
		m.Entries = append(m.Entries, Entry{})
		if err := m.Entries[len(m.Entries)-1].merge(b[at:i:i]); err != nil {
			return err
		}
	}
	return nil
}

// entryRun is where all entries of a message stand, next to each other, as everybody writes them; zero if they
// do not.
type entryRun struct{ start, end int }

// add notes an entry and reports whether it continues the run.
func (r *entryRun) add(start, end int) bool {
	if r.end == 0 {
		r.start = start
	} else if r.end != start {
		return false
	}
	r.end = end
	return true
}

// reserve makes a first pass that counts the entries and the responses, so that there
// is room for them before the first is decoded, and finds the run of the entries.
func (m *Message) reserve(b []byte, lim *limits) (entryRun, error) {
	var run entryRun
	inRun := true
	entries, responses := 0, 0
	for i := 0; i < len(b); {
		start := i
		if b[i] == entryTag {
			if n, at := quick(b, i+1); at != 0 && n <= uint64(len(b)-at) {
				i = at + int(n)
				entries++
				inRun = inRun && run.add(start, i)
				continue
			}
		}
		tag, next, err := readTag(b, i)
		if err != nil {
			return run, err
		}
		switch tag {
		case entryTag:
			entries++
			_, i, err = span(b, next)
			inRun = inRun && next == start+1 && run.add(start, i)
		case 14<<3 | wireBytes:
			responses++
			_, i, err = span(b, next)
		default:
			i, err = skip(b, next, tag, 0)
		}
		if err != nil {
			return run, err
		}
	}
	if !inRun {
		run = entryRun{}
	}
	if responses > 0 && lim.depth == 0 {
		return run, ErrNesting
	}
	if err := lim.spend(entries, entryCost); err != nil {
		return run, err
	}
	if err := lim.spend(responses, messageCost); err != nil {
		return run, err
	}
	m.Entries = room(m.Entries, entries)
	m.Responses = room(m.Responses, responses)
	return run, nil
}

// mergeField decodes any field but an entry.
func (m *Message) mergeField(b []byte, next int, tag uint64, lim *limits) (i int, err error) {
	var v uint64
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
	case 14<<3 | wireBytes:
		i, err = m.mergeResponse(b, next, lim)
	default:
		i, err = skip(b, next, tag, 14)
	}
	return i, err
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

// ownData moves the entries' data from the input to one array of their own. An empty one
// gets no share of it, but stays distinct from none.
func ownData(entries []Entry) {
	total := 0
	for i := range entries {
		total += len(entries[i].Data)
	}
	arena := make([]byte, 0, total)
	for i := range entries {
		if e := &entries[i]; e.Data != nil {
			start := len(arena)
			arena = append(arena, e.Data...)
			e.Data = arena[start:len(arena):len(arena)]
		}
	}
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
