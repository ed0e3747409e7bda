package run

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
)

// ReadState is how far a read has come.
type ReadState string

// The states of a read.
const (
	Waiting   ReadState = "waiting"   // for its index
	Confirmed ReadState = "confirmed" // has its index, which is not applied yet
	Answered  ReadState = "answered"
	Lost      ReadState = "lost"    // the node has crashed, or has dropped it
	Refused   ReadState = "refused" // no lease, or an error
)

// Read is a read of the state machine at a node.
type Read struct {
	Name  string    `json:"name"`
	Node  uint64    `json:"node"`
	How   string    `json:"how"` // index, lease or stale
	Beat  int       `json:"beat"`
	State ReadState `json:"state"`
	Index uint64    `json:"index"`
	Text  string    `json:"text"` // what was read, or why nothing was
}

// readStates finds the answers in what a Ready prints, and droppedReads what it gives up.
var (
	readStates   = regexp.MustCompile(`(?m)^ *ReadStates \[(.*)\]$`)
	readState    = regexp.MustCompile(`\{(\d+) \[([\d ]*)\]\}`)
	droppedReads = regexp.MustCompile(`(?m)^ *DroppedReads \[(.*)\]$`)
	context      = regexp.MustCompile(`\[([\d ]*)\]`)
)

// words turns decimal bytes into a string.
func words(decimal string) string {
	var b []byte
	for _, word := range strings.Fields(decimal) {
		b = append(b, byte(number(word)))
	}
	return string(b)
}

// answerReads takes in the reads that a record has begun, confirmed, answered or lost.
func (w *world) answerReads(env *rafttest.InteractionEnv, rec *Record, output string) {
	args := rec.data.CmdArgs
	switch {
	case rec.Command == "":
	case rec.data.Cmd == "read-index" && len(args) == 2:
		read := Read{Name: args[1].Key, Node: uint64(number(args[0].Key)), How: "index", Beat: rec.beat, State: Waiting}
		if output != "ok" {
			read.State, read.Text = Refused, strings.TrimSpace(output)
		}
		w.reads = append(w.reads, read)
	case rec.data.Cmd == "lease-read" && len(args) == 1:
		w.leaseRead(args[0].Key, rec.beat, strings.TrimSpace(output))
	}
	if strings.Contains(output, "ReadStates [") || strings.Contains(output, "DroppedReads [") {
		w.readAnswers(output)
	}
	for i := range w.reads {
		w.reads[i].proceed(env)
	}
}

// readAnswers takes in what the Readies of an output say of reads.
func (w *world) readAnswers(output string) {
	for _, list := range readStates.FindAllStringSubmatch(output, -1) {
		for _, answer := range readState.FindAllStringSubmatch(list[1], -1) {
			if read := w.waiting(words(answer[2])); read != nil {
				read.Index, _ = strconv.ParseUint(answer[1], 10, 64)
				read.State = Confirmed
			}
		}
	}
	for _, list := range droppedReads.FindAllStringSubmatch(output, -1) {
		for _, dropped := range context.FindAllStringSubmatch(list[1], -1) {
			if read := w.waiting(words(dropped[1])); read != nil {
				read.State, read.Text = Lost, "dropped: the node has lost its leader"
			}
		}
	}
}

// waiting returns the latest read of a name that waits for its index.
func (w *world) waiting(name string) *Read {
	for i := len(w.reads) - 1; i >= 0; i-- {
		if w.reads[i].Name == name && w.reads[i].State == Waiting {
			return &w.reads[i]
		}
	}
	return nil
}

func (w *world) leaseRead(node string, beat int, output string) {
	read := Read{Name: fmt.Sprintf("r%d", len(w.reads)+1), Node: uint64(number(node)), How: "lease", Beat: beat, State: Confirmed}
	index, err := strconv.ParseUint(output, 10, 64)
	if err != nil {
		read.State, read.Text = Refused, output
	}
	read.Index = index
	w.reads = append(w.reads, read)
}

// proceed answers a read whose index is applied.
func (read *Read) proceed(env *rafttest.InteractionEnv) {
	if read.State != Waiting && read.State != Confirmed || read.Node == 0 || read.Node > uint64(len(env.Nodes)) {
		return
	}
	n := &env.Nodes[read.Node-1]
	machine := newest(n)
	switch {
	case n.RawNode == nil:
		read.State, read.Text = Lost, "the node has crashed"
	case read.State == Confirmed && machine.Metadata.Index >= read.Index:
		read.State, read.Text = Answered, string(machine.Data)
	}
}

// staleRead answers a read from the state of a node, and says whether that was the newest.
func (w *world) staleRead(env *rafttest.InteractionEnv, idx int) string {
	n := &env.Nodes[idx]
	read := Read{Name: fmt.Sprintf("r%d", len(w.reads)+1), Node: uint64(idx + 1), How: "stale", Beat: w.cursor.beat, State: Answered}
	if n.RawNode == nil {
		read.State, read.Text = Refused, "the node is down"
		w.reads = append(w.reads, read)
		return read.Text
	}
	machine := newest(n)
	read.Index, read.Text = machine.Metadata.Index, string(machine.Data)
	w.reads = append(w.reads, read)
	newest := read.Index
	for i := range env.Nodes {
		newest = max(newest, committed(&env.Nodes[i]))
	}
	if newest > read.Index {
		return fmt.Sprintf("stale: S%d answers from index %d, committed is %d", idx+1, read.Index, newest)
	}
	return fmt.Sprintf("S%d answers from index %d, which is the newest by chance", idx+1, read.Index)
}

// committed is the commit index of a node, or that on its disk.
func committed(n *rafttest.Node) uint64 {
	if n.RawNode != nil {
		return n.BasicStatus().Commit
	}
	hs, _, err := n.InitialState()
	if err != nil {
		return raft.None
	}
	return hs.Commit
}
