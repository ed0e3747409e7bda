package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// Kind is what an event is about.
type Kind string

// The kinds of events.
const (
	Elected  Kind = "elected"
	Campaign Kind = "campaign"
	StepDown Kind = "step-down"
	Commits  Kind = "commit"
	Fault    Kind = "fault"
	Repair   Kind = "repair"
	Member   Kind = "member"
	Client   Kind = "client"
	Broke    Kind = "broken"

	Overwritten Kind = "overwritten"
)

// Event is something in a run that is worth a mark.
type Event struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// events tells what a record has changed.
func events(env *rafttest.InteractionEnv, before look, rec *Record, output string) []Event {
	var list []Event
	add := func(kind Kind, format string, args ...any) {
		list = append(list, Event{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	if e := rec.input(output); e.Text != "" {
		list = append(list, e)
	}
	highest := uint64(0)
	for _, l := range before {
		highest = max(highest, l.commit)
	}
	for i := range env.Nodes {
		was, is := nodeLook{}, lookAt(&env.Nodes[i])
		if i < len(before) {
			was = before[i]
		} else {
			was.machine, was.commit = is.machine, is.commit
			highest = max(highest, is.commit)
		}
		id := i + 1
		if is.up && (is.role != was.role || is.term != was.term && is.role != raft.StateFollower) {
			switch is.role {
			case raft.StateLeader:
				add(Elected, "S%d leads term %d", id, is.term)
			case raft.StateCandidate:
				add(Campaign, "S%d asks for votes in term %d", id, is.term)
			case raft.StatePreCandidate:
				add(Campaign, "S%d asks whether it could win term %d", id, is.term+1)
			case raft.StateFollower:
				if was.role == raft.StateLeader && was.up {
					add(StepDown, "S%d steps down%s", id, whyStepDown(&env.Nodes[i], rec, is.term > was.term))
				}
			}
		}
		if is.commit > highest {
			add(Commits, "S%d commits up to entry %d", id, is.commit)
			highest = is.commit
		}
		for _, text := range overwritten(&env.Nodes[i], was.tail) {
			add(Overwritten, "%s of S%d was overwritten by %s", text[0], id, text[1])
		}
		if is.machine != was.machine {
			if now := configText(&is.machine.Metadata.ConfState); now != configText(&was.machine.Metadata.ConfState) {
				add(Member, "S%d takes on the configuration %s", id, now)
			}
		}
		if is.failed && !was.failed {
			add(Fault, "S%d stops itself: %v", id, env.Nodes[i].Err())
		}
	}
	return list
}

// overwritten lists the entries of a tail in whose place the disk of a node has others: what they
// were, and what is there now.
func overwritten(n *rafttest.Node, tail []pb.Entry) (list [][2]string) {
	if len(tail) == 0 {
		return nil
	}
	log := storedLog(n)
	for i := range tail {
		was := entryView(&tail[i], "")
		for j := range log {
			if log[j].Index == was.Index && log[j].Term != was.Term {
				list = append(list, [2]string{
					fmt.Sprintf("entry %d (%s, term %d)", was.Index, was.name(), was.Term), fmt.Sprintf("the entry %d of term %d", was.Index, log[j].Term),
				})
			}
		}
	}
	return list
}

// whyStepDown says what has made a leader a follower.
func whyStepDown(n *rafttest.Node, rec *Record, laterTerm bool) string {
	switch {
	case laterTerm:
		return ": it has heard of a later term"
	case strings.HasPrefix(rec.data.Cmd, "tick") && len(n.AppendWork) > 0:
		return ": its own disk or a majority has not answered for an election timeout"
	case strings.HasPrefix(rec.data.Cmd, "tick"):
		return ": no majority has answered it for an election timeout (check-quorum)"
	}
	return ""
}

// input is the event that a record is by itself.
func (rec *Record) input(output string) Event {
	words := strings.Fields(rec.Note)
	if rec.Command == "" {
		switch {
		case len(words) < 2:
			return Event{}
		case words[0] == "cut":
			return Event{Fault, fmt.Sprintf("the link S%s–S%s is cut", words[1], words[2])}
		case words[0] == "mend":
			return Event{Repair, fmt.Sprintf("the link S%s–S%s is whole again", words[1], words[2])}
		case words[0] == "stale-read":
			return Event{Client, output}
		case words[2] == string(Fast) && words[0] == "disk" || words[2] == string(Normal):
			return Event{Repair, fmt.Sprintf("the %s of S%s is %s", words[0], words[1], words[2])}
		}
		return Event{Fault, fmt.Sprintf("the %s of S%s is %s", words[0], words[1], words[2])}
	}
	line, _, _ := strings.Cut(rec.Command, "\n")
	name := rec.data.Cmd
	switch {
	case name == "crash" && len(rec.data.CmdArgs) > 0:
		return Event{Fault, fmt.Sprintf("S%s crashes", rec.data.CmdArgs[0].Key)}
	case name == "partition" || name == "force-disk":
		return Event{Fault, line}
	case name == "restart" && len(rec.data.CmdArgs) > 0:
		return Event{Repair, fmt.Sprintf("S%s restarts", rec.data.CmdArgs[0].Key)}
	case name == "heal":
		return Event{Repair, line}
	case name == "propose" && len(rec.data.CmdArgs) == 2:
		return Event{Client, fmt.Sprintf("a client proposes “%s” at S%s", rec.data.CmdArgs[1].Key, rec.data.CmdArgs[0].Key)}
	case strings.HasPrefix(name, "propose"):
		return Event{Client, strings.ReplaceAll(rec.Command, "\n", " ")}
	case slices.Contains([]string{"read-index", "lease-read", "add-server", "transfer-leadership", "campaign", "step-down"}, name):
		return Event{Client, line}
	}
	return Event{}
}

// drops reports whether a command loses the messages to a node instead of delivering them.
func drops(rec *Record, to uint64) bool {
	for _, a := range rec.data.CmdArgs {
		if a.Key == "drop" {
			return slices.Contains(a.Vals, fmt.Sprint(to))
		}
	}
	return false
}
