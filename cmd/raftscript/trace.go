package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/tracecheck"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/recording/replay"
)

const traceUsage = "raftscript trace [-check=false] FILE | -seed N [-nodes N] [-steps N] [-prevote]"

// traceOptions are the flags of raftscript trace.
type traceOptions struct {
	check, preVote bool
	seed           uint64
	nodes, steps   int
}

// runTrace writes the trace of a script, a recording or a simulated cluster to stdout. It reports
// on stderr whether the trace is a run of the specification.
func runTrace(args []string, stdout, stderr io.Writer) int {
	if !raft.StateTraceDeployed {
		fmt.Fprintln(stderr, "raftscript: this binary cannot trace; build with -tags with_tla")
		return exitDifferent
	}
	var opts traceOptions
	flags := flag.NewFlagSet("raftscript trace", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&opts.check, "check", true, "check the trace against the steps of the specification")
	flags.Uint64Var(&opts.seed, "seed", 0, "trace the simulated cluster of this seed instead of a file")
	flags.IntVar(&opts.nodes, "nodes", 3, "with -seed: the number of nodes")
	flags.IntVar(&opts.steps, "steps", 1000, "with -seed: the number of simulated events with faults")
	flags.BoolVar(&opts.preVote, "prevote", false, "with -seed: campaign with pre-votes")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitSame
		}
		return exitBad
	}
	if (opts.seed == 0) != (flags.NArg() == 1) {
		fmt.Fprintln(stderr, "usage:", traceUsage)
		return exitBad
	}
	if opts.seed != 0 {
		label := fmt.Sprintf("seed %d", opts.seed)
		return writeTrace(label, opts.check, stdout, stderr, func(w *rafttest.TraceWriter) error {
			_, err := sim.Run(tracedWorld(&opts, w))
			return err
		})
	}
	return traceFile(flags.Arg(0), opts.check, stdout, stderr)
}

// writeTrace runs something that is traced.
func writeTrace(label string, check bool, stdout, stderr io.Writer, run func(*rafttest.TraceWriter) error) int {
	var trace bytes.Buffer
	out := stdout
	if check {
		out = io.MultiWriter(stdout, &trace)
	}
	w := rafttest.NewTraceWriter(out)
	err := run(w)
	if err == nil {
		err = w.Err()
	}
	if err != nil {
		fmt.Fprintf(stderr, "raftscript: %s: %v\n", label, err)
		return exitBad
	}
	fmt.Fprintf(stderr, "%s: %d events\n", label, w.Events())
	if !check {
		return exitSame
	}
	return checkTrace(label, &trace, stderr)
}

// minTrace is the fewest events that the published specification can read: it shows its progress in
// hundredths of the trace.
const minTrace = 100

func checkTrace(label string, trace io.Reader, stderr io.Writer) int {
	events, err := tracecheck.Read(trace)
	if err == nil {
		err = tracecheck.Check(events)
	}
	var illegal *tracecheck.Illegal
	switch {
	case errors.As(err, &illegal):
		fmt.Fprintf(stderr, "%s: the specification takes %d events: %v\n", label, illegal.Event-1, err)
		return exitDifferent
	case err != nil:
		fmt.Fprintf(stderr, "raftscript: %s: %v\n", label, err)
		return exitBad
	case len(events) < minTrace:
		fmt.Fprintf(stderr, "%s: a run of the specification, but Traceetcdraft.tla needs at least %d events\n", label, minTrace)
	default:
		fmt.Fprintf(stderr, "%s: a run of the specification\n", label)
	}
	return exitSame
}

// traceFile traces a script, or each life of a recording.
func traceFile(path string, check bool, stdout, stderr io.Writer) int {
	data, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintf(stderr, "raftscript: %v\n", err)
		return exitBad
	}
	if !bytes.HasPrefix(data, []byte(recording.Header)) {
		return writeTrace(path, check, stdout, stderr, func(w *rafttest.TraceWriter) error {
			_, err := rafttest.Replay(bytes.NewReader(data), &rafttest.InteractionOpts{
				OnConfig: func(c *raft.Config) { c.TraceLogger = w },
			})
			return err
		})
	}
	// A recording shows one node. The trace lacks what the others sent, so it cannot be
	// checked.
	return writeTrace(path, false, stdout, stderr, func(w *rafttest.TraceWriter) error {
		records, err := replay.Read(bytes.NewReader(data))
		if err != nil {
			return err
		}
		for _, life := range replay.Lives(records) {
			if err := replay.TraceLife(records, life, w); err != nil {
				return fmt.Errorf("life %d: %w", life.Number, err)
			}
		}
		return nil
	})
}

// tracedWorld is a simulated cluster with the faults that the specification has steps for: messages
// get lost and overtake each other, links are cut, nodes crash and restart, leaders hand over.
// There are no duplicates, no snapshots, no changes of the membership, and all writes are synced.
func tracedWorld(opts *traceOptions, w *rafttest.TraceWriter) sim.Config {
	f := sim.NoFaults()
	f.Drop, f.Slow, f.SlowTicks, f.Reorder = 0.02, 0.02, 20, true
	f.Partition, f.PartitionTicks, f.Crash, f.DownTicks = 60, 20, 80, 20
	f.Transfer, f.Campaign, f.Forget, f.Lazy = 100, 100, 100, 0.2
	return sim.Config{
		Seed: opts.seed, Nodes: opts.nodes, Steps: opts.steps, Faults: f, DurableMachine: true,
		NewDisk: func(uint64) sim.Disk { return &syncedDisk{sim.NewMemoryDisk()} },
		Tune: func(c *raft.Config) {
			c.TraceLogger, c.PreVote, c.AsyncStorageWrites = w, opts.preVote, false
		},
	}
}

// syncedDisk is a Disk on which every write is durable when it returns.
type syncedDisk struct{ sim.Disk }

func (d *syncedDisk) Write(hs pb.HardState, entries []pb.Entry, snapshot pb.Snapshot, _ bool) error {
	return d.Disk.Write(hs, entries, snapshot, true)
}

func (d *syncedDisk) Crash(keep int) (sim.Disk, error) {
	after, err := d.Disk.Crash(keep)
	return &syncedDisk{after}, err
}
