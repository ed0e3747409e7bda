package raftlog

import "errors"

// Errors of a Storage, which package raft exports. An implementation returns them, possibly
// wrapped. Their texts are those of v3.6.
var (
	// ErrCompacted means that the requested index lies before the first index.
	ErrCompacted = errors.New("requested index is unavailable due to compaction")
	// ErrUnavailable means that the requested index lies beyond the last index, or that the entry
	// cannot be had at the moment.
	ErrUnavailable = errors.New("requested entry at index is unavailable")
)

// What is wrong with a log. Package raft exports these errors.
var (
	// ErrStorage means that Storage returned an error other than those that have a meaning, or an
	// answer that contradicts what it said before.
	ErrStorage = errors.New("storage failed")
	// ErrCommitBeyondLog means that the log ends before an index that is committed.
	ErrCommitBeyondLog = errors.New("commit index beyond the log: acknowledged entries were lost")
	// ErrCommittedConflict means that an append contradicts a committed entry.
	ErrCommittedConflict = errors.New("contradicts a committed entry")
)
