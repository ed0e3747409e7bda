package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/recording/replay"
)

// onRecordings are the commands that work on the recording of a node, and not on scripts.
func onRecordings(command string) func(path string, records []recording.Record, out io.Writer) error {
	switch command {
	case "replay":
		return replayRecording
	case "step":
		return stepRecording
	case "export":
		return func(_ string, records []recording.Record, out io.Writer) error { return replay.Export(records, out) }
	}
	return nil
}

// runRecordings does what a command says with each of the files.
func runRecordings(do func(string, []recording.Record, io.Writer) error, paths []string, stdout, stderr io.Writer) int {
	status := exitSame
	for _, path := range paths {
		err := withRecording(path, stdout, do)
		var differs *replay.Divergence
		switch {
		case err == nil:
		case errors.As(err, &differs):
			fmt.Fprintf(stdout, "%s: %v\n", path, err)
			status = max(status, exitDifferent)
		default:
			fmt.Fprintf(stderr, "raftscript: %s: %v\n", path, err)
			status = exitBad
		}
	}
	return status
}

func withRecording(path string, stdout io.Writer, do func(string, []recording.Record, io.Writer) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	records, err := replay.Read(file)
	if err != nil {
		return err
	}
	return do(path, records, stdout)
}

// replayRecording compares what the library does now with what the recording says.
func replayRecording(path string, records []recording.Record, out io.Writer) error {
	inputs := 0
	if err := replay.Run(records, func(*replay.Step) error { inputs++; return nil }); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d inputs, to the byte\n", path, inputs)
	return nil
}

// stepRecording prints each input with what came of it. What cannot be replayed is printed as it stands.
func stepRecording(_ string, records []recording.Record, out io.Writer) error {
	err := replay.Run(records, func(s *replay.Step) error {
		_, err := io.WriteString(out, s.String())
		return err
	})
	if !errors.Is(err, replay.ErrIncomplete) {
		return err
	}
	for i := range records {
		if _, err := fmt.Fprintf(out, "%d %s\n", i, replay.Describe(&records[i])); err != nil {
			return err
		}
	}
	return nil
}
