package session

import (
	"fmt"
	"math/bits"
)

// Limits bound what a Table holds. They decide who is expired and what is refused, so they are
// agreed like everything else: a Configure command brings them in, and the encoded table
// carries them. They are never read from the configuration of one replica.
//
// A table holds at most Sessions * (constant + Window * constant) + TotalBytes bytes of memory.
type Limits struct {
	// Sessions is the largest number of sessions, at least 1. A registration beyond it expires
	// the session whose last command is the longest ago, in log order.
	Sessions uint64
	// Window is how many sequence numbers from the lowest one that the client still waits for
	// may be in use, at least 1: so many replies of a session are kept at most. A command beyond
	// it gets ErrWindow and is not executed.
	//
	// It is a window and not a count so that the command that everything else waits for can
	// always be executed, even if all that came after it are executed already.
	Window uint64
	// ReplyBytes is the length of the longest reply that is kept, in bytes. A command with a
	// longer one gets ErrReplyTooLong. It is executed: its length is not known before.
	ReplyBytes uint64
	// TotalBytes is the largest sum of the lengths of all kept replies, at least
	// Window*ReplyBytes. A reply beyond it expires sessions, those first whose last command is the
	// longest ago. Never the session itself: what one session can hold always fits.
	TotalBytes uint64
	// Lifetime is how long a session lives without a command of its client, in the unit of
	// Header.Time. 0 means that time ends no session.
	Lifetime uint64
}

// check refuses limits that leave no room for one session with one full window: there,
// keeping a reply could expire the session that it belongs to.
func (l *Limits) check() error {
	if l.Sessions == 0 || l.Window == 0 {
		return fmt.Errorf("%w: Sessions and Window must be at least 1", ErrLimits)
	}
	if high, window := bits.Mul64(l.Window, l.ReplyBytes); high > 0 || window > l.TotalBytes {
		return fmt.Errorf("%w: TotalBytes must be at least Window*ReplyBytes", ErrLimits)
	}
	return nil
}

// admits reports whether a session could have come to hold what it holds under these limits.
func (l *Limits) admits(s *session) bool {
	for i := range s.replies.count {
		if r := s.replies.at(i); r.sequence-s.awaiting >= l.Window || uint64(len(r.data)) > l.ReplyBytes {
			return false
		}
	}
	return true
}
