package raftpb

// Message is everything that nodes say to each other, and to their local storage
// threads. Which fields count depends on Type; see package raft.
type Message struct {
	Type MessageType `protobuf:"varint,1,opt,name=type,enum=raftpb.MessageType" json:"type"`
	// To and From are ids of nodes, or of a node's storage threads.
	To   uint64 `protobuf:"varint,2,opt,name=to" json:"to"`
	From uint64 `protobuf:"varint,3,opt,name=from" json:"from"`
	// Term is the sender's term; 0 for input that belongs to none.
	Term uint64 `protobuf:"varint,4,opt,name=term" json:"term"`
	// LogTerm is the term of an entry: the one before Entries, the last one of a
	// candidate, the one at RejectHint.
	LogTerm uint64 `protobuf:"varint,5,opt,name=logTerm" json:"logTerm"`
	// Index is the index of that entry, or what an append response acknowledges.
	Index uint64 `protobuf:"varint,6,opt,name=index" json:"index"`
	// Entries follow one another without a gap.
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
	// Context comes back in the response: a read's name, a heartbeat's round.
	Context []byte `protobuf:"bytes,12,opt,name=context" json:"context,omitempty"`
	// Responses are to be delivered when the storage work of a
	// MsgStorageAppend or MsgStorageApply is done.
	Responses []Message `protobuf:"bytes,14,rep,name=responses" json:"responses"`
}

// Reset makes m the zero message.
func (m *Message) Reset() { *m = Message{} }

// String returns the compact protobuf text form.
func (m *Message) String() string { return textOf(m, (*Message).text) }

// ProtoMessage marks the type as a protobuf message.
func (*Message) ProtoMessage() {}
