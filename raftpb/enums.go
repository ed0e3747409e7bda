package raftpb

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// EntryType says what the data of an entry is.
type EntryType int32

const (
	EntryNormal       EntryType = 0 // Data is the application's
	EntryConfChange   EntryType = 1 // Data is a ConfChange
	EntryConfChangeV2 EntryType = 2 // Data is a ConfChangeV2
)

// EntryType_name and EntryType_value are the names of generated code. They are not to be changed.
var (
	EntryType_name = map[int32]string{
		0: "EntryNormal",
		1: "EntryConfChange",
		2: "EntryConfChangeV2",
	}
	EntryType_value = map[string]int32{
		"EntryNormal":       0,
		"EntryConfChange":   1,
		"EntryConfChangeV2": 2,
	}
)

// String returns the constant's name, or the number if there is none.
func (x EntryType) String() string { return enumName(EntryType_name, int32(x)) }

// Enum returns a pointer to a copy.
func (x EntryType) Enum() *EntryType { return &x }

// UnmarshalJSON accepts the constant's name or its number.
func (x *EntryType) UnmarshalJSON(data []byte) error {
	v, err := enumFromJSON(EntryType_value, data, "EntryType")
	if err == nil {
		*x = EntryType(v)
	}
	return err
}

// MessageType says what a message is about, and which of its fields count.
type MessageType int32

const (
	MsgHup               MessageType = 0  // local: campaign
	MsgBeat              MessageType = 1  // local: a leader sends heartbeats
	MsgProp              MessageType = 2  // proposed entries, forwarded to the leader by others
	MsgApp               MessageType = 3  // entries to append (thesis §3.5)
	MsgAppResp           MessageType = 4  // what was appended, or where to try again
	MsgVote              MessageType = 5  // a request for a vote (thesis §3.4)
	MsgVoteResp          MessageType = 6  // a vote, or its refusal
	MsgSnap              MessageType = 7  // a snapshot instead of entries (thesis §5)
	MsgHeartbeat         MessageType = 8  // the leader lives
	MsgHeartbeatResp     MessageType = 9  // so does the follower
	MsgUnreachable       MessageType = 10 // local: messages to From are being lost
	MsgSnapStatus        MessageType = 11 // local: what became of a snapshot to From
	MsgCheckQuorum       MessageType = 12 // local: a leader asks itself whether it hears a quorum (thesis §6.2)
	MsgTransferLeader    MessageType = 13 // leadership to From, please (thesis §3.10)
	MsgTimeoutNow        MessageType = 14 // campaign at once, the leader asks for it
	MsgReadIndex         MessageType = 15 // a request for an index to read at (thesis §6.4)
	MsgReadIndexResp     MessageType = 16 // that index
	MsgPreVote           MessageType = 17 // would I get your vote? (thesis §9.6)
	MsgPreVoteResp       MessageType = 18 // yes or no; binds nobody
	MsgStorageAppend     MessageType = 19 // to the append thread: make this durable
	MsgStorageAppendResp MessageType = 20 // it is
	MsgStorageApply      MessageType = 21 // to the apply thread: apply these entries
	MsgStorageApplyResp  MessageType = 22 // they are
	MsgForgetLeader      MessageType = 23 // act as if no leader were known
)

// MessageType_name and MessageType_value are the names of generated code. They are not to be
// changed.
var (
	MessageType_name = map[int32]string{
		0:  "MsgHup",
		1:  "MsgBeat",
		2:  "MsgProp",
		3:  "MsgApp",
		4:  "MsgAppResp",
		5:  "MsgVote",
		6:  "MsgVoteResp",
		7:  "MsgSnap",
		8:  "MsgHeartbeat",
		9:  "MsgHeartbeatResp",
		10: "MsgUnreachable",
		11: "MsgSnapStatus",
		12: "MsgCheckQuorum",
		13: "MsgTransferLeader",
		14: "MsgTimeoutNow",
		15: "MsgReadIndex",
		16: "MsgReadIndexResp",
		17: "MsgPreVote",
		18: "MsgPreVoteResp",
		19: "MsgStorageAppend",
		20: "MsgStorageAppendResp",
		21: "MsgStorageApply",
		22: "MsgStorageApplyResp",
		23: "MsgForgetLeader",
	}
	MessageType_value = map[string]int32{
		"MsgHup":               0,
		"MsgBeat":              1,
		"MsgProp":              2,
		"MsgApp":               3,
		"MsgAppResp":           4,
		"MsgVote":              5,
		"MsgVoteResp":          6,
		"MsgSnap":              7,
		"MsgHeartbeat":         8,
		"MsgHeartbeatResp":     9,
		"MsgUnreachable":       10,
		"MsgSnapStatus":        11,
		"MsgCheckQuorum":       12,
		"MsgTransferLeader":    13,
		"MsgTimeoutNow":        14,
		"MsgReadIndex":         15,
		"MsgReadIndexResp":     16,
		"MsgPreVote":           17,
		"MsgPreVoteResp":       18,
		"MsgStorageAppend":     19,
		"MsgStorageAppendResp": 20,
		"MsgStorageApply":      21,
		"MsgStorageApplyResp":  22,
		"MsgForgetLeader":      23,
	}
)

// String returns the constant's name, or the number if there is none.
func (x MessageType) String() string { return enumName(MessageType_name, int32(x)) }

// Enum returns a pointer to a copy.
func (x MessageType) Enum() *MessageType { return &x }

// UnmarshalJSON accepts the constant's name or its number.
func (x *MessageType) UnmarshalJSON(data []byte) error {
	v, err := enumFromJSON(MessageType_value, data, "MessageType")
	if err == nil {
		*x = MessageType(v)
	}
	return err
}

// ConfChangeType says what happens to one node.
type ConfChangeType int32

const (
	ConfChangeAddNode        ConfChangeType = 0 // add a voter, or promote a learner
	ConfChangeRemoveNode     ConfChangeType = 1 // remove a voter or learner
	ConfChangeUpdateNode     ConfChangeType = 2 // changes nothing here; the application may mean something by it
	ConfChangeAddLearnerNode ConfChangeType = 3 // add a learner, or demote a voter
)

// ConfChangeType_name and ConfChangeType_value are the names of generated code. They are not to be
// changed.
var (
	ConfChangeType_name = map[int32]string{
		0: "ConfChangeAddNode",
		1: "ConfChangeRemoveNode",
		2: "ConfChangeUpdateNode",
		3: "ConfChangeAddLearnerNode",
	}
	ConfChangeType_value = map[string]int32{
		"ConfChangeAddNode":        0,
		"ConfChangeRemoveNode":     1,
		"ConfChangeUpdateNode":     2,
		"ConfChangeAddLearnerNode": 3,
	}
)

// String returns the constant's name, or the number if there is none.
func (x ConfChangeType) String() string { return enumName(ConfChangeType_name, int32(x)) }

// Enum returns a pointer to a copy.
func (x ConfChangeType) Enum() *ConfChangeType { return &x }

// UnmarshalJSON accepts the constant's name or its number.
func (x *ConfChangeType) UnmarshalJSON(data []byte) error {
	v, err := enumFromJSON(ConfChangeType_value, data, "ConfChangeType")
	if err == nil {
		*x = ConfChangeType(v)
	}
	return err
}

// ConfChangeTransition says whether a configuration change goes through a joint
// configuration, and how that is left (thesis §4.3).
type ConfChangeTransition int32

const (
	ConfChangeTransitionAuto          ConfChangeTransition = 0 // joint if there is more than one change, and left by the leader itself
	ConfChangeTransitionJointImplicit ConfChangeTransition = 1 // joint, and left by the leader itself
	ConfChangeTransitionJointExplicit ConfChangeTransition = 2 // joint, and left when an empty change is proposed
)

// ConfChangeTransition_name and ConfChangeTransition_value are the names of generated code. They
// are not to be changed.
var (
	ConfChangeTransition_name = map[int32]string{
		0: "ConfChangeTransitionAuto",
		1: "ConfChangeTransitionJointImplicit",
		2: "ConfChangeTransitionJointExplicit",
	}
	ConfChangeTransition_value = map[string]int32{
		"ConfChangeTransitionAuto":          0,
		"ConfChangeTransitionJointImplicit": 1,
		"ConfChangeTransitionJointExplicit": 2,
	}
)

// String returns the constant's name, or the number if there is none.
func (x ConfChangeTransition) String() string { return enumName(ConfChangeTransition_name, int32(x)) }

// Enum returns a pointer to a copy.
func (x ConfChangeTransition) Enum() *ConfChangeTransition { return &x }

// UnmarshalJSON accepts the constant's name or its number.
func (x *ConfChangeTransition) UnmarshalJSON(data []byte) error {
	v, err := enumFromJSON(ConfChangeTransition_value, data, "ConfChangeTransition")
	if err == nil {
		*x = ConfChangeTransition(v)
	}
	return err
}

func enumName(names map[int32]string, v int32) string {
	if s, ok := names[v]; ok {
		return s
	}
	return strconv.Itoa(int(v))
}

func enumFromJSON(values map[string]int32, data []byte, what string) (int32, error) {
	if len(data) > 0 && data[0] == '"' {
		var name string
		if err := json.Unmarshal(data, &name); err != nil {
			return 0, fmt.Errorf("raftpb: %s: %w", what, err)
		}
		v, ok := values[name]
		if !ok {
			return 0, fmt.Errorf("raftpb: %s has no value %q", what, name)
		}
		return v, nil
	}
	var v int32
	if err := json.Unmarshal(data, &v); err != nil {
		return 0, fmt.Errorf("raftpb: %s: %w", what, err)
	}
	return v, nil
}
