package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
)

// Action is something that a user of the page does.
type Action struct {
	// Do is the name of the action, see actions.
	Do string `json:"do"`
	// Node is the node that it is done to; Peer the other end of a link, a member, or the next
	// leader.
	Node uint64 `json:"node"`
	Peer uint64 `json:"peer"`
	// Message is the number of a message in flight.
	Message int `json:"message"`
	// Text is data to propose, a speed, a rate, or a command.
	Text string `json:"text"`
}

// actions are what a page can do, by name.
func actions() map[string]func(r *Run, a *Action) error {
	command := func(format string) func(r *Run, a *Action) error {
		return func(r *Run, a *Action) error { return r.command(fmt.Sprintf(format, a.Node)) }
	}
	return map[string]func(r *Run, a *Action) error{
		"crash":     (*Run).crash,
		"restart":   command("restart %d"),
		"campaign":  command("campaign %d"),
		"lease":     command("lease-read %d"),
		"step-down": command("step-down %d"),
		"propose":   (*Run).propose,
		"read": func(r *Run, a *Action) error {
			return r.command(fmt.Sprintf("read-index %d r%d", a.Node, len(r.world.reads)+1))
		},
		"stale":   func(r *Run, a *Action) error { return r.takeNote("stale-read %d", a.Node) },
		"cut":     func(r *Run, a *Action) error { return r.setLink(a.Node, a.Peer, true) },
		"mend":    func(r *Run, a *Action) error { return r.setLink(a.Node, a.Peer, false) },
		"isolate": func(r *Run, a *Action) error { return r.setLinks(a.Node, true) },
		"rejoin":  func(r *Run, a *Action) error { return r.setLinks(a.Node, false) },
		"heal":    (*Run).heal,
		"disk":    func(r *Run, a *Action) error { return r.takeNote("disk %d %s", a.Node, a.Text) },
		"clock":   func(r *Run, a *Action) error { return r.takeNote("clock %d %s", a.Node, a.Text) },
		"add":     (*Run).addServer,
		"remove":  (*Run).removeServer,
		"transfer": func(r *Run, a *Action) error {
			return r.command(fmt.Sprintf("transfer-leadership from=%d to=%d", a.Node, a.Peer))
		},
		"compact": (*Run).compact,
		"deliver": func(r *Run, a *Action) error { return r.oneMessage(a.Message, false) },
		"drop":    func(r *Run, a *Action) error { return r.oneMessage(a.Message, true) },
		"command": func(r *Run, a *Action) error { return r.command(a.Text) },
	}
}

// Do carries out an action. Records behind the present one are dropped. The error says that the
// action makes no sense; what a node has to say is the output of the records.
func (r *Run) Do(a Action) error {
	do, known := actions()[a.Do]
	if !known {
		return fmt.Errorf("unknown action %q", a.Do)
	}
	usesNode := !slices.Contains([]string{"heal", "deliver", "drop", "command", "add"}, a.Do)
	if usesNode && (a.Node == 0 || a.Node > uint64(len(r.env.Nodes))) {
		return fmt.Errorf("there is no node %d", a.Node)
	}
	return do(r, &a)
}

// crash stops a node. A disk that was lying loses what it had not written.
func (r *Run) crash(a *Action) error {
	n, d := &r.env.Nodes[a.Node-1], &r.world.disks[a.Node-1]
	lost := ""
	if n.RawNode != nil {
		lost = d.loss(n, a.Node)
	}
	if err := r.command(fmt.Sprintf("crash %d", a.Node)); err != nil || lost == "" {
		return err
	}
	return r.command(lost)
}

// propose proposes the text, or the next letter.
func (r *Run) propose(a *Action) error {
	data := strings.TrimSpace(a.Text)
	if data == "" {
		data = r.nextLetter()
	}
	if strings.ContainsAny(data, " \t\n=()") || len(data) > 40 {
		return errors.New("type one word of at most 40 letters, such as x5: no spaces, no = and no brackets")
	}
	return r.command(fmt.Sprintf("propose %d %s", a.Node, data))
}

// nextLetter is what a proposal without a text proposes.
func (r *Run) nextLetter() string {
	letter := string(rune('a' + r.world.writes%26))
	if round := r.world.writes / 26; round > 0 {
		letter += fmt.Sprint(round)
	}
	return letter
}

func (r *Run) setLink(from, to uint64, cut bool) error {
	if to == 0 || to > uint64(len(r.env.Nodes)) || from == to {
		return fmt.Errorf("there is no link between %d and %d", from, to)
	}
	l := linkOf(from, to)
	if r.world.links[l] == cut {
		return nil
	}
	word := "mend"
	if cut {
		word = "cut"
	}
	return r.takeNote("%s %d %d", word, l[0], l[1])
}

// setLinks cuts or mends all links of a node.
func (r *Run) setLinks(node uint64, cut bool) error {
	for i := range r.env.Nodes {
		if peer := uint64(i + 1); peer != node {
			if err := r.setLink(node, peer, cut); err != nil {
				return err
			}
		}
	}
	return nil
}

// heal mends all links, and ends the partition of a script.
func (r *Run) heal(*Action) error {
	for _, l := range r.world.links.list() {
		if err := r.setLink(l[0], l[1], false); err != nil {
			return err
		}
	}
	return r.command("heal")
}

// leader returns the leader of the latest term.
func (r *Run) leader() (*rafttest.Node, error) {
	var leader *rafttest.Node
	for i := range r.env.Nodes {
		n := &r.env.Nodes[i]
		if n.RawNode == nil || n.BasicStatus().RaftState != raft.StateLeader {
			continue
		}
		if leader == nil || leader.BasicStatus().Term < n.BasicStatus().Term {
			leader = n
		}
	}
	if leader == nil {
		return nil, errors.New("there is no leader, who alone can change the members")
	}
	return leader, nil
}

// addServer starts an empty node with the options of the others and has the leader bring it in.
func (r *Run) addServer(*Action) error {
	if len(r.env.Nodes) >= MaxNodes {
		return fmt.Errorf("a page shows at most %d nodes", MaxNodes)
	}
	leader, err := r.leader()
	if err != nil {
		return err
	}
	id, config, plain := leader.Config.ID, *leader.Config, rafttest.DefaultConfig()
	plain.ID, plain.Applied, config.Seed = config.ID, config.Applied, 0
	if err := r.command("add-nodes 1" + rafttest.ConfigOptions(&plain, &config)); err != nil {
		return err
	}
	return r.command(fmt.Sprintf("add-server %d %d", id, len(r.env.Nodes)))
}

// removeServer has the leader propose to remove a member.
func (r *Run) removeServer(a *Action) error {
	leader, err := r.leader()
	if err != nil {
		return err
	}
	return r.command(fmt.Sprintf("propose-conf-change %d\nr%d", leader.Config.ID, a.Node))
}

// compact drops the log of a node up to what it has applied.
func (r *Run) compact(a *Action) error {
	n := &r.env.Nodes[a.Node-1]
	first, err := n.FirstIndex()
	if err != nil {
		return err
	}
	applied := newest(n).Metadata.Index
	if last, err := n.LastIndex(); err != nil || last < applied {
		applied = last
	}
	if applied < first {
		return fmt.Errorf("nothing to compact: the log of S%d has no applied entry", a.Node)
	}
	return r.command(fmt.Sprintf("compact %d %d", a.Node, applied))
}

// oneMessage delivers or drops a message in flight, with those that look like it.
func (r *Run) oneMessage(wanted int, drop bool) error {
	i := slices.IndexFunc(r.world.flights, func(f flight) bool { return f.number == wanted })
	if i < 0 {
		return errors.New("the message is not in flight any more")
	}
	m := &r.env.Messages[i]
	command := strings.TrimSuffix(rafttest.DeliverCommand(m), " newest=true keep=true")
	if drop || !r.world.links.connect(m.From, m.To) {
		command = strings.Replace(command, fmt.Sprintf("deliver-msgs %d ", m.To), fmt.Sprintf("deliver-msgs drop=(%d) ", m.To), 1)
	}
	return r.command(command)
}
