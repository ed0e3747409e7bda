package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// The revision of a key is the index of the log entry that wrote it last. A key that is written
// again gets a higher one, also after it was deleted. Over HTTP it is the ETag of the key, and the
// conditions are those of RFC 9110.

// A row of data is the revision, 8 bytes, and the value.

func encodeRow(revision uint64, value []byte) []byte {
	row := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), revision)
	return append(row, value...)
}

func decodeRow(row []byte) (revision uint64, value []byte, err error) {
	if len(row) < 8 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return binary.BigEndian.Uint64(row), row[8:], nil
}

// readRow returns the value of a key and its revision, which is 0 if there is no such key.
func readRow(r pebble.Reader, key []byte) (revision uint64, value []byte, err error) {
	row, found, err := getFrom(r, dataKey(key))
	if err != nil || !found {
		return 0, nil, err
	}
	return decodeRow(row)
}

// errNoRevisions is the error of a folder whose data has no revisions.
var errNoRevisions = errors.New("the data was written by an earlier version of this program: start with an empty folder")

// oldDataPrefix began the rows of data when they had no revisions.
const oldDataPrefix = 'd'

func checkRevisions(r pebble.Reader) error {
	return eachRow(r, oldDataPrefix, func(_, _ []byte) error { return errNoRevisions })
}

// condition is what a client asks of the revision of a key: that it is this one, or that it is not.
// 0 is the revision of a key that is not there.
type condition struct {
	not      bool
	revision uint64
}

func (c condition) holds(revision uint64) bool { return (revision == c.revision) != c.not }

// readCondition reads the condition of a request; nil if it has none.
func readCondition(from http.Header) (*condition, error) {
	const match, noneMatch = "If-Match", "If-None-Match"
	set, unset := from.Values(match), from.Values(noneMatch)
	switch {
	case len(set) > 0 && len(unset) > 0:
		return nil, fmt.Errorf("%s and %s exclude each other", match, noneMatch)
	case len(set) > 0:
		return parseCondition(match, set, false)
	case len(unset) > 0:
		return parseCondition(noneMatch, unset, true)
	}
	return nil, nil
}

// parseCondition reads a tag or *, which stands for all revisions but 0.
func parseCondition(name string, values []string, not bool) (*condition, error) {
	if len(values) == 1 && values[0] == "*" {
		return &condition{not: !not}, nil
	}
	word := strings.Join(values, ", ")
	revision, err := strconv.ParseUint(strings.Trim(word, `"`), 10, 64)
	if err != nil || revision == 0 || word != tag(revision) {
		return nil, fmt.Errorf(`%s must be one ETag that this store gave, like "12", or *, and not %s`, name, word)
	}
	return &condition{not: not, revision: revision}, nil
}

// tag is the ETag of a revision.
func tag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }
