package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/datadriven"
	"github.com/ffd200af/raft/rafttest"
)

// MaxRecords bounds a run, so that a page that was left alone does not fill its memory.
const MaxRecords = 50_000

// MaxNodes is how many nodes a page shows.
const MaxNodes = 7

// Record is one step of a run: a command, or a note.
type Record struct {
	// Command is the command line with its input, or empty.
	Command string
	// Note is what a comment "# page:" says, without these words, if there is no command.
	Note string
	// Comment is what a script says above the command.
	Comment string
	// Expected is the output that an opened script expects; empty if it has none.
	Expected string

	// Output is what the command has printed. It and the fields below are empty until the
	// record is carried out for the first time.
	Output string
	Events []Event
	Broken []string // the properties that were broken then or before
	done   bool

	beat  int    // the one in which the record is carried out
	after cursor // the place in time behind it
	data  datadriven.TestData
}

// Run is a cluster and its history. The zero value is of no use: see New and Open.
type Run struct {
	env     *rafttest.InteractionEnv
	world   world
	records []Record
	at      int // how many records are carried out
	// scripted is how many of them are from a script or a lesson.
	scripted int
	without  string
}

// Options are what a new run starts with.
type Options struct {
	Nodes       int    `json:"nodes"`
	PreVote     bool   `json:"preVote"`
	CheckQuorum bool   `json:"checkQuorum"`
	Lease       bool   `json:"lease"` // the leader keeps a lease, which needs CheckQuorum
	Seed        uint64 `json:"seed"`  // of the election timeouts; 0 is the default
	Small       bool   `json:"small"` // an append has one entry
}

// electionTick and heartbeatTick are those of new runs, in ticks.
const (
	electionTick  = 10
	heartbeatTick = 2
	leaseDrift    = 3
)

// New returns a run with a new cluster. Everything starts at index 2: the nodes have a snapshot.
func New(o Options) (*Run, error) {
	if o.Nodes < 1 || o.Nodes > MaxNodes {
		return nil, fmt.Errorf("a page shows 1 to %d nodes, not %d", MaxNodes, o.Nodes)
	}
	r := empty()
	ids := make([]string, o.Nodes)
	for i := range ids {
		ids[i] = fmt.Sprint(i + 1)
	}
	options := fmt.Sprintf("voters=(%s) index=2 async-storage-writes=true election-tick=%d heartbeat-tick=%d prevote=%t checkquorum=%t",
		strings.Join(ids, ","), electionTick, heartbeatTick, o.PreVote, o.CheckQuorum)
	if o.Lease {
		options += fmt.Sprintf(" lease-drift=%d", leaseDrift)
	}
	if o.Small {
		options += " max-size-per-msg=1"
	}
	err := r.command("log-level error")
	if o.Seed == 0 {
		return r, errors.Join(err, r.command(fmt.Sprintf("add-nodes %d %s", o.Nodes, options)))
	}
	for i := range ids {
		seed := o.Seed*MaxNodes + uint64(i)
		err = errors.Join(err, r.command(fmt.Sprintf("add-nodes 1 %s seed=%d", options, seed)))
	}
	return r, err
}

func empty() *Run {
	r := &Run{}
	r.reset()
	return r
}

// reset goes back to the time before the first record.
func (r *Run) reset() {
	r.env = rafttest.NewInteractionEnv(nil)
	r.world = newWorld()
	r.at = 0
}

// At returns how many records are carried out, and Len how many there are.
func (r *Run) At() int { return r.at }

// Len returns the number of records.
func (r *Run) Len() int { return len(r.records) }

// Records returns the records from one to before another. The Run keeps them.
func (r *Run) Records(from, to int) []Record { return r.records[from:to] }

// Goto carries out exactly the first n records, by carrying on or by beginning again.
func (r *Run) Goto(n int) error {
	if n < 0 || n > len(r.records) {
		return fmt.Errorf("there is no step %d: the run has %d", n, len(r.records))
	}
	if n < r.at {
		r.reset()
	}
	for r.at < n {
		r.carryOut()
	}
	return nil
}

// Begin carries out records until there is something to see: nodes, and the first thing that a
// script or a lesson says, if it says anything.
func (r *Run) Begin() error {
	silent := !slices.ContainsFunc(r.records, func(rec Record) bool { return rec.Comment != "" })
	for r.at < len(r.records) {
		if text, _ := r.comment(); len(r.env.Nodes) > 0 && (silent || text != "") {
			return nil
		}
		if err := r.Step(); err != nil {
			return err
		}
	}
	return nil
}

// Step carries out the next record. At the end of the list it first adds the one that time brings.
func (r *Run) Step() error {
	if r.at == len(r.records) {
		next, err := r.world.next(r.env)
		if err != nil {
			return err
		}
		if err := r.add(next); err != nil {
			return err
		}
	}
	r.carryOut()
	return nil
}

// Beat carries out records until what follows belongs to another beat, or has a comment. A command
// of a script that knows no beats is a beat of its own.
func (r *Run) Beat() error {
	for {
		if err := r.Step(); err != nil {
			return err
		}
		beat := r.records[r.at-1].beat
		if r.at < len(r.records) {
			if next := &r.records[r.at]; next.beat != beat || next.Comment != "" {
				return nil
			}
			continue
		}
		if next, err := r.world.next(r.env); err != nil || next.beat != beat {
			return err
		}
	}
}

// carryOut carries out the next record of the list.
func (r *Run) carryOut() {
	rec := &r.records[r.at]
	r.at++
	messages := slices.Clone(r.env.Messages)
	var before look
	if !rec.done {
		before = lookAtAll(r.env)
	}
	output := ""
	if rec.Command == "" {
		output = r.world.note(r.env, rec.Note)
	} else {
		output = r.env.Run(rec.data)
	}
	r.world.observe(r.env, messages, rec, output)
	r.world.cursor = rec.after
	if rec.done {
		return // and says the same as before
	}
	rec.done, rec.Output, rec.Events = true, output, events(r.env, before, rec, output)
	rec.Broken = r.broken(r.at - 1)
	if err := r.env.Check(); err != nil {
		for what := range strings.SplitSeq(err.Error(), "\n") {
			if what = plain(what); !slices.Contains(rec.Broken, what) {
				rec.Broken = append(slices.Clip(rec.Broken), what)
				rec.Events = append(rec.Events, Event{Kind: Broke, Text: what})
			}
		}
	}
}

// broken returns the properties that the first n records have broken.
func (r *Run) broken(n int) []string {
	if n == 0 {
		return nil
	}
	return r.records[n-1].Broken
}

// comment is the last thing that a script or a lesson has said, and the step at which it did.
func (r *Run) comment() (string, int) {
	for n := min(r.at, len(r.records)); n > 0 && r.at <= r.scripted; n-- {
		if text := r.records[n-1].Comment; text != "" {
			return text, n
		}
	}
	return "", 0
}

// add puts a record behind what is carried out. What stood there is dropped: the run takes another
// way from here.
func (r *Run) add(rec Record) error {
	if rec.Command != "" {
		var err error
		if rec.data, err = parseCommand(rec.Command); err != nil {
			return err
		}
	}
	if r.at >= MaxRecords {
		return fmt.Errorf("the run has %d steps, and cannot have more: save it, and begin a new one", MaxRecords)
	}
	r.records = append(r.records[:r.at], rec)
	r.scripted = min(r.scripted, r.at)
	return nil
}

// command adds a command and carries it out, at the present point of the beat. The error is about
// the command line: what the command has to say is its output.
func (r *Run) command(line string) error {
	if err := r.add(Record{Command: line, beat: r.world.cursor.beat, after: r.world.cursor}); err != nil {
		return err
	}
	r.carryOut()
	return nil
}

// takeNote adds a note and carries it out.
func (r *Run) takeNote(format string, args ...any) error {
	note := fmt.Sprintf(format, args...)
	if err := checkNote(note); err != nil {
		return err
	}
	if err := r.add(Record{Note: note, beat: r.world.cursor.beat, after: r.world.cursor}); err != nil {
		return err
	}
	r.carryOut()
	return nil
}

// parseCommand reads a command line and the lines of its input.
func parseCommand(text string) (datadriven.TestData, error) {
	s, err := rafttest.ParseScript(strings.NewReader(text + "\n----\n"))
	switch {
	case err != nil:
		return datadriven.TestData{}, err
	case len(s.Blocks) != 1:
		return datadriven.TestData{}, fmt.Errorf("%q is not one command", text)
	}
	return s.Blocks[0].Data, nil
}
