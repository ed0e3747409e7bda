package raft

import (
	"cmp"
	"slices"

	"github.com/ffd200af/raft/tracker"
)

// Catching up (thesis §4.2.1): a server that joins with an empty log would hold up commitment as a
// voter, so it is a learner first. The leader splits what it still lacks into rounds; a
// round ends when the learner has everything that was in the leader's log when the round began.
//
//	leader's log:  |.......|....|..|.|     grows while the learner copies it
//	rounds:            1      2   3 4      the shorter, the closer the learner is
//
// A learner is caught up when a round took less than an election timeout: as a voter it would
// not keep clients waiting for longer than an election does. Whoever waits for a learner that
// gets no closer is told so after Config.CatchUpRounds. Rounds are counted at the leader's ticks;
// they are forgotten with the leadership.
//
// On an idle cluster a dead learner keeps a Match equal to the last index. So a wait succeeds only
// if the learner has answered since the wait began, and within the last election timeout.

// wait says who waits for a learner.
type wait uint8

const (
	nobodyWaits   wait = iota
	waitsCaughtUp      // AwaitCatchUp: for the state
	waitsPromoted      // AddServer: for the vote
)

// catchUp is a CatchUp with what the leader needs to drive it.
type catchUp struct {
	CatchUp
	wait    wait
	running bool // a round is under way
	// promoting: change is the promotion.
	promoting bool
	context   []byte // of the configuration changes that AddServer proposes

	seen    uint64 // the learner's match when it moved last
	idle    int    // ticks without progress while a round runs or the learner is silent
	silent  int    // ticks since the learner answered; a wait begins as silent
	refused int    // ticks in which its promotion could not be proposed
	change  uint64 // index of the change that AddServer proposed last; 0 if none
	// ineffective counts the ticks since that change was applied without an effect.
	ineffective int

	roundsBefore int // rounds that had ended when the wait began
}

// awaitLearner begins a wait for c; the learner counts as silent until it answers. A wait for more
// that is already under way stays.
func (r *raft) awaitLearner(c *catchUp, w wait, context []byte) {
	if c.wait == nobodyWaits {
		c.roundsBefore, c.idle, c.refused = c.Rounds, 0, 0
		c.silent = r.limits.electionTicks()
		if i := r.members.Find(c.ID); i >= 0 {
			r.members.Progress(i).TakeAnswer()
		}
	}
	if w >= c.wait {
		c.wait, c.context = w, context
	}
}

// catchUps are the learners of a leader, and the servers that are to become learners. It is nil
// until there are some.
type catchUps struct {
	list []catchUp // sorted by id
	news []CatchUp // for the next Ready
}

// all returns the list.
func (cs *catchUps) all() []catchUp {
	if cs == nil {
		return nil
	}
	return cs.list
}

// search returns the position of id in the list, or where it belongs, and whether it is there.
func (cs *catchUps) search(id uint64) (int, bool) {
	return slices.BinarySearchFunc(cs.all(), id, func(c catchUp, id uint64) int { return cmp.Compare(c.ID, id) })
}

func (cs *catchUps) find(id uint64) *catchUp {
	if i, ok := cs.search(id); ok {
		return &cs.list[i]
	}
	return nil
}

// add adds a server that is not in the list.
func (cs *catchUps) add(c catchUp) {
	i, _ := cs.search(c.ID)
	cs.list = slices.Insert(cs.list, i, c)
}

// tell ends the wait for c with its state.
func (cs *catchUps) tell(c *catchUp) {
	if c.wait != nobodyWaits {
		cs.news = append(cs.news, c.CatchUp)
		c.wait, c.context, c.change, c.promoting, c.ineffective = nobodyWaits, nil, 0, false, 0
	}
}

// take gives the news away.
func (cs *catchUps) take() []CatchUp {
	news := cs.news
	cs.news = nil
	return news
}

// drop forgets everything when the leadership ends, and tells those who wait.
func (cs *catchUps) drop() {
	if cs == nil {
		return
	}
	for i := range cs.list {
		c := &cs.list[i]
		c.State = CatchUpGivenUp
		cs.tell(c)
	}
	cs.list = nil
}

// openCatching returns the learners, to add some.
func (r *raft) openCatching() *catchUps {
	if r.catching == nil {
		r.catching = &catchUps{}
	}
	return r.catching
}

// trackLearners follows the configuration: it starts to count for new learners, and stops
// for servers that are none any more.
func (r *raft) trackLearners() {
	old := catchUps{list: r.catching.all()}
	if r.catching != nil {
		r.catching.list = nil
	}
	for i := range r.members.Len() {
		id := r.members.ID(i)
		c := old.find(id)
		switch {
		case r.members.IsLearner(i) && c != nil && r.members.Progress(i).Match >= c.seen:
			r.catching.list = append(r.catching.list, *c)
		case r.members.IsLearner(i):
			first := catchUp{CatchUp: CatchUp{ID: id, Target: r.log.LastIndex()}, running: true, silent: r.limits.electionTicks()}
			if c != nil { // it was added again: nothing is known of its log
				first.wait, first.context = c.wait, c.context
			}
			r.openCatching().list = append(r.openCatching().list, first)
		case c != nil && r.members.IsVoter(i):
			c.State = CatchUpPromoted
			r.catching.tell(c)
		}
	}
	for i := range old.list {
		c := &old.list[i]
		switch {
		case r.members.Find(c.ID) >= 0:
		case c.change > r.log.Applied():
			r.catching.add(*c) // its change is not applied yet
		default:
			c.State = CatchUpGivenUp
			r.catching.tell(c)
		}
	}
}

// tickCatchUps counts a tick of every learner's round. It reports whether there may be a server to
// promote, or one that is no member. Both lists are sorted by id.
func (r *raft) tickCatchUps() (promote bool) {
	member := 0
	all := r.catching.all()
	for i := range all {
		c := &all[i]
		for member < r.members.Len() && r.members.ID(member) < c.ID {
			member++
		}
		isMember := member < r.members.Len() && r.members.ID(member) == c.ID
		if isMember {
			r.tickCatchUp(c, r.members.Progress(member))
		}
		promote = promote || !isMember || c.wait == waitsPromoted
	}
	return promote
}

// tickCatchUp ends and begins rounds, and decides about the learner.
func (r *raft) tickCatchUp(c *catchUp, pr *tracker.Progress) {
	if pr.TakeAnswer() {
		c.silent = 0
	}
	if last := r.log.LastIndex(); !c.running && pr.Match < last {
		c.running, c.Ticks, c.Target = true, 0, last
	}
	if c.running {
		c.Ticks++
	}
	switch {
	case pr.Match > c.seen || pr.State == tracker.StateSnapshot:
		c.seen, c.idle = pr.Match, 0
	case c.running || r.isSilent(c):
		c.idle++
	}
	c.silent++
	slow := c.Ticks >= r.limits.electionTicks()
	switch {
	case pr.Match < c.Target:
		if slow {
			c.State = CatchingUp
		}
	default:
		c.endRound()
		if !slow {
			c.State = CaughtUp
		}
	}
	r.decideCatchUp(c)
}

// endRound ends the round that is under way, if one is.
func (c *catchUp) endRound() {
	if c.running {
		c.running = false
		c.Rounds++
		c.LastTicks, c.Ticks = c.Ticks, 0
	}
}

// isSilent reports whether a learner has not answered for an election timeout, or not since its
// wait began.
func (r *raft) isSilent(c *catchUp) bool { return c.silent >= r.limits.electionTicks() }

// decideCatchUp ends a wait, for better or worse. The learner goes on to be counted.
func (r *raft) decideCatchUp(c *catchUp) {
	patience := r.limits.catchUpRounds() * r.limits.electionTicks()
	switch {
	case c.wait == nobodyWaits || c.promoting:
	case c.State == CaughtUp && !r.isSilent(c) && c.refused < patience:
		if c.wait == waitsCaughtUp {
			r.catching.tell(c)
		}
	case c.refused >= patience || c.Rounds-c.roundsBefore >= r.limits.catchUpRounds() || c.idle >= patience:
		r.logger.Infof("%x: %x does not catch up: %d rounds, the last took %d ticks, no progress for %d ticks",
			r.id, c.ID, c.Rounds-c.roundsBefore, c.LastTicks, c.idle)
		r.giveUpCatchUp(c)
	}
}

// giveUpCatchUp tells those who wait for a learner that they wait in vain. A learner goes on to be
// counted.
func (r *raft) giveUpCatchUp(c *catchUp) {
	state := c.State
	c.State = CatchUpGivenUp
	r.catching.tell(c)
	c.State = state
}
