package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// run runs the tests of a binary whose names match. When a process dies, the tests that it had not
// begun run in another one.
func (b *binary) run(opts options, match string, repeat int) (*results, error) {
	all, start := newResults(), time.Now()
	if b.file == "" {
		return all, nil
	}
	tests, err := b.list(match)
	for err == nil && len(tests) > 0 {
		var got *results
		if got, err = b.process(opts, tests, repeat); err != nil {
			break
		}
		all.merge(got)
		var left []string
		for _, test := range tests {
			if got.outcomes[test] == 0 {
				left = append(left, test)
			}
		}
		if len(left) == len(tests) {
			for _, test := range left { // the process ends before it begins a test
				all.set(test, unended, nil)
			}
			break
		}
		tests = left
	}
	all.took = time.Since(start)
	return all, err
}

// list returns the tests and examples whose names match.
func (b *binary) list(match string) ([]string, error) {
	if match == "" {
		match = "."
	}
	out, err := output(b.dir, b.side.env(), b.file, "-test.list="+match)
	if err != nil {
		return nil, err
	}
	var tests []string
	for _, line := range strings.Split(string(out), "\n") {
		for _, kind := range []string{"Test", "Example", "Fuzz"} {
			if strings.HasPrefix(line, kind) && !strings.Contains(line, " ") {
				tests = append(tests, line)
			}
		}
	}
	return tests, nil
}

// process runs tests in one process, which it stops when no test ends for too long.
func (b *binary) process(opts options, tests []string, repeat int) (*results, error) {
	log, err := b.log()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(b.file, "-test.v=test2json", "-test.paniconexit0", "-test.timeout=0",
		"-test.run="+exactly(tests), fmt.Sprintf("-test.count=%d", max(1, repeat)))
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), append(b.side.env(), "PWD="+b.dir)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children can be stopped, too
	cmd.WaitDelay = 10 * time.Second
	convert := exec.Command("go", "tool", "test2json", "-t")
	converter, err := convert.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = converter, converter
	events, err := convert.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := convert.Start(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		converter.Close()
		return nil, errors.Join(err, convert.Wait())
	}
	ended, exited := make(chan struct{}), make(chan struct{})
	go func() {
		cmd.Wait() // the events tell how the tests ended
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		close(exited)
		converter.Close()
	}()
	go watch(cmd.Process.Pid, cmp.Or(b.suite.stall, opts.stall), ended, exited)
	got := newResults()
	err = got.read(io.TeeReader(events, log), func() {
		select {
		case ended <- struct{}{}:
		case <-exited:
		}
	})
	return got, errors.Join(err, convert.Wait())
}

// watch ends a process and its children when no test ends within stall. The first signal lets the
// process write its stacks.
func watch(pid int, stall time.Duration, ended, exited <-chan struct{}) {
	signal, clock := syscall.SIGQUIT, time.NewTimer(stall)
	for {
		select {
		case <-exited:
			return
		case <-ended:
			clock.Reset(stall)
		case <-clock.C:
			syscall.Kill(-pid, signal)
			signal = syscall.SIGKILL
			clock.Reset(10 * time.Second)
		}
	}
}

// log opens the file with the events of the package's tests.
func (b *binary) log() (*os.File, error) {
	file := filepath.Join(b.side.base, "output", b.label+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// exactly is the pattern that matches these tests and no others.
func exactly(tests []string) string {
	quoted := make([]string, len(tests))
	for i, test := range tests {
		quoted[i] = regexp.QuoteMeta(test)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}
