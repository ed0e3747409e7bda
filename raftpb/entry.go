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

// Reset makes m the zero entry.
func (m *Entry) Reset() { *m = Entry{} }

// String returns the compact protobuf text form.
func (m *Entry) String() string { return textOf(m, (*Entry).text) }

// ProtoMessage marks the type as a protobuf message.
func (*Entry) ProtoMessage() {}
