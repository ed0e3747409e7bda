package sim

import (
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// What a run reports for its picture, see Config.Picture.

// watcher returns what the observer gives its reports to, nil for nobody. now is the virtual clock.
func (c *Config) watcher(now func() uint64) func(*property.Event) {
	if c.Picture == nil && c.Watch == nil {
		return nil
	}
	return func(e *property.Event) {
		c.Picture.Time(fmt.Sprintf("tick %.1f", float64(now())/tickTime))
		c.Picture.Watch(e)
		if c.Watch != nil {
			c.Watch(now(), e)
		}
	}
}

// draw begins an event of the picture: an action at a node. Deliveries, starts and crashes are
// reports of the observer.
func (w *world) draw(n *node, a *action) {
	p := w.cfg.Picture
	if p == nil {
		return
	}
	p.Time(fmt.Sprintf("tick %.1f", float64(w.clock())/tickTime))
	switch a.kind {
	case doDeliver, doCrash, doCrashWriting:
	case doTick:
		p.Event(n.id, picture.Tick, "tick")
	case doReady, doTake, doAcknowledge:
		p.Event(n.id, picture.Ready, "")
	case doCarryOut, doAppend:
		p.Event(n.id, picture.Write, "disk writes")
	case doAcks:
		p.Event(n.id, picture.Receive, "learns what its disk has done")
	case doApply, doCompact, doBackup:
		p.Event(n.id, picture.Apply, "")
	default:
		p.Event(n.id, picture.Input, a.words())
	}
}

// words says in a few words what is asked of a node.
func (a *action) words() string {
	switch a.kind {
	case doConfChange:
		var cc pb.ConfChangeV2
		if cc.Unmarshal(a.data) == nil {
			return "change " + pb.ConfChangesToString(cc.Changes)
		}
	case doTransfer, doAddServer, doAwait, doUnreachable, doSnapStatus:
		return fmt.Sprintf("%s %d", a.kind, a.peer)
	case doRead:
		return fmt.Sprintf("%s %s", a.kind, readContext(a.n))
	case doSkip:
		return fmt.Sprintf("%s %d", a.kind, a.n)
	}
	return a.kind.String()
}

// drawLog reports the log that a node starts with.
func (w *world) drawLog(n *node) {
	if w.cfg.Picture == nil {
		return
	}
	term, _ := n.Log.Term(n.Log.Base)
	w.cfg.Picture.Log(n.id, n.Log.Base+1, term, w.logOf(n))
}

// drawCuts reports between which hosts messages are lost: the two sides of a partition, or more.
func (s *simulation) drawCuts() {
	if s.w.cfg.Picture == nil {
		return
	}
	s.w.cfg.Picture.Time(fmt.Sprintf("tick %.1f", float64(s.now)/tickTime))
	sides := map[uint64]int{}
	numbers := map[uint64]int{} // by what is cut
	all := uint64(1)<<len(s.hosts) - 1
	for i := range s.hosts {
		cut := s.net.cut[i] & all &^ (1 << i)
		if numbers[cut] == 0 {
			numbers[cut] = len(numbers) + 1
		}
		sides[uint64(i)+1] = numbers[cut]
	}
	if len(numbers) == 1 && numbers[0] == 1 {
		sides = nil
	}
	s.w.cfg.Picture.Partition(sides)
}
