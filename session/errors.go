package session

import "errors"

// Errors of Table.Apply. They are agreed as replies are: every replica returns the same one for
// the same entry, so any of them may answer the client. Test with errors.Is.
//
// After ErrReplyTooLong the command has been executed, once. After ErrAcknowledged it has been
// executed before or never will be. After all others it was not executed by this entry.
var (
	// ErrExpired: there is no such session. It was idle for too long, made room for
	// another, was closed, or never was. The record is gone, and with it the knowledge which
	// of the commands that the client waits for were executed (thesis §6.3): if it registers
	// again and repeats them, they may be executed twice.
	ErrExpired = errors.New("session: expired or unknown")
	// ErrAcknowledged: the client has said before that it does not wait for the reply to this
	// sequence number, so the reply is dropped. A client that gets this answer to a command it
	// still waits for counts wrongly.
	ErrAcknowledged = errors.New("session: reply was acknowledged and dropped")
	// ErrWindow: the sequence number is Limits.Window or more above the lowest that the
	// client still waits for. It may send the command again, under the same sequence number,
	// when it has got that reply.
	ErrWindow = errors.New("session: too many commands without acknowledged replies")
	// ErrReplyTooLong: the reply has more than Limits.ReplyBytes bytes. Nobody gets it,
	// neither the first time nor later.
	ErrReplyTooLong = errors.New("session: executed, but the reply is too long to be kept")
	// ErrMalformed: the header makes no sense or cannot be decoded. Nothing has changed.
	ErrMalformed = errors.New("session: malformed header")
	// ErrLimits: the limits of a Configure command contradict each other. Nothing has changed.
	ErrLimits = errors.New("session: limits cannot be met")
	// ErrNotConfigured: no limits have been agreed yet, so nobody can register.
	ErrNotConfigured = errors.New("session: no limits are agreed yet")
)

// Errors that are about this table in this process. They are no answer to a client.
var (
	// ErrApplied: the table has this entry already, or a later one. Nothing has changed.
	ErrApplied = errors.New("session: entry was applied before")
	// ErrBusy: the table was to be changed or encoded by the function that executes a
	// command, or that function has not returned (it panicked). In the second case the
	// state is in doubt, and the table refuses everything from then on.
	ErrBusy = errors.New("session: a command is being executed")
	// ErrCorrupt: the bytes are not what a Table was encoded to.
	ErrCorrupt = errors.New("session: corrupt table")
	// ErrVersion: the bytes have a version of the encoding that this package does not know.
	ErrVersion = errors.New("session: unknown version of the encoding")
)
