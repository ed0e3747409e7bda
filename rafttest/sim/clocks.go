package sim

// clocks says whether actions can have happened in the order in which they stand, as far as the
// nodes' clocks go: leases count on them, and a read that is stale because a clock stood still is
// nobody's fault.
//
// Between something that node a does and something that node b does later, time passes, in which
// a's clock ticks at most rate times as often as b's, and one tick more at either end:
//
//	ticks(a) - rate*ticks(b) <= rate + 1
//
// A node that was paused makes up for its ticks before it does anything else. That is why only
// moments count in which a node does something.
type clocks struct {
	rate float64 // how much faster than another a clock may be
	slip float64 // what a run may differ by; more than the bound if the run that failed did
}

func (s *simulation) clocks() clocks {
	c := clocks{rate: 1 + s.faults.Drift/float64(s.w.base.ElectionTick)}
	c.slip = c.rate + 1
	return c
}

// pair is how far the clock of one node has run ahead of another's, and the least that it has been
// since both are up.
type pair struct{ ahead, least float64 }

// excess is how far a clock runs ahead at most.
func (c *clocks) excess(actions []action, nodes int) float64 {
	for i := range actions {
		nodes = max(nodes, int(actions[i].node))
		if actions[i].kind == doJoin {
			nodes++
		}
	}
	// pairs[a*nodes+b] compares the clock of a with that of b.
	pairs := make([]pair, nodes*nodes)
	worst := 0.0
	for i := range actions {
		act := &actions[i]
		if act.kind == doJoin || act.node == 0 {
			continue
		}
		at := int(act.node) - 1
		for other := range nodes {
			ahead, behind := &pairs[at*nodes+other], &pairs[other*nodes+at]
			switch act.kind {
			case doTick:
				ahead.ahead++
				behind.ahead -= c.rate
			case doCrash, doCrashWriting, doRestart, doLoseDisk:
				*ahead, *behind = pair{}, pair{}
			default:
				ahead.least = min(ahead.least, ahead.ahead)
				if other != at {
					worst = max(worst, behind.ahead-behind.least)
				}
			}
		}
	}
	return worst
}

// thin returns ways to leave the actions from from to to out, but for ticks that others' clocks
// need, the shortest first.
func thin(actions []action, from, to int) [][]action {
	count := map[uint64]int{}
	for i := from; i < to; i++ {
		if actions[i].kind == doTick {
			count[actions[i].node]++
		}
	}
	if len(count) == 0 {
		return nil
	}
	var ways [][]action
	if to-from == 1 {
		ways = append(ways, withoutRound(actions, from))
	} else {
		fewest := to
		for i := range count {
			fewest = min(fewest, count[i])
		}
		ways = append(ways, withoutTicks(actions, from, to, fewest, false), withoutTicks(actions, from, to, fewest, true))
	}
	return append(ways, withoutTicks(actions, from, to, 0, false))
}

// withoutTicks leaves out that many ticks of each node, and what is no tick unless it is to stay.
func withoutTicks(actions []action, from, to, ticks int, stay bool) []action {
	rest := append([]action(nil), actions[:from]...)
	gone := map[uint64]int{}
	for i := from; i < to; i++ {
		if a := &actions[i]; a.kind == doTick {
			if gone[a.node]++; gone[a.node] > ticks {
				rest = append(rest, *a)
			}
		} else if stay {
			rest = append(rest, *a)
		}
	}
	return append(rest, actions[to:]...)
}

// withoutRound leaves out a tick, and one of each other node that ticks at about that time: a node
// that is down does not.
func withoutRound(actions []action, at int) []action {
	rest := append([]action(nil), actions[:at]...)
	gone, own := map[uint64]bool{}, 0
	for i := at; i < len(actions); i++ {
		a := &actions[i]
		if a.kind == doTick && a.node == actions[at].node {
			own++
		}
		if a.kind == doTick && !gone[a.node] && own <= 2 {
			gone[a.node] = true
			continue
		}
		rest = append(rest, *a)
	}
	return rest
}
