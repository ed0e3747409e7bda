package rafttest

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
)

// The levels of RedirectLogger.Lvl.
const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
	levelFatal
	levelNone
)

// levelNames returns the words for the levels, which begin a log line and which scripts use.
func levelNames() [levelNone + 1]string {
	return [...]string{"DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"}
}

// RedirectLogger is a raft.Logger that writes lines "LEVEL text" into a strings.Builder, among
// the output of commands. Lvl is the lowest level written: 0 debug, 1 info, 2 warn, 3 error, 4
// fatal. 5 is none: the logger is then quiet, and drops what commands print as well.
type RedirectLogger struct {
	*strings.Builder
	Lvl int
}

var _ raft.Logger = (*RedirectLogger)(nil)

// Quiet reports whether everything is dropped.
func (l *RedirectLogger) Quiet() bool { return l.Lvl >= levelNone }

// Write implements io.Writer. It and the three methods that go through it hide those of the Builder
// in order to be quiet.
func (l *RedirectLogger) Write(p []byte) (int, error) {
	if l.Quiet() {
		return len(p), nil
	}
	return l.Builder.Write(p)
}

// WriteString implements io.StringWriter.
func (l *RedirectLogger) WriteString(s string) (int, error) { return l.Write([]byte(s)) }

// WriteRune is that of strings.Builder.
func (l *RedirectLogger) WriteRune(r rune) (int, error) { return l.WriteString(string(r)) }

// WriteByte implements io.ByteWriter.
func (l *RedirectLogger) WriteByte(c byte) error {
	_, err := l.Write([]byte{c})
	return err
}

func (l *RedirectLogger) print(level int, v []interface{}) {
	if level >= l.Lvl {
		l.line(level, fmt.Sprint(v...))
	}
}

func (l *RedirectLogger) printf(level int, format string, v []interface{}) {
	if level >= l.Lvl {
		l.line(level, fmt.Sprintf(format, v...))
	}
}

func (l *RedirectLogger) line(level int, text string) {
	fmt.Fprintf(l, "%s %s\n", levelNames()[level], strings.TrimSuffix(text, "\n"))
}

// Debug implements raft.Logger.
func (l *RedirectLogger) Debug(v ...interface{}) { l.print(levelDebug, v) }

// Debugf implements raft.Logger.
func (l *RedirectLogger) Debugf(format string, v ...interface{}) { l.printf(levelDebug, format, v) }

// Info implements raft.Logger.
func (l *RedirectLogger) Info(v ...interface{}) { l.print(levelInfo, v) }

// Infof implements raft.Logger.
func (l *RedirectLogger) Infof(format string, v ...interface{}) { l.printf(levelInfo, format, v) }

// Warning implements raft.Logger.
func (l *RedirectLogger) Warning(v ...interface{}) { l.print(levelWarn, v) }

// Warningf implements raft.Logger.
func (l *RedirectLogger) Warningf(format string, v ...interface{}) { l.printf(levelWarn, format, v) }

// Error implements raft.Logger.
func (l *RedirectLogger) Error(v ...interface{}) { l.print(levelError, v) }

// Errorf implements raft.Logger.
func (l *RedirectLogger) Errorf(format string, v ...interface{}) { l.printf(levelError, format, v) }

// Fatal writes a line and panics: a script's process goes on to other scripts.
func (l *RedirectLogger) Fatal(v ...interface{}) { l.Panic(v...) }

// Fatalf writes a line and panics.
func (l *RedirectLogger) Fatalf(format string, v ...interface{}) { l.Panicf(format, v...) }

// Panic writes a line at the fatal level and panics with its text.
func (l *RedirectLogger) Panic(v ...interface{}) {
	l.print(levelFatal, v)
	panic(fmt.Sprint(v...))
}

// Panicf writes a line at the fatal level and panics with its text.
func (l *RedirectLogger) Panicf(format string, v ...interface{}) {
	l.printf(levelFatal, format, v)
	panic(fmt.Sprintf(format, v...))
}

// LogLevel sets the lowest level that is written: debug, info, warn, error, fatal or none, in
// upper or lower case.
//
//	log-level LEVEL
func (env *InteractionEnv) LogLevel(name string) error {
	names := levelNames()
	for level, known := range names {
		if strings.EqualFold(known, name) {
			env.Output.Lvl = level
			return nil
		}
	}
	return fmt.Errorf("unknown log level %q: use one of %s", name, strings.ToLower(strings.Join(names[:], ", ")))
}
