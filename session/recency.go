package session

// session is what the table keeps of one client.
type session struct {
	id       uint64 // log index of the registration
	active   uint64 // agreed time of the last command
	awaiting uint64 // the client has the replies below, or does not want them; at least 1
	replies  replies

	older, newer *session // neighbours in the order of use
}

// recency is the order in which sessions were used last. It is the order of the log and not of
// time, which may stand still; time only rises along it:
//
//	oldest -> ... -> newest
//	a before b ==> a.active <= b.active
//
// So both whoever has been idle for too long and whoever has to make room is at the front, and
// nobody has to look further.
type recency struct{ oldest, newest *session }

func (r *recency) pushNewest(s *session) {
	s.older, s.newer = r.newest, nil
	if r.newest == nil {
		r.oldest = s
	} else {
		r.newest.newer = s
	}
	r.newest = s
}

func (r *recency) remove(s *session) {
	if s.older == nil {
		r.oldest = s.newer
	} else {
		s.older.newer = s.newer
	}
	if s.newer == nil {
		r.newest = s.older
	} else {
		s.newer.older = s.older
	}
	s.older, s.newer = nil, nil
}
