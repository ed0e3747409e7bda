package picture

import "slices"

// Groups are the Raft groups of the picture, in the order in which they appear.
func (p *Picture) Groups() []uint64 {
	var groups []uint64
	for i := range p.Events {
		if e := &p.Events[i]; e.Node != 0 && !slices.Contains(groups, e.Group) {
			groups = append(groups, e.Group)
		}
	}
	return groups
}

// OfGroup is the picture of one of the groups, with steps of its own. What concerns no single node
// is in the picture of every group.
func (p *Picture) OfGroup(group uint64) *Picture {
	own := Picture{Title: p.Title, Header: p.Header}
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
		if e.Node != 0 && e.Group != group {
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
