package run

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
)

// link is a connection of two nodes, the smaller id first.
type link [2]uint64

func linkOf(a, b uint64) link { return link{min(a, b), max(a, b)} }

// links are those that are cut.
type links map[link]bool

func (l links) connect(from, to uint64) bool {
	return raft.IsLocalMsgTarget(from) || !l[linkOf(from, to)]
}

// list returns the cut links in order.
func (l links) list() []link {
	list := []link{}
	for cut := range l {
		list = append(list, cut)
	}
	slices.SortFunc(list, func(a, b link) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return list
}

// groupsOf numbers the sides of the command partition (1,2) (3).
func groupsOf(args []datadriven.CmdArg) map[uint64]int {
	groups, side := map[uint64]int{}, 1
	for _, a := range args {
		for _, word := range strings.FieldsFunc(a.String(), func(r rune) bool { return strings.ContainsRune("(), ", r) }) {
			groups[uint64(number(word))] = side
		}
		if strings.HasSuffix(a.String(), ")") {
			side++
		}
	}
	return groups
}

// severed lists the links that are cut, and those between the sides of a script's partition.
func (w *world) severed(nodes int) []link {
	all := links{}
	for l := range w.links {
		all[l] = true
	}
	for a := uint64(1); a <= uint64(nodes); a++ {
		for b := a + 1; b <= uint64(nodes); b++ {
			if w.groups[a] != w.groups[b] {
				all[link{a, b}] = true
			}
		}
	}
	return all.list()
}

// Speed is how a disk writes.
type Speed string

// The speeds of a disk. One that is lying acknowledges a write at once, and a crash takes back
// what was written since it has begun to lie.
const (
	Fast  Speed = "fast"
	Slow  Speed = "slow"
	Dead  Speed = "dead"
	Lying Speed = "lying"
)

// slowBeats is how many beats a slow disk takes to write.
const slowBeats = 6

// disk is the disk of a node, and the writes that it was asked for.
type disk struct {
	speed Speed // "" is fast
	asked []int // the beats in which the writes were asked for that are not done
	kept  *kept // what a lying disk will have after a crash; nil if it has not lied
}

// due reports whether the oldest write is done in a beat.
func (d *disk) due(beat int) bool {
	if len(d.asked) == 0 || d.speed == Dead {
		return false
	}
	return d.speed != Slow || beat >= d.asked[0]+slowBeats
}

// follow takes in which writes were asked for and done.
func (d *disk) follow(n *rafttest.Node, beat int) {
	if done := len(d.asked) - len(n.AppendWork); done > 0 {
		d.asked = d.asked[done:]
	}
	for len(d.asked) < len(n.AppendWork) {
		d.asked = append(d.asked, beat)
	}
	if d.speed != Lying && len(d.asked) == 0 && len(n.AppendWork) == 0 {
		d.kept = nil // a later write has synced everything
	}
}

// Rate is how fast a clock runs.
type Rate string

// The rates of a clock.
const (
	Normal      Rate = "normal"
	FastClock   Rate = "fast" // two ticks a beat
	SlowClock   Rate = "slow" // a tick every other beat
	StoppedRate Rate = "stopped"
)

// clock is the clock of a node.
type clock struct{ rate Rate } // "" is normal

// ticks is how many ticks a beat brings.
func (c clock) ticks(beat int) int {
	switch c.rate {
	case FastClock:
		return 2
	case SlowClock:
		return beat % 2
	case StoppedRate:
		return 0
	}
	return 1
}

// checkNote returns what is wrong with a note.
func checkNote(note string) error {
	words := strings.Fields(note)
	bad := fmt.Errorf("%q is not a note of a run", note)
	if len(words) == 0 {
		return bad
	}
	id := func(i int) bool { n := number(words[i]); return n >= 1 && n <= maxID }
	switch kind := words[0]; {
	case kind == "pass" && len(words) == 1:
	case (kind == "cut" || kind == "mend") && len(words) == 3 && id(1) && id(2) && words[1] != words[2]:
	case kind == "stale-read" && len(words) == 2 && id(1):
	case kind == "disk" && len(words) == 3 && id(1) && slices.Contains([]Speed{Fast, Slow, Dead, Lying}, Speed(words[2])):
	case kind == "clock" && len(words) == 3 && id(1) &&
		slices.Contains([]Rate{Normal, FastClock, SlowClock, StoppedRate}, Rate(words[2])):
	default:
		return bad
	}
	return nil
}

// maxID is the largest id of a note, as of a node in scripts.
const maxID = 64

// number returns a decimal number, 0 if it is none.
func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		return 0
	}
	return n
}

// note carries out a note that checkNote accepts, and returns what there is to say.
func (w *world) note(env *rafttest.InteractionEnv, note string) string {
	words := strings.Fields(note)
	idx := -1
	if len(words) > 1 {
		idx = number(words[1]) - 1
	}
	if idx >= len(env.Nodes) {
		return fmt.Sprintf("there is no node %d", idx+1)
	}
	switch words[0] {
	case "cut":
		w.links[linkOf(uint64(idx+1), uint64(number(words[2])))] = true
	case "mend":
		delete(w.links, linkOf(uint64(idx+1), uint64(number(words[2]))))
	case "disk":
		d := &w.disks[idx]
		d.speed = Speed(words[2])
		if d.speed == Lying && d.kept == nil {
			d.kept = keep(&env.Nodes[idx])
		}
	case "clock":
		w.clocks[idx].rate = Rate(words[2])
	case "stale-read":
		return w.staleRead(env, idx)
	}
	return "ok"
}
