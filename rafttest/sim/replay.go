package sim

// do repeats an action. What makes no sense, because actions before it were left out, does nothing.
func (w *world) do(a *action) {
	if a.kind == doJoin {
		w.join()
		return
	}
	if !w.has(a.node) {
		return
	}
	n := w.node(a.node)
	switch a.kind {
	case doTick:
		w.tick(n)
	case doDeliver:
		w.deliverLike(n, a)
	case doReady:
		w.ready(n)
	case doAppend:
		w.doAppend(n)
	case doApply:
		w.doApply(n)
	case doCrash:
		w.crash(n, int(a.n))
	case doCrashWriting:
		w.crashWriting(n, int(a.n))
	case doRestart:
		w.restart(n)
	case doCompact:
		w.compact(n, a.n)
	case doReadError:
		w.failRead(n, false)
	case doUnavailable:
		w.failRead(n, true)
	case doLoseDisk:
		w.loseDisk(n, a.n == 1, a.peer == 1)
	case doTake:
		w.take(n)
	case doCarryOut:
		w.doCarryOut(n)
	case doAcknowledge:
		w.doAcknowledge(n)
	case doAcks:
		w.doAcks(n)
	case doRepair:
		w.repair(n)
	case doBackup:
		w.backup(n)
	case doRead:
		w.askReadIndex(n)
	case doLeaseRead:
		w.leaseRead(n)
	default:
		_ = w.ask(n, *a)
	}
}

// deliverLike delivers the message that is most like the one that was delivered: the newest that
// says the same, otherwise the newest of its type from that node, of the same term if there is one.
// Any message that was sent may arrive at any time, and twice.
func (w *world) deliverLike(n *node, a *action) {
	best, likeness := int32(-1), 0
	for f := int32(len(w.flights)) - 1; f >= 0 && likeness < 3; f-- {
		m := &w.flights[f]
		if m.sender != a.peer || m.To != n.id || m.Type != a.key.typ {
			continue
		}
		like := 1
		switch {
		case keyOf(&m.Message) == a.key:
			like = 3
		case m.Term == a.key.term:
			like = 2
		}
		if like > likeness {
			best, likeness = f, like
		}
	}
	if best >= 0 {
		w.delivered = &w.flights[best]
		w.deliver(best)
	}
}
