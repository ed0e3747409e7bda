package raft

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"sync/atomic"
)

// Logger gets a node's log lines. The words of a line are not part of the API. Each level
// has a form that joins its arguments like fmt.Sprint and one that formats.
//
// The library logs at the levels up to Error. Fatal ends the process and Panic panics,
// both after the line is written; the library calls neither.
//
// A Logger is called from the goroutine that drives the node; one that several nodes
// share must be safe for concurrent use. It must not call the node.
type Logger interface {
	Debug(v ...interface{})
	Debugf(format string, v ...interface{})

	Error(v ...interface{})
	Errorf(format string, v ...interface{})

	Info(v ...interface{})
	Infof(format string, v ...interface{})

	Warning(v ...interface{})
	Warningf(format string, v ...interface{})

	Fatal(v ...interface{})
	Fatalf(format string, v ...interface{})

	Panic(v ...interface{})
	Panicf(format string, v ...interface{})
}

// processLogger is the only state that nodes of a process share, because the v3.6
// API has a default that programs can set. NewRawNode reads it once, when Config.Logger
// is nil; nil stands for the built-in one.
var processLogger atomic.Pointer[Logger]

// SetLogger sets the Logger of nodes that are started from now on without one of their
// own (Config.Logger). nil restores the built-in default. It may be called from any goroutine.
func SetLogger(l Logger) {
	if l == nil {
		ResetDefaultLogger()
		return
	}
	processLogger.Store(&l)
}

// ResetDefaultLogger undoes SetLogger: the default is again a DefaultLogger that
// writes to standard error, with timestamps and without debug lines.
func ResetDefaultLogger() { processLogger.Store(nil) }

// defaultLogger returns the Logger for a node that has none of its own.
func defaultLogger() Logger {
	if l := processLogger.Load(); l != nil {
		return *l
	}
	return &DefaultLogger{Logger: log.New(os.Stderr, "raft", log.LstdFlags)}
}

// DefaultLogger writes lines "LEVEL: text" through a log.Logger, which must be set. Debug lines are
// left out until EnableDebug. Call EnableDebug and EnableTimestamps before the first line; all else
// is safe for concurrent use.
type DefaultLogger struct {
	*log.Logger
	debug bool
}

var _ Logger = (*DefaultLogger)(nil)

// calldepth makes the log.Logger's file and line, if it shows them, those of the caller
// of the level's method, seen from line.
const calldepth = 3

func (l *DefaultLogger) line(level, text string) {
	// There is nobody to tell that a log line could not be written.
	_ = l.Output(calldepth, level+": "+text)
}

// EnableTimestamps adds date and time to the flags of the log.Logger.
func (l *DefaultLogger) EnableTimestamps() { l.SetFlags(l.Flags() | log.Ldate | log.Ltime) }

// EnableDebug turns debug lines on.
func (l *DefaultLogger) EnableDebug() { l.debug = true }

// Debug writes a debug line, if those are on.
func (l *DefaultLogger) Debug(v ...interface{}) {
	if l.debug {
		l.line("DEBUG", fmt.Sprint(v...))
	}
}

// Debugf writes a debug line, if those are on.
func (l *DefaultLogger) Debugf(format string, v ...interface{}) {
	if l.debug {
		l.line("DEBUG", fmt.Sprintf(format, v...))
	}
}

// Info writes an info line.
func (l *DefaultLogger) Info(v ...interface{}) { l.line("INFO", fmt.Sprint(v...)) }

// Infof writes an info line.
func (l *DefaultLogger) Infof(format string, v ...interface{}) {
	l.line("INFO", fmt.Sprintf(format, v...))
}

// Warning writes a warning.
func (l *DefaultLogger) Warning(v ...interface{}) { l.line("WARN", fmt.Sprint(v...)) }

// Warningf writes a warning.
func (l *DefaultLogger) Warningf(format string, v ...interface{}) {
	l.line("WARN", fmt.Sprintf(format, v...))
}

// Error writes an error.
func (l *DefaultLogger) Error(v ...interface{}) { l.line("ERROR", fmt.Sprint(v...)) }

// Errorf writes an error.
func (l *DefaultLogger) Errorf(format string, v ...interface{}) {
	l.line("ERROR", fmt.Sprintf(format, v...))
}

// Fatal writes a line and ends the process with status 1.
func (l *DefaultLogger) Fatal(v ...interface{}) {
	l.line("FATAL", fmt.Sprint(v...))
	os.Exit(1)
}

// Fatalf writes a line and ends the process with status 1.
func (l *DefaultLogger) Fatalf(format string, v ...interface{}) {
	l.line("FATAL", fmt.Sprintf(format, v...))
	os.Exit(1)
}

// Panic writes a line without a level and panics with its text.
func (l *DefaultLogger) Panic(v ...interface{}) {
	text := fmt.Sprint(v...)
	_ = l.Output(calldepth-1, text)
	panic(text)
}

// Panicf writes a line without a level and panics with its text.
func (l *DefaultLogger) Panicf(format string, v ...interface{}) {
	text := fmt.Sprintf(format, v...)
	_ = l.Output(calldepth-1, text)
	panic(text)
}

// DiscardLogger drops every line. Its Fatal still ends the process and its Panic
// still panics.
var DiscardLogger Logger = NewSlogLogger(slog.New(slog.DiscardHandler))

// NewSlogLogger returns a Logger that hands lines to l as messages without attributes:
// Debug, Info, Warning and Error at the slog level of that name, Fatal and Panic at
// the error level before they end the process with status 1 or panic. nil stands for
// slog.Default(). What l does not want is not formatted.
func NewSlogLogger(l *slog.Logger) Logger {
	if l == nil {
		l = slog.Default()
	}
	return slogLogger{l}
}

type slogLogger struct{ to *slog.Logger }

func (l slogLogger) print(level slog.Level, v []interface{}) {
	if ctx := context.Background(); l.to.Enabled(ctx, level) {
		l.to.Log(ctx, level, fmt.Sprint(v...))
	}
}

func (l slogLogger) printf(level slog.Level, format string, v []interface{}) {
	if ctx := context.Background(); l.to.Enabled(ctx, level) {
		l.to.Log(ctx, level, fmt.Sprintf(format, v...))
	}
}

func (l slogLogger) Debug(v ...interface{})   { l.print(slog.LevelDebug, v) }
func (l slogLogger) Info(v ...interface{})    { l.print(slog.LevelInfo, v) }
func (l slogLogger) Warning(v ...interface{}) { l.print(slog.LevelWarn, v) }
func (l slogLogger) Error(v ...interface{})   { l.print(slog.LevelError, v) }

func (l slogLogger) Debugf(format string, v ...interface{})   { l.printf(slog.LevelDebug, format, v) }
func (l slogLogger) Infof(format string, v ...interface{})    { l.printf(slog.LevelInfo, format, v) }
func (l slogLogger) Warningf(format string, v ...interface{}) { l.printf(slog.LevelWarn, format, v) }
func (l slogLogger) Errorf(format string, v ...interface{})   { l.printf(slog.LevelError, format, v) }

func (l slogLogger) Fatal(v ...interface{}) {
	l.print(slog.LevelError, v)
	os.Exit(1)
}

func (l slogLogger) Fatalf(format string, v ...interface{}) {
	l.printf(slog.LevelError, format, v)
	os.Exit(1)
}

func (l slogLogger) Panic(v ...interface{}) {
	l.print(slog.LevelError, v)
	panic(fmt.Sprint(v...))
}

func (l slogLogger) Panicf(format string, v ...interface{}) {
	l.printf(slog.LevelError, format, v)
	panic(fmt.Sprintf(format, v...))
}
