package sim

// What is left when no part of a run can be left out may still be long: two things that need each
// other go together only, and a node that campaigns of itself needs ticks.

// far is how far from each other two actions are that are left out together.
const far = 12

// shorten leaves out what goes only together, or in exchange, and then again what can be left out
// alone. Where the clocks matter there is nothing to exchange, and too much to look at.
func (sh *shrinker) shorten(actions []action, try func([]action) []action, done func() bool) []action {
	for !done() {
		before := len(actions)
		if !sh.timed() {
			actions = sh.swap(actions, try, done)
			actions = sh.pairs(actions, try, done)
			if len(actions) == before {
				return actions
			}
		}
		actions = sh.reduce(actions, try, done)
		if len(actions) == before {
			return actions
		}
	}
	return actions
}

// accepts returns a way to leave something out if it still fails, and is shorter.
func (sh *shrinker) accepts(actions, rest []action, try func([]action) []action) []action {
	if !sh.timely(rest) {
		return nil
	}
	if less := try(rest); less != nil && len(less) < len(actions) && sh.timely(less) {
		sh.keep(less)
		return less
	}
	return nil
}

// swap puts an order to campaign in the place of a tick, and leaves out those that came before it.
func (sh *shrinker) swap(actions []action, try func([]action) []action, done func() bool) []action {
	for at := len(actions) - 1; at > 0 && !done(); at-- {
		if at >= len(actions) || actions[at].kind != doTick {
			continue
		}
		node := actions[at].node
		rest := make([]action, 0, len(actions))
		for i := range actions {
			switch ticks := actions[i].kind == doTick && actions[i].node == node; {
			case i == at:
				rest = append(rest, action{kind: doCampaign, node: node})
			case !ticks || i > at || i < at-5*far:
				rest = append(rest, actions[i])
			}
		}
		if len(rest) == len(actions) {
			continue
		}
		if less := sh.accepts(actions, rest, try); less != nil {
			actions = less
		}
	}
	return actions
}

// pairs leaves two actions out at once.
func (sh *shrinker) pairs(actions []action, try func([]action) []action, done func() bool) []action {
	for i := len(actions) - 2; i >= 0 && !done(); i-- {
		for j := i + 1; j <= i+far && j < len(actions) && !done(); j++ {
			rest := make([]action, 0, len(actions))
			rest = append(append(append(rest, actions[:i]...), actions[i+1:j]...), actions[j+1:]...)
			if less := sh.accepts(actions, rest, try); less != nil {
				actions = less
				break
			}
		}
	}
	return actions
}
