package picture

import "slices"

// Groups are the Raft groups of the picture, in their order; 0 alone if there are none.
func (p *Picture) Groups() []uint64 {
	var groups []uint64
	for i := range p.Events {
		if g := p.Events[i].Group; g != 0 && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return []uint64{0}
	}
	slices.Sort(groups)
	return groups
}

// OfGroup is the picture of one of the groups, with steps of its own. What concerns no single group
// is in the picture of every group.
func (p *Picture) OfGroup(group uint64) *Picture {
	own := Picture{Title: p.Title, Header: p.Header, Lane: p.Lane}
	events, messages := map[int]int{}, map[int]int{} // where those of p are in own
	lane := func(id uint64) {
		if id != 0 && slices.Contains(p.Nodes, id) && !slices.Contains(own.Nodes, id) {
			own.Nodes = append(own.Nodes, id)
		}
	}
	take := func(list []int) []int {
		var kept []int
		for _, i := range list {
			if _, known := messages[i]; !known {
				messages[i] = len(own.Messages)
				own.Messages = append(own.Messages, p.Messages[i])
			}
			kept = append(kept, messages[i])
		}
		return kept
	}
	for i, e := range p.Events {
		if e.Group != 0 && e.Group != group {
			continue
		}
		events[i] = len(own.Events)
		lane(e.Node)
		e.Sent, e.Received, e.Lost = take(e.Sent), take(e.Received), take(e.Lost)
		own.Events = append(own.Events, e)
	}
	for i := range own.Messages {
		m := &own.Messages[i]
		lane(m.From)
		lane(m.To)
		m.Sent = events[m.Sent]
		if m.Ended >= 0 {
			m.Ended = events[m.Ended]
		}
	}
	slices.Sort(own.Nodes)
	return &own
}
