package raftpb

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// EntryType says what the data of an entry is.
type EntryType int32

const (
	EntryNormal       EntryType = 0
	EntryConfChange   EntryType = 1
	EntryConfChangeV2 EntryType = 2
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
	MsgHup               MessageType = 0
	MsgBeat              MessageType = 1
	MsgProp              MessageType = 2
	MsgApp               MessageType = 3
	MsgAppResp           MessageType = 4
	MsgVote              MessageType = 5
	MsgVoteResp          MessageType = 6
	MsgSnap              MessageType = 7
	MsgHeartbeat         MessageType = 8
	MsgHeartbeatResp     MessageType = 9
	MsgUnreachable       MessageType = 10
	MsgSnapStatus        MessageType = 11
	MsgCheckQuorum       MessageType = 12
	MsgTransferLeader    MessageType = 13
	MsgTimeoutNow        MessageType = 14
	MsgReadIndex         MessageType = 15
	MsgReadIndexResp     MessageType = 16
	MsgPreVote           MessageType = 17
	MsgPreVoteResp       MessageType = 18
	MsgStorageAppend     MessageType = 19
	MsgStorageAppendResp MessageType = 20
	MsgStorageApply      MessageType = 21
	MsgStorageApplyResp  MessageType = 22
	MsgForgetLeader      MessageType = 23
)

// MessageType_name and MessageType_value are the names of generated code. They are not to be changed.
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
	ConfChangeAddNode        ConfChangeType = 0
	ConfChangeRemoveNode     ConfChangeType = 1
	ConfChangeUpdateNode     ConfChangeType = 2
	ConfChangeAddLearnerNode ConfChangeType = 3
)

// ConfChangeType_name and ConfChangeType_value are the names of generated code. They are not to be changed.
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
	ConfChangeTransitionAuto          ConfChangeTransition = 0
	ConfChangeTransitionJointImplicit ConfChangeTransition = 1
	ConfChangeTransitionJointExplicit ConfChangeTransition = 2
)

// ConfChangeTransition_name and ConfChangeTransition_value are the names of generated code. They are not to be changed.
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
