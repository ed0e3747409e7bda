package replay

import (
	"errors"
	"fmt"
	"io"

	"github.com/ffd200af/raft/recording"
)

// Read reads all of a recording. One that ends within a record is read up to there.
func Read(in io.Reader) ([]recording.Record, error) {
	var records []recording.Record
	r := recording.NewReader(in)
	for {
		rec, err := r.Next()
		switch {
		case errors.Is(err, recording.ErrFormat):
			return records, fmt.Errorf("record %d: %w", len(records), err)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
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
	// The records of the life are in [First, End). They are replayed from Begin on, which is its start or, where that is lost, the
	// first checkpoint; End if there is neither.
	First, Begin, End int
}

// Lives finds the lives in a recording, in their order.
func Lives(records []recording.Record) []Life {
	var lives []Life
	for i := range records {
		starts := records[i].Kind == recording.Start
		if n := len(lives); n > 0 {
			// Before the first start there may be nothing but the word that something is lost.
			if starts && (i > 1 || records[0].Kind != recording.Lost) {
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

// Run replays a recording, life after life, and calls each, if it is not nil, after every input. What comes before the first
// start or checkpoint is passed over. The error is ErrIncomplete if that is everything, ErrOtherLibrary or ErrCheckpoint, a *Divergence, or what each
// returned.
func Run(records []recording.Record, each func(*Step) error) error {
	done := ErrIncomplete
	for _, l := range Lives(records) {
		err := RunLife(records, l, each)
		if errors.Is(err, ErrIncomplete) {
			continue
		}
		if done = err; err != nil {
			break
		}
	}
	return done
}

// RunLife is Run for one of the lives of a recording.
func RunLife(records []recording.Record, life Life, each func(*Step) error) error {
	if life.Begin >= life.End {
		return ErrIncomplete
	}
	end := life.Begin
	for end < life.End && records[end].Kind != recording.Lost {
		end++
	}
	p := &player{records: records[:end], at: life.Begin}
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
	return nil
}
