package raftpb_test

import (
	"fmt"
	"testing"

	"github.com/ffd200af/raft/raftpb"
)

// The exported names of go.etcd.io/raft/v3/raftpb v3.6, with their types: a program that
// uses that API compiles here if this does. Nothing in this file may be taken away or
// changed; what the library adds does not belong here.

// The structs are as they are written here, to the order of the fields and the tags: programs
// write literals of them, and encode them as JSON.
var (
	_ struct {
		Term  uint64           `protobuf:"varint,2,opt,name=Term" json:"Term"`
		Index uint64           `protobuf:"varint,3,opt,name=Index" json:"Index"`
		Type  raftpb.EntryType `protobuf:"varint,1,opt,name=Type,enum=raftpb.EntryType" json:"Type"`
		Data  []byte           `protobuf:"bytes,4,opt,name=Data" json:"Data,omitempty"`
	} = raftpb.Entry{}

	_ struct {
		Term   uint64 `protobuf:"varint,1,opt,name=term" json:"term"`
		Vote   uint64 `protobuf:"varint,2,opt,name=vote" json:"vote"`
		Commit uint64 `protobuf:"varint,3,opt,name=commit" json:"commit"`
	} = raftpb.HardState{}

	_ struct {
		Type       raftpb.MessageType `protobuf:"varint,1,opt,name=type,enum=raftpb.MessageType" json:"type"`
		To         uint64             `protobuf:"varint,2,opt,name=to" json:"to"`
		From       uint64             `protobuf:"varint,3,opt,name=from" json:"from"`
		Term       uint64             `protobuf:"varint,4,opt,name=term" json:"term"`
		LogTerm    uint64             `protobuf:"varint,5,opt,name=logTerm" json:"logTerm"`
		Index      uint64             `protobuf:"varint,6,opt,name=index" json:"index"`
		Entries    []raftpb.Entry     `protobuf:"bytes,7,rep,name=entries" json:"entries"`
		Commit     uint64             `protobuf:"varint,8,opt,name=commit" json:"commit"`
		Vote       uint64             `protobuf:"varint,13,opt,name=vote" json:"vote"`
		Snapshot   *raftpb.Snapshot   `protobuf:"bytes,9,opt,name=snapshot" json:"snapshot,omitempty"`
		Reject     bool               `protobuf:"varint,10,opt,name=reject" json:"reject"`
		RejectHint uint64             `protobuf:"varint,11,opt,name=rejectHint" json:"rejectHint"`
		Context    []byte             `protobuf:"bytes,12,opt,name=context" json:"context,omitempty"`
		Responses  []raftpb.Message   `protobuf:"bytes,14,rep,name=responses" json:"responses"`
	} = raftpb.Message{}

	_ struct {
		Data     []byte                  `protobuf:"bytes,1,opt,name=data" json:"data,omitempty"`
		Metadata raftpb.SnapshotMetadata `protobuf:"bytes,2,opt,name=metadata" json:"metadata"`
	} = raftpb.Snapshot{}

	_ struct {
		ConfState raftpb.ConfState `protobuf:"bytes,1,opt,name=conf_state,json=confState" json:"conf_state"`
		Index     uint64           `protobuf:"varint,2,opt,name=index" json:"index"`
		Term      uint64           `protobuf:"varint,3,opt,name=term" json:"term"`
	} = raftpb.SnapshotMetadata{}

	_ struct {
		Voters         []uint64 `protobuf:"varint,1,rep,name=voters" json:"voters,omitempty"`
		Learners       []uint64 `protobuf:"varint,2,rep,name=learners" json:"learners,omitempty"`
		VotersOutgoing []uint64 `protobuf:"varint,3,rep,name=voters_outgoing,json=votersOutgoing" json:"voters_outgoing,omitempty"`
		LearnersNext   []uint64 `protobuf:"varint,4,rep,name=learners_next,json=learnersNext" json:"learners_next,omitempty"`
		AutoLeave      bool     `protobuf:"varint,5,opt,name=auto_leave,json=autoLeave" json:"auto_leave"`
	} = raftpb.ConfState{}

	_ struct {
		Type    raftpb.ConfChangeType `protobuf:"varint,2,opt,name=type,enum=raftpb.ConfChangeType" json:"type"`
		NodeID  uint64                `protobuf:"varint,3,opt,name=node_id,json=nodeId" json:"node_id"`
		Context []byte                `protobuf:"bytes,4,opt,name=context" json:"context,omitempty"`
		ID      uint64                `protobuf:"varint,1,opt,name=id" json:"id"`
	} = raftpb.ConfChange{}

	_ struct {
		Type   raftpb.ConfChangeType `protobuf:"varint,1,opt,name=type,enum=raftpb.ConfChangeType" json:"type"`
		NodeID uint64                `protobuf:"varint,2,opt,name=node_id,json=nodeId" json:"node_id"`
	} = raftpb.ConfChangeSingle{}

	_ struct {
		Transition raftpb.ConfChangeTransition `protobuf:"varint,1,opt,name=transition,enum=raftpb.ConfChangeTransition" json:"transition"`
		Changes    []raftpb.ConfChangeSingle   `protobuf:"bytes,2,rep,name=changes" json:"changes"`
		Context    []byte                      `protobuf:"bytes,3,opt,name=context" json:"context,omitempty"`
	} = raftpb.ConfChangeV2{}
)

// What every struct can do, behind a pointer.
type messageAPI interface {
	Descriptor() (gzipped []byte, position []int)
	Marshal() ([]byte, error)
	MarshalTo(b []byte) (int, error)
	MarshalToSizedBuffer(b []byte) (int, error)
	ProtoMessage()
	Reset()
	Size() int
	String() string
	Unmarshal(b []byte) error
	XXX_DiscardUnknown()
	XXX_Marshal(b []byte, deterministic bool) ([]byte, error)
	XXX_Size() int
	XXX_Unmarshal(b []byte) error
}

var _ = []messageAPI{
	(*raftpb.Entry)(nil),
	(*raftpb.HardState)(nil),
	(*raftpb.Message)(nil),
	(*raftpb.Snapshot)(nil),
	(*raftpb.SnapshotMetadata)(nil),
	(*raftpb.ConfState)(nil),
	(*raftpb.ConfChange)(nil),
	(*raftpb.ConfChangeSingle)(nil),
	(*raftpb.ConfChangeV2)(nil),
}

// A program's own type that has these methods is a ConfChangeI: no method may be missing, and
// none may be added. Changes have them as values.
type changeAPI interface {
	AsV1() (raftpb.ConfChange, bool)
	AsV2() raftpb.ConfChangeV2
}

var (
	_ changeAPI          = raftpb.ConfChangeI(nil)
	_ raftpb.ConfChangeI = changeAPI(nil)

	_, _ changeAPI = raftpb.ConfChange{}, raftpb.ConfChangeV2{}

	_ func(raftpb.ConfChangeV2) (autoLeave, ok bool)             = raftpb.ConfChangeV2.EnterJoint
	_ func(raftpb.ConfChangeV2) bool                             = raftpb.ConfChangeV2.LeaveJoint
	_ func(raftpb.ConfState, raftpb.ConfState) error             = raftpb.ConfState.Equivalent
	_ func(raftpb.ConfChangeI) (raftpb.EntryType, []byte, error) = raftpb.MarshalConfChange
	_ func(string) ([]raftpb.ConfChangeSingle, error)            = raftpb.ConfChangesFromString
	_ func([]raftpb.ConfChangeSingle) string                     = raftpb.ConfChangesToString
)

var _ = []*error{
	&raftpb.ErrIntOverflowRaft,
	&raftpb.ErrInvalidLengthRaft,
	&raftpb.ErrUnexpectedEndOfGroupRaft,
}

// enumAPI is what an enumeration T can do; *T can be read from JSON.
type enumAPI[T ~int32] interface {
	~int32
	Enum() *T
	EnumDescriptor() (gzipped []byte, position []int)
	String() string
}

// number is what a test needs to know of a constant: its number in the encoding, and its name.
type number struct {
	value int32
	name  string
}

// typed tells the type of one constant: without a type of its own it makes another pointer.
func typed[T any](constant T) *T { return &constant }

// numbers returns the constants of one enumeration.
func numbers[T enumAPI[T], P interface {
	*T
	UnmarshalJSON(data []byte) error
}](constants []P) []number {
	var all []number
	for _, c := range constants {
		all = append(all, number{int32(*c), (*c).String()})
	}
	return all
}

func TestTheNumbersAndNamesOfTheWireFormatStay(t *testing.T) {
	for _, enum := range []struct {
		got    []number
		names  *map[int32]string
		values *map[string]int32
		want   string // names, in the order of their numbers
	}{
		{numbers([]*raftpb.EntryType{typed(raftpb.EntryNormal), typed(raftpb.EntryConfChange), typed(raftpb.EntryConfChangeV2)}), &raftpb.EntryType_name, &raftpb.EntryType_value,
			"[EntryNormal EntryConfChange EntryConfChangeV2]"},
		{numbers([]*raftpb.ConfChangeType{typed(raftpb.ConfChangeAddNode), typed(raftpb.ConfChangeRemoveNode), typed(raftpb.ConfChangeUpdateNode), typed(raftpb.ConfChangeAddLearnerNode)}),
			&raftpb.ConfChangeType_name, &raftpb.ConfChangeType_value,
			"[ConfChangeAddNode ConfChangeRemoveNode ConfChangeUpdateNode ConfChangeAddLearnerNode]"},
		{numbers([]*raftpb.ConfChangeTransition{typed(raftpb.ConfChangeTransitionAuto), typed(raftpb.ConfChangeTransitionJointImplicit), typed(raftpb.ConfChangeTransitionJointExplicit)}),
			&raftpb.ConfChangeTransition_name, &raftpb.ConfChangeTransition_value,
			"[ConfChangeTransitionAuto ConfChangeTransitionJointImplicit ConfChangeTransitionJointExplicit]"},
		{numbers([]*raftpb.MessageType{
			typed(raftpb.MsgHup), typed(raftpb.MsgBeat), typed(raftpb.MsgProp), typed(raftpb.MsgApp), typed(raftpb.MsgAppResp), typed(raftpb.MsgVote), typed(raftpb.MsgVoteResp),
			typed(raftpb.MsgSnap), typed(raftpb.MsgHeartbeat), typed(raftpb.MsgHeartbeatResp), typed(raftpb.MsgUnreachable), typed(raftpb.MsgSnapStatus),
			typed(raftpb.MsgCheckQuorum), typed(raftpb.MsgTransferLeader), typed(raftpb.MsgTimeoutNow), typed(raftpb.MsgReadIndex), typed(raftpb.MsgReadIndexResp),
			typed(raftpb.MsgPreVote), typed(raftpb.MsgPreVoteResp), typed(raftpb.MsgStorageAppend), typed(raftpb.MsgStorageAppendResp),
			typed(raftpb.MsgStorageApply), typed(raftpb.MsgStorageApplyResp), typed(raftpb.MsgForgetLeader),
		}), &raftpb.MessageType_name, &raftpb.MessageType_value,
			"[MsgHup MsgBeat MsgProp MsgApp MsgAppResp MsgVote MsgVoteResp MsgSnap MsgHeartbeat MsgHeartbeatResp MsgUnreachable MsgSnapStatus " +
				"MsgCheckQuorum MsgTransferLeader MsgTimeoutNow MsgReadIndex MsgReadIndexResp MsgPreVote MsgPreVoteResp " +
				"MsgStorageAppend MsgStorageAppendResp MsgStorageApply MsgStorageApplyResp MsgForgetLeader]"},
	} {
		var names []string
		for i, n := range enum.got {
			names = append(names, n.name)
			if n.value != int32(i) || (*enum.names)[n.value] != n.name || (*enum.values)[n.name] != n.value {
				t.Errorf("%s is %d and not %d; the maps say %q and %d", n.name, n.value, i, (*enum.names)[n.value], (*enum.values)[n.name])
			}
		}
		if got := fmt.Sprint(names); got != enum.want {
			t.Errorf("got  %s\nwant %s", got, enum.want)
		}
	}
}
