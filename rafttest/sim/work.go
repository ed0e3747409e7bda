package sim

import (
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// What a host does with what its node hands out, and how long that takes.

// maxBatches is how many Readys a host processes before others get a turn.
const maxBatches = 8

// work processes what is ready, until the host has to wait for its disk.
func (s *simulation) work(h *host) {
	async := s.w.base.AsyncStorageWrites
	if s.cfg.Faults.Concurrent && !async {
		s.workOff(h)
		return
	}
	for range maxBatches {
		if h.rn == nil || s.w.failure != nil || !h.rn.HasReady() {
			break
		}
		if (h.crashWriting || h.failWriting) && !async {
			s.crashNow(h)
			return
		}
		synced := s.w.ready(h.node)
		if !synced || h.rn == nil {
			s.collect(h, 0)
			continue
		}
		delay := s.diskTime(h)
		s.collect(h, delay)
		s.block(h, s.now+delay)
		return
	}
	if h.rn == nil {
		return
	}
	if h.rn.HasReady() && !h.readyDue {
		h.readyDue = true
		s.at(s.now+1, h, evReady, 0, 0)
	}
	if async {
		s.startThreads(h)
	}
}

// workOff takes a Ready, and lets the application work on it while the node goes on with inputs.
func (s *simulation) workOff(h *host) {
	if !s.w.take(h.node) {
		return
	}
	sync := h.batch.MustSync
	s.collect(h, 0)
	if h.rn == nil {
		return
	}
	d := s.r.around(tickTime / 50)
	if sync {
		d = s.diskTime(h)
	}
	s.at(s.now+d, h, evStage, 0, 0)
}

// stageDone goes on with the Ready in hand: what it says is done, or the node is told so.
func (s *simulation) stageDone(h *host) {
	if h.stage == carried {
		s.w.doAcknowledge(h.node)
		s.after(h)
		return
	}
	if h.crashWriting || h.failWriting {
		s.crashNow(h)
		return
	}
	s.w.doCarryOut(h.node)
	s.collect(h, 0)
	if h.rn != nil {
		s.at(s.now+s.r.around(tickTime/20), h, evStage, 0, 0)
	}
}

// diskTime is how long a write takes that starts now.
func (s *simulation) diskTime(h *host) uint64 {
	d := s.r.around(s.writeTime)
	if h.stalledUntil > s.now {
		d += h.stalledUntil - s.now
	}
	return d
}

func (s *simulation) startThreads(h *host) {
	if len(h.AppendWork) > 0 && !h.appendBusy {
		h.appendBusy = true
		s.at(s.now+s.diskTime(h), h, evAppend, 0, 0)
	}
	if len(h.ApplyWork) > 0 && !h.applyBusy {
		h.applyBusy = true
		s.at(s.now+s.r.around(tickTime/10), h, evApply, 0, 0)
	}
	if len(h.acks) > 0 && !h.acksDue {
		h.acksDue = true
		s.at(s.now+s.r.around(tickTime/20), h, evAcks, 0, 0)
	}
}

// tick lets a host's clock tick. What was handed out half an election timeout ago is applied first.
func (s *simulation) tick(h *host) {
	h.applyTicks++
	if len(h.ApplyWork) == 0 || s.w.base.AsyncStorageWrites {
		h.applyTicks = 0
	}
	if h.applyTicks >= s.w.base.ElectionTick/2 {
		for h.rn != nil && len(h.ApplyWork) > 0 {
			s.w.doApply(h.node)
			s.collect(h, 0)
		}
	}
	s.w.tick(h.node)
}

func (s *simulation) appendDone(h *host) {
	h.appendBusy = false
	if (h.crashWriting || h.failWriting) && (!s.faults.Tear || divisible(&h.AppendWork[0])) {
		s.crashNow(h)
		return
	}
	// Writes that have queued up share a sync, unless the first one alone is done.
	n := len(h.AppendWork)
	if s.r.chance(0.3) {
		n = 1
	}
	for range n {
		s.w.doAppend(h.node)
		s.collect(h, 0)
		if h.rn == nil || s.w.failure != nil {
			return
		}
	}
	s.after(h)
}

// divisible: a crash can leave a part of the write.
func divisible(m *pb.Message) bool {
	w := driver.WriteOf(m, false)
	return len(property.AppendPieces(nil, w.HardState, w.Entries, &w.Snapshot, false)) > 1
}
