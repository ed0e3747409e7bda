package rafttest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"
	pb "github.com/ffd200af/raft/raftpb"
)

// args reads the arguments of a command, and remembers the first mistake. Arguments
// without a value stand for themselves, in order; the others are found by name. done
// returns the mistake, or complains about what nobody has asked for.
type args struct {
	list  []datadriven.CmdArg
	used  []bool
	input string
	err   error
}

func newArgs(d *datadriven.TestData) *args {
	return &args{list: d.CmdArgs, used: make([]bool, len(d.CmdArgs)), input: d.Input}
}

func (a *args) fail(format string, v ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, v...)
	}
}

func (a *args) done() error {
	if a.err != nil {
		return a.err
	}
	for i, used := range a.used {
		if !used {
			return fmt.Errorf("unknown argument %q", a.list[i].String())
		}
	}
	return nil
}

// more reports whether there is another argument without a value.
func (a *args) more() bool {
	for i := range a.list {
		if !a.used[i] && len(a.list[i].Vals) == 0 {
			return true
		}
	}
	return false
}

// word returns the next argument without a value.
func (a *args) word(what string) string {
	for i := range a.list {
		if !a.used[i] && len(a.list[i].Vals) == 0 {
			a.used[i] = true
			return a.list[i].Key
		}
	}
	a.fail("missing argument: %s", what)
	return ""
}

// number returns the next argument without a value, as a number up to limit.
func (a *args) number(what string, limit uint64) uint64 {
	word := a.word(what)
	if a.err != nil {
		return 0
	}
	return a.parse(what, word, limit)
}

func (a *args) parse(what, word string, limit uint64) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(word), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n > limit:
		a.fail("%s: %s is larger than %d", what, word, limit)
	case err != nil:
		a.fail("%s: %q is not a number", what, word)
	}
	return n
}

// node returns the position of the node whose id is the next argument without a value.
func (a *args) node() int { return position(a.number("node", math.MaxInt32)) }

// position is where the node with an id stands; -1, where none does, for ids that no node can have.
func position(id uint64) int {
	if id > math.MaxInt32 {
		return -1
	}
	return int(id) - 1
}

// nodes returns the positions for all remaining arguments without a value.
func (a *args) nodes() []int {
	var idxs []int
	for a.more() && a.err == nil {
		idxs = append(idxs, a.node())
	}
	return idxs
}

// values returns what is assigned to name; false if it is not there.
func (a *args) values(name string) ([]string, bool) {
	for i := range a.list {
		if a.list[i].Key == name && len(a.list[i].Vals) > 0 && !a.used[i] {
			a.used[i] = true
			return a.list[i].Vals, true
		}
	}
	return nil, false
}

func (a *args) value(name string) (string, bool) {
	vals, ok := a.values(name)
	if !ok {
		return "", false
	}
	if len(vals) != 1 {
		a.fail("%s: takes one value, got %d", name, len(vals))
		return "", false
	}
	return vals[0], true
}

// setString, setUint, setBool and setIDs do not change *to if there is no argument name.
func (a *args) setString(name string, to *string) {
	if v, ok := a.value(name); ok {
		*to = v
	}
}

func (a *args) setUint(name string, to *uint64) {
	if v, ok := a.value(name); ok {
		*to = a.parse(name, v, math.MaxUint64)
	}
}

func (a *args) setBool(name string, to *bool) {
	if v, ok := a.value(name); ok {
		b, err := strconv.ParseBool(v)
		if err != nil {
			a.fail("%s: %q is neither true nor false", name, v)
		}
		*to = b
	}
}

func (a *args) setIDs(name string, to *[]uint64) {
	vals, ok := a.values(name)
	if !ok {
		return
	}
	ids := make([]uint64, 0, len(vals))
	for _, v := range vals {
		if v = strings.TrimSpace(v); v != "" || len(vals) > 1 {
			ids = append(ids, a.parse(name, v, math.MaxUint64))
		}
	}
	*to = ids
}

func (a *args) setMessageType(name string, to *pb.MessageType) {
	v, ok := a.value(name)
	if !ok {
		return
	}
	n, known := pb.MessageType_value[v]
	if !known {
		a.fail("%s: unknown message type %q", name, v)
	}
	*to = pb.MessageType(n)
}

// groups returns the remaining arguments as lists of ids, "(1,2) (3)". A directive line is split at
// blanks, so that "(1, 2)" comes in two pieces.
func (a *args) groups() [][]uint64 {
	var text []string
	for a.more() {
		text = append(text, a.word("group"))
	}
	var groups [][]uint64
	rest := strings.TrimSpace(strings.Join(text, " "))
	for rest != "" && a.err == nil {
		list, behind, closed := strings.Cut(rest, ")")
		list, opened := strings.CutPrefix(list, "(")
		if !opened || !closed || strings.Contains(list, "(") {
			a.fail("%q is not a list of groups like (1,2) (3)", rest)
			break
		}
		var ids []uint64
		for id := range strings.SplitSeq(list, ",") {
			ids = append(ids, a.parse("node", id, math.MaxInt32))
		}
		groups = append(groups, ids)
		rest = strings.TrimSpace(behind)
	}
	return groups
}
