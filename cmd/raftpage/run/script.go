package run

import (
	"fmt"
	"io"
	"strings"

	"github.com/ffd200af/raft/rafttest"
)

// notePrefix begins the comments that a run reads.
const notePrefix = "# page: "

// header is the first line of a script that Script writes.
const header = "# A run of the page of raftpage. " +
	"Comments with \"page:\" have the beats, links, disks and clocks."

// Script returns the run as a script: all records, whether they are carried out at the moment or
// not. What was never carried out has the output that it is expected to have.
func (r *Run) Script() (string, error) {
	var text strings.Builder
	text.WriteString(header + "\n")
	if r.without != "" {
		fmt.Fprintf(&text, "%swithout %s\n", notePrefix, r.without)
	}
	text.WriteString("\n")
	outputs := []string{}
	beat := -1
	for i := range r.records {
		rec := &r.records[i]
		if rec.Comment != "" {
			for line := range strings.SplitSeq(rec.Comment, "\n") {
				text.WriteString(strings.TrimRight("# "+line, " ") + "\n")
			}
		}
		if rec.beat != beat {
			beat = rec.beat
			fmt.Fprintf(&text, "%sbeat %d\n", notePrefix, beat)
		}
		if rec.Command == "" {
			fmt.Fprintf(&text, "%s%s\n\n", notePrefix, rec.Note)
			continue
		}
		text.WriteString(rec.Command + "\n----\n\n")
		output := rec.Expected
		if rec.done {
			output = strings.TrimRight(rec.Output, "\n") + "\n"
		}
		outputs = append(outputs, output)
	}
	s, err := rafttest.ParseScript(strings.NewReader(text.String()))
	if err != nil {
		return "", fmt.Errorf("the run as a script: %w", err)
	}
	return s.Rewrite(outputs), nil
}

// Open reads a script, one that Script wrote or any other. Nothing is carried out yet.
func Open(script io.Reader) (*Run, error) {
	text, err := io.ReadAll(script)
	if err != nil {
		return nil, err
	}
	s, err := rafttest.ParseScript(strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	r := empty()
	o := opening{run: r, lines: strings.Split(string(text), "\n")}
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if err := o.remarks(b.Line - 1); err != nil {
			return nil, err
		}
		command := b.Directive
		if b.Data.Input != "" {
			command += "\n" + b.Data.Input
		}
		o.add(Record{Command: command, Expected: b.Data.Expected, data: b.Data})
	}
	if err := o.remarks(len(o.lines)); err != nil {
		return nil, err
	}
	if len(r.records) == 0 || len(r.records) > MaxRecords {
		return nil, fmt.Errorf("the script has %d commands: a run has 1 to %d", len(r.records), MaxRecords)
	}
	r.scripted = len(r.records)
	return r, nil
}

// opening is the reading of a script.
type opening struct {
	run     *Run
	lines   []string
	at      int // the line that is next
	beat    int
	timed   bool // the script knows beats
	comment []string
}

// remarks reads the comments between the last command and a line.
func (o *opening) remarks(until int) error {
	for ; o.at < until; o.at++ {
		line := o.lines[o.at]
		note, isNote := strings.CutPrefix(line, notePrefix)
		words := strings.Fields(note)
		switch {
		case isNote && len(words) == 2 && words[0] == "beat":
			o.timed, o.beat = true, number(words[1])
		case isNote && len(words) == 2 && words[0] == "without":
			o.run.without = words[1]
		case isNote:
			if err := checkNote(note); err != nil {
				return fmt.Errorf("line %d: %w", o.at+1, err)
			}
			o.add(Record{Note: note})
		case strings.HasPrefix(line, "#") && line != header:
			o.comment = append(o.comment, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		}
	}
	return nil
}

// add puts a record at the end, with what was said above it.
func (o *opening) add(rec Record) {
	if !o.timed {
		o.beat++
	}
	rec.Comment, o.comment = strings.Join(o.comment, "\n"), nil
	rec.beat, rec.after = o.beat, ended(o.beat)
	o.run.records = append(o.run.records, rec)
}

// Without is the rule that the library lacked when a script was saved; empty if none.
func (r *Run) Without() string { return r.without }

// SetWithout notes the rule that the library lacks now.
func (r *Run) SetWithout(rule string) { r.without = rule }
