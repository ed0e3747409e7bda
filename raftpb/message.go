package raftpb

import "slices"

// Message is everything that nodes say to each other, and to their local storage
// threads. Which fields count depends on Type; see package raft.
type Message struct {
	Type MessageType `protobuf:"varint,1,opt,name=type,enum=raftpb.MessageType" json:"type"`
	To   uint64      `protobuf:"varint,2,opt,name=to" json:"to"`
	From uint64      `protobuf:"varint,3,opt,name=from" json:"from"`
	// Term is the sender's term; 0 for input that belongs to none.
	Term uint64 `protobuf:"varint,4,opt,name=term" json:"term"`
	// LogTerm is the term of an entry: the one before Entries, the last one of a
	// candidate, the one at RejectHint.
	LogTerm uint64 `protobuf:"varint,5,opt,name=logTerm" json:"logTerm"`
	// Index is the index of that entry, or what an append response acknowledges.
	Index   uint64  `protobuf:"varint,6,opt,name=index" json:"index"`
	Entries []Entry `protobuf:"bytes,7,rep,name=entries" json:"entries"`
	// Commit is the sender's commit index, as far as it concerns the receiver.
	Commit uint64 `protobuf:"varint,8,opt,name=commit" json:"commit"`
	// Vote is the vote in the hard state of a MsgStorageAppend.
	Vote uint64 `protobuf:"varint,13,opt,name=vote" json:"vote"`
	// Snapshot is nil except where a snapshot is sent or stored.
	Snapshot *Snapshot `protobuf:"bytes,9,opt,name=snapshot" json:"snapshot,omitempty"`
	// Reject: the response is a refusal.
	Reject bool `protobuf:"varint,10,opt,name=reject" json:"reject"`
	// RejectHint is where a follower that refuses an append could agree.
	RejectHint uint64 `protobuf:"varint,11,opt,name=rejectHint" json:"rejectHint"`
	Context    []byte `protobuf:"bytes,12,opt,name=context" json:"context,omitempty"`
	// Responses are to be delivered when the storage work of a
	// MsgStorageAppend or MsgStorageApply is done.
	Responses []Message `protobuf:"bytes,14,rep,name=responses" json:"responses"`
}

// Size returns the length of the encoding in bytes.
func (m *Message) Size() int {
	n := 2 + sizeField(uint64(m.Type)) + sizeField(m.To) + sizeField(m.From) + sizeField(m.Term) + sizeField(m.LogTerm) +
		sizeField(m.Index) + sizeField(m.Commit) + sizeField(m.RejectHint) + sizeField(m.Vote) + sizeBytesField(m.Context)
	for i := range m.Entries {
		n += 1 + sizeBytes(m.Entries[i].Size())
	}
	if m.Snapshot != nil {
		n += 1 + sizeBytes(m.Snapshot.Size())
	}
	for i := range m.Responses {
		n += 1 + sizeBytes(m.Responses[i].Size())
	}
	return n
}

func (m *Message) put(b []byte, i int) int {
	i = putField(b, i, 0x08, uint64(m.Type))
	i = putField(b, i, 0x10, m.To)
	i = putField(b, i, 0x18, m.From)
	i = putField(b, i, 0x20, m.Term)
	i = putField(b, i, 0x28, m.LogTerm)
	i = putField(b, i, 0x30, m.Index)
	for e := range m.Entries {
		i = putField(b, i, 0x3a, uint64(m.Entries[e].Size()))
		i = m.Entries[e].put(b, i)
	}
	i = putField(b, i, 0x40, m.Commit)
	if m.Snapshot != nil {
		i = putField(b, i, 0x4a, uint64(m.Snapshot.Size()))
		i = m.Snapshot.put(b, i)
	}
	i = putBool(b, i, 0x50, m.Reject)
	i = putField(b, i, 0x58, m.RejectHint)
	i = putBytes(b, i, 0x62, m.Context)
	i = putField(b, i, 0x68, m.Vote)
	for r := range m.Responses {
		i = putField(b, i, 0x72, uint64(m.Responses[r].Size()))
		i = m.Responses[r].put(b, i)
	}
	return i
}

// Unmarshal merges an encoded message into m. Everything is copied; the data of all
// entries of one message shares one array, each with its own capacity.
func (m *Message) Unmarshal(b []byte) error {
	return m.merge(reader{b: b, depth: maxDepth})
}

func (m *Message) merge(r reader) error {
	if err := m.reserve(r); err != nil {
		return err
	}
	fresh := len(m.Entries)
	for {
		more, err := r.next()
		if err != nil {
			return err
		}
		if !more {
			ownData(m.Entries[fresh:])
			return nil
		}
		if err := m.mergeField(&r); err != nil {
			return err
		}
	}
}

// reserve counts the entries and responses and makes room for them at once.
func (m *Message) reserve(r reader) error {
	entries, responses := 0, 0
	for {
		more, err := r.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch r.field {
		case 7:
			entries++
		case 14:
			responses++
		}
		if err := r.skip(); err != nil {
			return err
		}
	}
	if entries > 0 {
		m.Entries = append(make([]Entry, 0, len(m.Entries)+entries), m.Entries...)
	}
	// A response that says anything takes several bytes, and a Message much memory.
	if responses > 16+len(r.b)/8 || responses > 0 && r.depth == 0 {
		return ErrNesting
	}
	if responses > 0 {
		m.Responses = slices.Grow(m.Responses, responses)
	}
	return nil
}

func (m *Message) mergeField(r *reader) error {
	switch r.field {
	case 1:
		return r.enum((*int32)(&m.Type))
	case 2:
		return r.value(&m.To)
	case 3:
		return r.value(&m.From)
	case 4:
		return r.value(&m.Term)
	case 5:
		return r.value(&m.LogTerm)
	case 6:
		return r.value(&m.Index)
	case 7:
		return m.mergeEntry(r)
	case 8:
		return r.value(&m.Commit)
	case 9:
		return m.mergeSnapshot(r)
	case 10:
		return r.bool(&m.Reject)
	case 11:
		return r.value(&m.RejectHint)
	case 12:
		return r.copied(&m.Context)
	case 13:
		return r.value(&m.Vote)
	case 14:
		return m.mergeResponse(r)
	default:
		return r.skip()
	}
}

// mergeEntry decodes an entry whose data still refers to the input.
func (m *Message) mergeEntry(r *reader) error {
	in, err := r.inner()
	if err != nil {
		return err
	}
	m.Entries = append(m.Entries, Entry{})
	e := &m.Entries[len(m.Entries)-1]
	return e.merge(in, &e.Data)
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

func (m *Message) mergeSnapshot(r *reader) error {
	in, err := r.inner()
	if err != nil {
		return err
	}
	if m.Snapshot == nil {
		m.Snapshot = &Snapshot{}
	}
	return m.Snapshot.merge(in)
}

func (m *Message) mergeResponse(r *reader) error {
	in, err := r.inner()
	if err != nil {
		return err
	}
	in.depth--
	m.Responses = append(m.Responses, Message{})
	return m.Responses[len(m.Responses)-1].merge(in)
}

// Reset makes m the zero message.
func (m *Message) Reset() { *m = Message{} }

// Marshal returns the encoding.
func (m *Message) Marshal() ([]byte, error) { return marshal(m), nil }

// MarshalTo writes the encoding at the start of b and returns its length. A buffer
// that is too short gives io.ErrShortBuffer.
func (m *Message) MarshalTo(b []byte) (int, error) { return marshalTo(m, b) }

// MarshalToSizedBuffer writes the encoding at the end of b and returns its length. A
// buffer that is too short gives io.ErrShortBuffer.
func (m *Message) MarshalToSizedBuffer(b []byte) (int, error) { return marshalToEnd(m, b) }

// ProtoMessage marks the type as a protobuf message.
func (*Message) ProtoMessage() {}
