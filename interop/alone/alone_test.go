//lint:file-ignore SA1019 Programs use the deprecated runtime, and etcd does.

package alone

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	gogo "github.com/gogo/protobuf/proto"
	"github.com/golang/protobuf/descriptor"
	"github.com/golang/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/ffd200af/raft/raftpb"
)

// record is generated code with messages of raftpb as fields, as that of etcd's walpb has.
type record struct {
	State  *raftpb.ConfState  `protobuf:"bytes,1,opt,name=state"`
	Change *raftpb.ConfChange `protobuf:"bytes,2,opt,name=change"`
}

func (m *record) Reset()         { *m = record{} }
func (m *record) String() string { return proto.CompactTextString(m) }
func (*record) ProtoMessage()    {}

func (*record) Descriptor() ([]byte, []int) { return recordFile, []int{0} }

// recordFile is the descriptor of a file that imports raft.proto.
var recordFile = func() []byte {
	field := func(name string, number int32, typ string) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: &name, Number: &number, TypeName: &typ, JsonName: &name,
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			Type:  descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
		}
	}
	data, err := proto.Marshal(&descriptorpb.FileDescriptorProto{
		Name: proto.String("record.proto"), Package: proto.String("alone"),
		Dependency: []string{"raftpb/raft.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("record"),
			Field: []*descriptorpb.FieldDescriptorProto{
				field("state", 1, ".raftpb.ConfState"), field("change", 2, ".raftpb.ConfChange"),
			},
		}},
	})
	if err != nil {
		panic(err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(data); err != nil {
		panic(err)
	}
	if err := zip.Close(); err != nil {
		panic(err)
	}
	return packed.Bytes()
}()

func init() {
	proto.RegisterType((*record)(nil), "alone.record")
	proto.RegisterFile("record.proto", recordFile)
	gogo.RegisterType((*record)(nil), "alone.record")
	gogo.RegisterFile("record.proto", recordFile)
}

func TestAFileThatImportsRaftProtoIsUsable(t *testing.T) {
	m := &record{State: &raftpb.ConfState{Voters: []uint64{1}}, Change: &raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode}}
	const want = `state:<voters:1 > change:<type:ConfChangeRemoveNode > `
	if got := m.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back record
	if err := proto.Unmarshal(data, &back); err != nil || back.String() != want {
		t.Errorf("%v: %q, want %q", err, back.String(), want)
	}
	var viaGogo record
	if data, err = gogo.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := gogo.Unmarshal(data, &viaGogo); err != nil || viaGogo.String() != want {
		t.Errorf("%v: %q, want %q", err, viaGogo.String(), want)
	}
}

var messages = []interface {
	descriptor.Message
	Size() int
}{
	&raftpb.Entry{Type: raftpb.EntryConfChange, Data: []byte("x")},
	&raftpb.HardState{Term: 1},
	&raftpb.ConfState{Voters: []uint64{1, 2}, AutoLeave: true},
	&raftpb.SnapshotMetadata{Index: 1, ConfState: raftpb.ConfState{Learners: []uint64{3}}},
	&raftpb.Snapshot{Data: []byte{}, Metadata: raftpb.SnapshotMetadata{Term: 2}},
	&raftpb.Message{Type: raftpb.MsgSnap, Entries: []raftpb.Entry{{}}, Snapshot: &raftpb.Snapshot{}, Responses: []raftpb.Message{{To: 1}}},
	&raftpb.ConfChange{Type: raftpb.ConfChangeUpdateNode, ID: 1},
	&raftpb.ConfChangeSingle{NodeID: 1},
	&raftpb.ConfChangeV2{Transition: 2, Changes: []raftpb.ConfChangeSingle{{NodeID: 1}}},
}

func TestTheRuntimesFindTheDescriptor(t *testing.T) {
	for _, m := range messages {
		desc := proto.MessageReflect(m).Descriptor()
		file, message := descriptor.ForMessage(m)
		if string(desc.FullName()) != file.GetPackage()+"."+message.GetName() || desc.Fields().Len() != len(message.GetField()) {
			t.Errorf("%T is seen as %v, which has %d fields", m, desc.FullName(), desc.Fields().Len())
		}
		if got, want := proto.CompactTextString(m), m.String(); got != want {
			t.Errorf("%T: %q, want %q", m, got, want)
		}
		if proto.Size(m) != m.Size() || gogo.Size(m) != m.Size() {
			t.Errorf("%T has size %d, and for the runtimes %d and %d", m, m.Size(), proto.Size(m), gogo.Size(m))
		}
		if !proto.Equal(proto.Clone(m), m) || !gogo.Equal(gogo.Clone(m), m) {
			t.Errorf("%T: a clone is another", m)
		}
	}
}

// A program that looks for types by their names registers them itself.
func TestAProgramMayRegisterTheTypes(t *testing.T) {
	if _, err := protoregistry.GlobalFiles.FindFileByPath("raft.proto"); err == nil {
		t.Fatal("raft.proto is registered: something links etcd/raft")
	}
	for _, m := range messages {
		name := string(proto.MessageReflect(m).Descriptor().FullName())
		proto.RegisterType(m, name)
		gogo.RegisterType(m, name)
		if proto.MessageType(name) == nil || gogo.MessageType(name) == nil {
			t.Errorf("%s is not found", name)
		}
	}
	file, at := (*raftpb.Entry)(nil).Descriptor()
	proto.RegisterFile("raft.proto", file)
	found, err := protoregistry.GlobalFiles.FindDescriptorByName("raftpb.Entry")
	if err != nil {
		t.Fatal(err)
	}
	entry := found.(protoreflect.MessageDescriptor)
	if entry.Index() != at[0] || !strings.HasSuffix(entry.ParentFile().Path(), "raft.proto") {
		t.Errorf("found %v", entry)
	}
}
