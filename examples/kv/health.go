package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Whether this replica makes progress, and why not: for GET /health and GET /ready, a log line and
// a metric.

// hindrance is why no progress is made. It is empty while progress is made.
type hindrance string

const (
	noLeader hindrance = "no leader" // although enough voters are heard from to elect one
	noQuorum hindrance = "no quorum" // too few voters are heard from, or they do not acknowledge
	ownDisk  hindrance = "own disk"  // a write does not return
	diskFull hindrance = "disk full" // there is no room for writes
	noApply  hindrance = "no apply"  // committed entries are not applied, or the loop hangs
)

// readyLag is how many entries a replica that is ready may be behind.
const readyLag = 1000

// sample is the state of a replica at one moment.
type sample struct {
	leader, commit, applied, last uint64

	heardCommit uint64   // the highest commit index that a leader has reported
	silent      []uint64 // voters that were not heard from within the longest election timeout
	noQuorum    bool     // they are too many for an election

	full     bool // there is no room on the disk
	slowDisk bool // a write has taken longer than the longest election timeout

	stuck   bool // the loop does not answer: all fields above are zero
	writing bool // the loop waits for the disk
}

func (l *loop) sample() sample {
	status := l.node.BasicStatus()
	voters := l.store.conf.Voters
	silent := l.silent(voters, 2*l.electionTicks)
	return sample{
		leader: status.Lead, commit: status.Commit, applied: l.store.applied.index, last: l.store.last,
		heardCommit: l.heardCommit, silent: silent,
		noQuorum: len(voters) > 0 && len(voters)-len(silent) < majority(voters),
		full:     l.store.space.full.Load(),
		slowDisk: l.writer.ticks > 2*l.electionTicks,
	}
}

// sample asks the loop. A loop that does not answer within an election timeout is stuck.
func (r *replica) sample(ctx context.Context) (s sample, err error) {
	limited, cancel := context.WithTimeout(ctx, r.electionTimeout)
	defer cancel()
	err = r.query(limited, func() { s = r.loop.sample() })
	switch {
	case r.store.failure() != nil:
		return s, r.store.failure()
	case errors.Is(err, context.DeadlineExceeded):
		return sample{stuck: true, writing: r.store.writing.Load() > 0}, nil
	}
	return s, err
}

// hindrance tells what is in the way at this moment. It may be gone at the next one. Indexes hinder
// when they have stood still since the sample before.
func (s *sample) hindrance(before *sample) hindrance {
	switch {
	case s.stuck && s.writing, s.slowDisk:
		return ownDisk
	case s.stuck:
		return noApply
	case s.full:
		return diskFull
	case s.applied < s.commit && s.applied == before.applied && before.applied < before.commit:
		return noApply
	case s.leader == 0 && s.noQuorum: // those who follow a leader need not hear from each other
		return noQuorum
	case s.leader == 0:
		return noLeader
	case s.commit < s.last && s.commit == before.commit && before.commit < before.last:
		return noQuorum
	}
	return ""
}

// progress judges samples that follow each other.
type progress struct {
	patience time.Duration // how long a hindrance is nothing out of the ordinary
	before   sample
	since    time.Time // of the first sample with a hindrance; zero if the last one has none
}

// judge returns what has been in the way for longer than that.
func (p *progress) judge(now time.Time, s sample) hindrance {
	h := s.hindrance(&p.before)
	p.before = s
	switch {
	case h == "":
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = now
	}
	if h == "" || now.Sub(p.since) < p.patience {
		return ""
	}
	return h
}

// watchProgress logs when no progress is made any more, and when it is again, until the loop ends.
// It looks at the loop from outside, because a loop that hangs cannot say so.
func (r *replica) watchProgress() {
	p := progress{patience: 2 * r.electionTimeout} // the longest election timeout
	for {
		asked := time.Now()
		if s, err := r.sample(context.Background()); err == nil {
			r.noteHindrance(p.judge(asked, s), &s)
		}
		select {
		case <-time.After(r.electionTimeout):
		case <-r.loop.ended:
			return
		case <-r.store.failed: // this replica ends, and says why
			return
		}
	}
}

// noteHindrance logs a change of what is in the way. The recovery has a line if the hindrance has
// one, also when the disk was full in between.
func (r *replica) noteHindrance(h hindrance, s *sample) {
	was := r.hindrance.Swap(h).(hindrance)
	switch {
	case h == was, h == diskFull: // watchSpace logs a full disk
		return
	case h == "" && r.stalled:
		r.opts.log.Info("progress is made again", "commit", s.commit, "applied", s.applied)
	case h == "":
	case s.stuck:
		r.opts.log.Warn("no progress is made", "reason", h)
	default:
		r.opts.log.Warn("no progress is made", "reason", h, "leader", s.leader, "silent", s.silent,
			"last", s.last, "commit", s.commit, "applied", s.applied)
	}
	r.stalled = h != ""
}

// health answers 200 as long as the loop turns: a restart would not help.
func (r *replica) health(w http.ResponseWriter, req *http.Request) {
	s, err := r.sample(req.Context())
	if err == nil && s.checkHealth() == nil && s.full {
		fmt.Fprintln(w, diskFull) // a restart would make no room
		return
	}
	answerCheck(w, s.checkHealth(), err)
}

// ready answers 200 when this replica knows a leader and has applied nearly all that is committed.
func (r *replica) ready(w http.ResponseWriter, req *http.Request) {
	s, err := r.sample(req.Context())
	answerCheck(w, s.checkReady(), err)
}

func (s *sample) checkHealth() error {
	if s.stuck {
		return fmt.Errorf("the loop does not answer: %s", s.hindrance(&sample{}))
	}
	if s.slowDisk {
		return errors.New(string(ownDisk))
	}
	return nil
}

func (s *sample) checkReady() error {
	committed := max(s.commit, s.heardCommit)
	switch {
	case s.stuck, s.slowDisk:
		return s.checkHealth()
	case s.full:
		return errors.New(string(diskFull))
	case s.leader == 0 && s.noQuorum:
		return fmt.Errorf("%s: voters %d are silent", noQuorum, s.silent)
	case s.leader == 0:
		return errors.New(string(noLeader))
	case committed-s.applied > readyLag:
		return fmt.Errorf("behind: applied %d, committed %d", s.applied, committed)
	}
	return nil
}

// answerCheck answers with the first error, or 200.
func answerCheck(w http.ResponseWriter, check, err error) {
	if err == nil {
		err = check
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
