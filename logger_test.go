package raft

import (
	"bytes"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// speak calls every method that does not end the process.
func speak(l Logger) {
	l.Debug("a", 1)
	l.Debugf("a%d", 2)
	l.Info("b", 1)
	l.Infof("b%d", 2)
	l.Warning("c", 1)
	l.Warningf("c%d", 2)
	l.Error("d", 1)
	l.Errorf("d%d", 2)
	for _, f := range []func(){func() { l.Panic("e", 1) }, func() { l.Panicf("e%d", 2) }} {
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "e") {
					l.Error("did not panic with its text")
				}
			}()
			f()
		}()
	}
}

func TestDefaultLoggerWritesLevelsAndText(t *testing.T) {
	const quiet = "INFO: b1\nINFO: b2\nWARN: c1\nWARN: c2\nERROR: d1\nERROR: d2\ne1\ne2\n"
	var buf bytes.Buffer
	l := &DefaultLogger{Logger: log.New(&buf, "", 0)}
	speak(l)
	if got := buf.String(); got != quiet {
		t.Errorf("without debug lines:\n%s", got)
	}
	buf.Reset()
	l.EnableDebug()
	speak(l)
	if got := buf.String(); got != "DEBUG: a1\nDEBUG: a2\n"+quiet {
		t.Errorf("with debug lines:\n%s", got)
	}
}

func TestDefaultLoggerShowsWhoHasCalledItAndWhen(t *testing.T) {
	var buf bytes.Buffer
	l := &DefaultLogger{Logger: log.New(&buf, "", log.Lshortfile)}
	l.EnableTimestamps()
	speak(l)
	form := regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d logger_test\.go:\d+: ([A-Z]+: [bcd]|e)[12]$`)
	for line := range strings.Lines(buf.String()) {
		if line = strings.TrimSuffix(line, "\n"); !form.MatchString(line) {
			t.Errorf("line %q", line)
		}
	}
}

func TestSlogLoggerMapsLevels(t *testing.T) {
	var buf bytes.Buffer
	handler := func(level slog.Level) slog.Handler {
		return slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
	}
	speak(NewSlogLogger(slog.New(handler(slog.LevelDebug))))
	want := ""
	for _, line := range []string{"DEBUG a", "INFO b", "WARN c", "ERROR d", "ERROR e"} {
		level, text, _ := strings.Cut(line, " ")
		want += "level=" + level + " msg=" + text + "1\nlevel=" + level + " msg=" + text + "2\n"
	}
	if got := buf.String(); got != want {
		t.Errorf("all levels:\n%s", got)
	}
	buf.Reset()
	speak(NewSlogLogger(slog.New(handler(slog.LevelError))))
	if got, want := buf.String(), "level=ERROR msg=d1\nlevel=ERROR msg=d2\nlevel=ERROR msg=e1\nlevel=ERROR msg=e2\n"; got != want {
		t.Errorf("errors only:\n%s", got)
	}
}

func TestSlogLoggerWithoutALoggerUsesTheDefault(t *testing.T) {
	var buf bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&buf, nil)))
	NewSlogLogger(nil).Info("hello")
	if !strings.Contains(buf.String(), "msg=hello") {
		t.Errorf("got %q", buf.String())
	}
}

func TestDiscardLoggerDoesNotFormat(t *testing.T) {
	DiscardLogger.Errorf("%v", unformattable{t})
	DiscardLogger.Info(unformattable{t})
}

// unformattable fails a test when it is formatted.
type unformattable struct{ t *testing.T }

func (u unformattable) String() string {
	u.t.Error("was formatted")
	return ""
}

func TestTheProcessDefaultCanBeSetAndReset(t *testing.T) {
	defer ResetDefaultLogger()
	var buf bytes.Buffer
	mine := &DefaultLogger{Logger: log.New(&buf, "", 0)}
	SetLogger(mine)
	if defaultLogger() != Logger(mine) {
		t.Error("the logger that was set is not used")
	}
	for name, reset := range map[string]func(){"reset": ResetDefaultLogger, "nil": func() { SetLogger(nil) }} {
		SetLogger(mine)
		reset()
		l, ok := defaultLogger().(*DefaultLogger)
		if !ok || l == mine || l.debug || l.Writer() != os.Stderr {
			t.Errorf("%s: the default is %v", name, l)
		}
	}
	if buf.Len() > 0 {
		t.Errorf("something was logged: %s", &buf)
	}
}

// fatalLogger names the logger that a child process is to end itself with.
const fatalLogger = "RAFT_TEST_FATAL_LOGGER"

func TestFatalEndsTheProcessAfterItsLine(t *testing.T) {
	fatal := map[string]func(){
		"default":  func() { (&DefaultLogger{Logger: log.New(os.Stdout, "", 0)}).Fatal("last words") },
		"defaultf": func() { (&DefaultLogger{Logger: log.New(os.Stdout, "", 0)}).Fatalf("last %s", "words") },
		"slog":     func() { NewSlogLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))).Fatal("last words") },
		"slogf":    func() { NewSlogLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))).Fatalf("last %s", "words") },
	}
	if f := fatal[os.Getenv(fatalLogger)]; f != nil {
		f()
		return // not reached: the parent notices by the exit status
	}
	for name := range fatal {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fatalLogger+"="+name)
		out, err := cmd.Output()
		exit, ok := err.(*exec.ExitError)
		if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "last words") {
			t.Errorf("%s: %v, output %q", name, err, out)
		}
	}
}
