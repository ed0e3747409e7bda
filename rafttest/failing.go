package rafttest

// handleFailRead makes the next read that a node does of its disk's entries fail, after which it
// gives up, or with moment the next read of entries or of the snapshot, which it tries again later.
// With never, none fails that has not yet:
//
//	fail-read ID [moment=true | never=true]
func handleFailRead(env *InteractionEnv, a *args) error {
	idx := a.node()
	var moment, never bool
	a.setBool("moment", &moment)
	a.setBool("never", &never)
	if err := a.done(); err != nil {
		return err
	}
	n, err := env.liveNode(idx)
	if err != nil || n.reads == nil {
		return err
	}
	switch {
	case never:
		n.reads.FailNext, n.reads.Unavailable = false, false
	case moment:
		n.reads.Unavailable = true
	default:
		n.reads.FailNext = true
	}
	return nil
}
