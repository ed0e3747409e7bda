package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ffd200af/raft/rafttest/property"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/recording/replay"
)

// onRecordings are the commands that work on the recording of a node, and not on scripts.
func onRecordings(command string) recordingCommand {
	switch command {
	case "replay":
		return replayRecording
	case "step":
		return stepRecording
	case "export":
		return exportRecording
	}
	return nil
}

// recordingCommand does something with a life of a recording.
type recordingCommand func(path string, records []recording.Record, life replay.Life, out io.Writer) error

// runRecordings does what a command says with each of the files: with all lives, or with the one
// that is asked for. A script is one life, the last unless another is asked for.
func runRecordings(name string, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("raftscript "+name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	number := flags.Int("life", 0, "the number of the life, from 1; without it all of them, or the last to export")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitSame
		}
		return exitBad
	}
	if flags.NArg() == 0 {
		fmt.Fprintf(stderr, "raftscript: %s needs a recording\n", name)
		return exitBad
	}
	status := exitSame
	for _, path := range flags.Args() {
		records, err := readRecording(path)
		if err != nil {
			fmt.Fprintf(stderr, "raftscript: %s: %v\n", path, err)
			status = exitBad
			continue
		}
		status = max(status, eachLife(path, records, name, *number, stdout, stderr))
	}
	return status
}

// tell prints the error of a life, and returns the exit status for it.
func tell(label string, err error, stdout, stderr io.Writer) int {
	var differs *replay.Divergence
	var broken *property.Violation
	switch {
	case err == nil:
		return exitSame
	case errors.As(err, &differs), errors.As(err, &broken), errors.Is(err, replay.ErrDamaged):
		fmt.Fprintf(stdout, "%s: %v\n", label, err)
		return exitDifferent
	}
	fmt.Fprintf(stderr, "raftscript: %s: %v\n", label, err)
	return exitBad
}

func readRecording(path string) ([]recording.Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return replay.Read(file)
}

// eachLife carries out a command on the selected lives, and returns the exit status. After an error
// in one life it continues with the next.
func eachLife(path string, records []recording.Record, name string, number int, stdout, stderr io.Writer) int {
	lives := replay.Lives(records)
	switch {
	case len(lives) == 0:
		return tell(path, errors.New("the recording is empty"), stdout, stderr)
	case number < 0 || number > len(lives):
		return tell(path, fmt.Errorf("the recording has lives 1 to %d", len(lives)), stdout, stderr)
	case number > 0:
		lives = lives[number-1 : number]
	case name == "export":
		lives = lives[len(lives)-1:]
	}
	status := exitSame
	for _, life := range lives {
		label := path
		if len(lives) > 1 {
			label = fmt.Sprintf("%s: life %d", path, life.Number)
		}
		err := onRecordings(name)(label, records, life, stdout)
		findings := stdout
		if name == "export" {
			findings = stderr // stdout is the script
		}
		status = max(status, tell(label, err, findings, stderr))
	}
	return status
}

// replayRecording compares what the library does now with what the recording says, and judges it.
func replayRecording(label string, records []recording.Record, life replay.Life, out io.Writer) error {
	inputs := 0
	var judge replay.Judge
	err := replay.RunLife(records, life, func(s *replay.Step) error {
		if s.Input.Kind.IsInput() {
			inputs++
		}
		return judge.Step(records, s)
	})
	if err != nil && !errors.Is(err, replay.ErrDamaged) {
		return err
	}
	from := ""
	if records[life.Begin].Kind == recording.Checkpoint {
		from = fmt.Sprintf(" from record %d on, a checkpoint", life.Begin)
	}
	fmt.Fprintf(out, "%s: %d inputs, to the byte%s\n", label, inputs, from)
	return err
}

// stepRecording prints each input with what came of it. What cannot be replayed is printed as it
// stands.
func stepRecording(label string, records []recording.Record, life replay.Life, out io.Writer) error {
	if _, err := fmt.Fprintf(out, "# %s\n", label); err != nil {
		return err
	}
	for i := life.First; i < life.Begin; i++ {
		if _, err := fmt.Fprintf(out, "%d %s\n", i, replay.Describe(&records[i])); err != nil {
			return err
		}
	}
	err := replay.RunLife(records, life, func(s *replay.Step) error {
		_, err := io.WriteString(out, s.String())
		return err
	})
	if errors.Is(err, replay.ErrIncomplete) {
		return nil // it was printed as it stands
	}
	return err
}

// exportRecording prints a script.
func exportRecording(_ string, records []recording.Record, life replay.Life, out io.Writer) error {
	return replay.Export(records, life, out)
}
