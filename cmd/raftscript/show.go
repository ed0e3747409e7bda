package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/recording/replay"
)

const showUsage = "raftscript show [-o FILE] [-group N] [-svg [-steps A-B] | -shiviz] " +
	"SCRIPT | [GROUP:]RECORDING ... | -seed N [-nodes N] [-events N]"

// showOptions are the flags of raftscript show.
type showOptions struct {
	out         string
	svg, shiviz bool
	first, last int
	group       uint64
	run         sim.Config
}

// runShow draws a script, a recording or a simulated cluster.
func runShow(args []string, stdout, stderr io.Writer) int {
	opts := showOptions{}
	flags := flag.NewFlagSet("raftscript show", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&opts.out, "o", "", "write to this file instead of the output")
	flags.BoolVar(&opts.svg, "svg", false, "draw an image instead of a page")
	flags.BoolVar(&opts.shiviz, "shiviz", false, "write a log with vector clocks for ShiViz instead")
	flags.Uint64Var(&opts.group, "group", 0, "draw this Raft group only; an image of a script or of recordings with several groups needs it")
	flags.Func("steps", "with -svg: the steps to draw, for instance 3-20", opts.parseSteps)
	flags.Uint64Var(&opts.run.Seed, "seed", 0, "draw the simulated cluster of this seed instead of a file")
	flags.IntVar(&opts.run.Nodes, "nodes", 3, "with -seed: the number of nodes at the beginning")
	flags.IntVar(&opts.run.Steps, "events", 1000, "with -seed: the number of simulated events with faults")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitSame
		}
		return exitBad
	}
	if (opts.run.Seed == 0) != (flags.NArg() > 0) || opts.svg && opts.shiviz {
		fmt.Fprintln(stderr, "usage:", showUsage)
		return exitBad
	}
	rec := picture.NewRecorder()
	label, err := strings.Join(flags.Args(), " "), error(nil)
	if opts.run.Seed != 0 {
		label = fmt.Sprintf("seed %d", opts.run.Seed)
		err = recordSeed(label, opts.run, rec)
	} else {
		err = recordFiles(flags.Args(), rec)
	}
	if err == nil {
		err = writePicture(&opts, rec.Picture(), stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "raftscript: %s: %v\n", label, err)
		return exitBad
	}
	return exitSame
}

// recordSeed takes down a simulated cluster. A run that breaks a property is drawn, and the header
// of the picture says which property.
func recordSeed(label string, run sim.Config, rec *picture.Recorder) error {
	run.Picture = rec
	rec.Title("Simulated cluster, "+label, "")
	_, err := sim.Run(run)
	var failure *sim.Failure
	if errors.As(err, &failure) {
		rec.Title("Simulated cluster, "+label, failure.Error())
		return nil
	}
	return err
}

// parseSteps reads A-B.
func (o *showOptions) parseSteps(text string) error {
	n, err := fmt.Sscanf(text, "%d-%d", &o.first, &o.last)
	if err != nil || n != 2 || o.first < 1 || o.last < o.first {
		return fmt.Errorf("%q is not of the form A-B", text)
	}
	return nil
}

// writePicture writes a picture in the format that the options ask for.
func writePicture(opts *showOptions, p *picture.Picture, stdout io.Writer) error {
	var out bytes.Buffer
	var err error
	switch groups := p.Groups(); {
	case opts.group != 0 && groups[0] == 0:
		return errors.New("there are no groups: leave -group out")
	case opts.group == 0 && opts.svg && len(groups) > 1:
		return fmt.Errorf("an image is of one group: name one of %d with -group", groups)
	case opts.group != 0 && !slices.Contains(groups, opts.group):
		return fmt.Errorf("there is no group %d: -group has to be one of %d", opts.group, groups)
	case opts.group != 0:
		p = p.OfGroup(opts.group)
	}
	switch {
	case opts.svg:
		err = p.WriteSVG(&out, opts.first, opts.last)
	case opts.shiviz:
		err = p.WriteShiViz(&out)
	default:
		err = p.WriteHTML(&out)
	}
	if err != nil {
		return err
	}
	if opts.out != "" {
		return os.WriteFile(opts.out, out.Bytes(), 0o666)
	}
	_, err = out.WriteTo(stdout)
	return err
}

// recordFiles takes down what a script does, or the nodes of one or more recordings.
func recordFiles(paths []string, rec *picture.Recorder) error {
	var sources []replay.Source
	var names []string
	for _, path := range paths {
		source := replay.Source{}
		if group, file, ok := strings.Cut(path, ":"); ok {
			if n, err := strconv.ParseUint(group, 10, 64); err == nil {
				source.Group, path = n, file
			}
		}
		data, err := os.ReadFile(path)
		switch {
		case err != nil:
			return err
		case bytes.HasPrefix(data, []byte(recording.Header)):
			if source.Records, err = replay.Read(bytes.NewReader(data)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			sources, names = append(sources, source), append(names, filepath.Base(path))
		case len(paths) > 1:
			return fmt.Errorf("%s is no recording; only recordings can be drawn together", path)
		default:
			return recordScript(path, data, rec)
		}
	}
	rec.Title(strings.Join(names, ", "), "")
	return replay.Draw(rec, sources...)
}

func recordScript(path string, data []byte, rec *picture.Recorder) error {
	name := strings.TrimSuffix(filepath.Base(path), ".txt")
	script, err := rafttest.ParseScript(bytes.NewReader(data))
	if err != nil {
		return err
	}
	rec.Title(titleOf(name), withoutSubject(script.Header()))
	script.Run(&rafttest.InteractionOpts{Picture: rec})
	return nil
}
