package replay

import (
	"errors"
	"fmt"
	"io"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/recording"
)

// ErrDamaged says that a part of a life is cut or damaged: the records before that part were
// replayed, and the records after it in the same life were not. A process that dies while it writes
// leaves such a life, too.
var ErrDamaged = errors.New("replay: the rest of the life is cut or damaged, and not replayed")

// Read reads all of a recording. Where it ends within a record, or is damaged from some place on,
// the last record is a Lost one. The error is that of in, or matches recording.ErrFormat if in is
// no recording that is known here.
func Read(in io.Reader) ([]recording.Record, error) {
	var records []recording.Record
	r := recording.NewReader(in)
	for {
		rec, err := r.Next()
		switch {
		case errors.Is(err, recording.ErrDamaged), errors.Is(err, io.ErrUnexpectedEOF):
			return append(records, recording.Record{Kind: recording.Lost, Numbers: []uint64{0}}), nil
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return records, fmt.Errorf("record %d: %w", len(records), err)
		}
		records = append(records, rec)
	}
}

// Life is the part of a recording that is about one life of the node:
//
//	records:  | lost its start |  replayed  |
//	        First            Begin         End
type Life struct {
	// Number counts the lives that the recording has something of, from 1.
	Number int
	// The records of the life are in [First, End). They are replayed from Begin on, which is its
	// start or, where that is lost, the first checkpoint; End if there is neither.
	First, Begin, End int
}

// Lives finds the lives in a recording, in their order.
func Lives(records []recording.Record) []Life {
	var lives []Life
	for i := range records {
		starts := records[i].Kind == recording.Start
		if n := len(lives); n > 0 {
			// Before the first start there may be only the record that a Ring has
			// dropped what came before.
			if starts && (i > 1 || records[0].Kind != recording.Lost || records[0].Number(0) == 0) {
				lives[n-1].End = i
			} else {
				continue
			}
		}
		lives = append(lives, Life{Number: len(lives) + 1, First: i, End: len(records)})
	}
	for i := range lives {
		l := &lives[i]
		for l.Begin = l.First; l.Begin < l.End; l.Begin++ {
			if k := records[l.Begin].Kind; k == recording.Start || k == recording.Checkpoint {
				break
			}
		}
	}
	return lives
}

// Run replays a recording, life after life, and calls each, if it is not nil, after every input. It
// skips what comes before the first start or checkpoint. The error is ErrIncomplete if the
// recording has neither, ErrOtherLibrary, ErrCheckpoint or ErrUnknownOption, a *Divergence, or the
// error of each. It is ErrDamaged if everything except the damaged parts was replayed.
func Run(records []recording.Record, each func(*Step) error) error {
	replayed, damaged := false, false
	for _, l := range Lives(records) {
		switch err := RunLife(records, l, each); {
		case err == nil:
			replayed = true
		case errors.Is(err, ErrDamaged):
			replayed, damaged = true, true
		case !errors.Is(err, ErrIncomplete):
			return err
		}
	}
	switch {
	case !replayed:
		return ErrIncomplete
	case damaged:
		return ErrDamaged
	}
	return nil
}

// RunLife is Run for one of the lives of a recording. It stops at the first lost record.
func RunLife(records []recording.Record, life Life, each func(*Step) error) error {
	return runLife(records, life, nil, each)
}

// ErrTrace says that the start of a life is lost, and with it the first events of its trace.
var ErrTrace = errors.New("replay: the start of the life is lost, and a trace needs it")

// TraceLife replays a life and gives its steps to logger. The library must be built with the tag
// with_tla. The error is ErrTrace if the life starts with a checkpoint, or one of Run.
func TraceLife(records []recording.Record, life Life, logger raft.TraceLogger) error {
	if life.Begin < life.End && records[life.Begin].Kind == recording.Checkpoint {
		return ErrTrace
	}
	return runLife(records, life, logger, nil)
}

func runLife(records []recording.Record, life Life, logger raft.TraceLogger, each func(*Step) error) error {
	if life.Begin >= life.End {
		return ErrIncomplete
	}
	end := life.Begin
	for end < life.End && records[end].Kind != recording.Lost {
		end++
	}
	p := &player{records: records[:end], at: life.Begin, trace: logger}
	for p.at < end {
		if p.at > life.Begin && p.records[p.at].Kind == recording.Checkpoint {
			if err := p.compare(); err != nil {
				return err
			}
			continue
		}
		s := Step{Life: life.Number, Number: p.at, Input: p.records[p.at]}
		if err := p.step(&s); err != nil {
			return err
		}
		for _, rec := range p.records[s.Number+1 : min(p.at, end)] {
			if rec.Kind != recording.Batch {
				s.Answers = append(s.Answers, rec)
			}
		}
		if s.Node = p.node; each != nil {
			if err := each(&s); err != nil {
				return err
			}
		}
	}
	if end < life.End {
		return ErrDamaged
	}
	return nil
}
