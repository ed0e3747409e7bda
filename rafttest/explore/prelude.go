package explore

import (
	"fmt"

	"github.com/ffd200af/raft/internal/driver"
)

// begin makes the state from which exploration starts.
func (x *explorer) begin() error {
	c := &x.first
	for i := range x.world.Nodes {
		state, err := x.nodes.begin(uint64(i + 1))
		if err != nil {
			return err
		}
		c.nodes[i] = state
	}
	if !x.world.Led {
		return nil
	}
	if err := x.lead(c); err != nil {
		return err
	}
	// What has happened until now does not count, and has treated all followers alike.
	c.used, c.moved, c.messages = [counted]uint8{}, 1, nil // what was sent is lost
	return nil
}

// lead lets node 1 win an election, and delivers everything until nothing is left to do.
func (x *explorer) lead(c *cluster) error {
	x.noting = true
	delivered := map[uint32]bool{}
	next, more := stepOf(campaign, 0, 0), true
	for ; more; next, more = x.due(c, delivered) {
		if len(x.noted) > 200 {
			return fmt.Errorf("the world does not come to rest before the exploration")
		}
		if next.kind() == deliver {
			delivered[next.message()] = true
		}
		if _, err := x.take(c, next); err != nil {
			return err
		}
	}
	x.prelude, x.noted, x.noting = x.noted, nil, false
	return nil
}

// due returns a step that has to be taken before the world is at rest.
func (x *explorer) due(c *cluster, delivered map[uint32]bool) (step, bool) {
	for i := range x.world.Nodes {
		v := &x.nodes.states[c.nodes[i]].view
		switch {
		case v.ready:
			return stepOf(ready, i, 0), true
		case v.owes[driver.AppendThread]:
			return stepOf(acknowledge, i, driver.AppendThread), true
		case v.owes[driver.ApplyThread]:
			return stepOf(acknowledge, i, driver.ApplyThread), true
		case v.writes:
			return stepOf(writeDisk, i, 0), true
		case v.applies:
			return stepOf(applyEntries, i, 0), true
		}
	}
	for _, m := range c.messages {
		if x.recipient(m) < x.world.Nodes && !delivered[m] {
			return delivery(m), true
		}
	}
	return 0, false
}
