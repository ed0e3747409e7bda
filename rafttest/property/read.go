package property

import "slices"

// Asks reports that a read is requested at a node.
func (n *Node) Asks(context []byte) {
	n.tell(Event{Kind: Asked, Context: context})
	if n.reads == nil {
		n.reads = map[string][]uint64{}
	}
	n.reads[string(context)] = append(n.reads[string(context)], n.court.committed())
}

// Answers reports the index that a read gets. Of several reads with one context, the answer is for
// the latest one that it is valid for.
func (n *Node) Answers(context []byte, index uint64) {
	n.tell(Event{Kind: Answered, Context: context, Index: index})
	floors := n.reads[string(context)] // they never fall
	good := len(floors) - 1
	for good >= 0 && index < floors[good] {
		good--
	}
	switch {
	case good >= 0:
		n.reads[string(context)] = slices.Delete(floors, good, good+1)
	case len(floors) > 0:
		n.fail(ReadSafety, "node %d answers the read %q with index %d, committed was %d when it was asked for", n.ID, context, index, floors[0])
	default:
		n.failUnasked("answers", context)
	}
}

// DropsRead reports that a read will not be answered: of several with one context, the latest.
func (n *Node) DropsRead(context []byte) {
	n.tell(Event{Kind: Dropped, Context: context})
	if floors := n.reads[string(context)]; len(floors) > 0 {
		n.reads[string(context)] = floors[:len(floors)-1]
		return
	}
	n.failUnasked("drops", context)
}

// failUnasked: nobody waits for the read.
func (n *Node) failUnasked(does string, context []byte) {
	if _, asked := n.reads[string(context)]; asked || !n.court.lenient() {
		n.fail(ReadSafety, "node %d %s the read %q, for which nobody waits", n.ID, does, context)
	}
}

// LeaseReads reports the index of a read that a leader answers from its lease.
func (n *Node) LeaseReads(index uint64) {
	n.tell(Event{Kind: LeaseRead, Index: index})
	if committed := n.court.committed(); index < committed {
		n.fail(ReadSafety, "node %d reads at %d from its lease in term %d, committed is %d", n.ID, index, n.Term, committed)
	}
}
