// Package options is the one table of the options of a node: the fields of raft.Config that are
// values. The flight recorder writes them, replay reads them, and scripts read and write them by
// name. A new field of Config takes a row here; a test of package raft fails without it.
package options

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Option is a field of raft.Config that is an integer or a bool. A bool is 0 or 1 as a number. This
// package cannot import raft, so config is an any that holds a pointer to a raft.Config.
type Option struct {
	// Field is the name of the field.
	Field string
	// Arg is the name in scripts; empty if commands of scripts set the field in their own way.
	Arg string
	// Words are the texts in scripts for the numbers 0, 1 and so on; nil for numbers and bools.
	Words []string
}

// All returns the table. A recording has the options in this order. So add new rows at the end, and
// remove none.
func All() []Option {
	return []Option{
		{Field: "ID"},
		{Field: "ElectionTick", Arg: "election-tick"},
		{Field: "HeartbeatTick", Arg: "heartbeat-tick"},
		{Field: "Applied"},
		{Field: "AsyncStorageWrites", Arg: "async-storage-writes"},
		{Field: "CheckQuorum", Arg: "checkquorum"},
		{Field: "PreVote", Arg: "prevote"},
		{Field: "DisableProposalForwarding", Arg: "disable-proposal-forwarding"},
		{Field: "DisableConfChangeValidation", Arg: "disable-conf-change-validation"},
		{Field: "MaxSizePerMsg", Arg: "max-size-per-msg"},
		{Field: "MaxCommittedSizePerReady", Arg: "max-committed-size-per-ready"},
		{Field: "MaxUncommittedEntriesSize", Arg: "max-uncommitted"},
		{Field: "MaxCachedEntriesSize", Arg: "max-cached-entries-size"},
		{Field: "MaxInflightMsgs", Arg: "inflight"},
		{Field: "MaxInflightBytes", Arg: "max-inflight-bytes"},
		{Field: "ReadOnlyOption", Arg: "read-only", Words: []string{"safe", "lease-based"}},
		{Field: "LeaseDriftTicks", Arg: "lease-drift"},
		{Field: "CatchUpRounds", Arg: "catch-up-rounds"},
		{Field: "SnapshotTicks", Arg: "snapshot-ticks"},
		{Field: "Seed", Arg: "seed"},
		{Field: "StepDownOnRemoval", Arg: "step-down-on-removal"},
		{Field: "ReuseMemory", Arg: "reuse-memory"},
		{Field: "MaxPendingReads", Arg: "max-pending-reads"},
		{Field: "DeferCommit", Arg: "defer-commit"},
	}
}

func (o *Option) in(config any) reflect.Value {
	return reflect.ValueOf(config).Elem().FieldByName(o.Field)
}

// Get returns the option as a number.
func (o *Option) Get(config any) uint64 {
	switch v := o.in(config); {
	case v.CanInt():
		return uint64(v.Int())
	case v.CanUint():
		return v.Uint()
	case v.Bool():
		return 1
	}
	return 0
}

// Set sets the option. A number that the field cannot hold becomes the largest that it can hold.
func (o *Option) Set(config any, n uint64) {
	switch v := o.in(config); {
	case v.CanInt():
		v.SetInt(int64(min(n, math.MaxInt)))
	case v.CanUint():
		v.SetUint(n)
	default:
		v.SetBool(n != 0)
	}
}

// Format renders the option as a script has it.
func (o *Option) Format(config any) string {
	n := o.Get(config)
	switch {
	case n < uint64(len(o.Words)):
		return o.Words[n]
	case o.isFlag(config):
		return strconv.FormatBool(n != 0)
	}
	return strconv.FormatUint(n, 10)
}

// Parse sets the option to what a script says.
func (o *Option) Parse(config any, text string) error {
	switch {
	case o.Words != nil:
		i := slices.Index(o.Words, text)
		if i < 0 {
			return fmt.Errorf("%q is none of %s", text, strings.Join(o.Words, ", "))
		}
		o.Set(config, uint64(i))
	case o.isFlag(config):
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		o.in(config).SetBool(b)
	default:
		n, err := strconv.ParseUint(text, 10, 64)
		if errors.Is(err, strconv.ErrRange) || err == nil && o.in(config).CanInt() && n > math.MaxInt {
			return fmt.Errorf("%s is too large", text)
		}
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		o.Set(config, n)
	}
	return nil
}

func (o *Option) isFlag(config any) bool { return o.in(config).Kind() == reflect.Bool }

// The options are recorded as a list of numbers in the order of the table. Bools are bits of the
// number at flags, in the same order. Zeros at the end of the list are left out beyond the first
// least numbers. So a recording from before an option existed equals one that is made without the
// option.
const (
	flags = 4
	least = 16
)

// Encode returns the options as a recording has them.
func Encode(config any) []uint64 {
	list := make([]uint64, least)
	walk(config, func(o *Option, at, bit int) {
		for at >= len(list) {
			list = append(list, 0)
		}
		list[at] |= o.Get(config) << bit
	})
	for len(list) > least && list[len(list)-1] == 0 {
		list = list[:len(list)-1]
	}
	return list
}

// Decode sets the options to what a recording has. It returns false if the recording has options
// that are not in the table.
func Decode(config any, list []uint64) bool {
	rest := slices.Clone(list)
	walk(config, func(o *Option, at, bit int) {
		switch {
		case at >= len(rest):
			o.Set(config, 0)
		case o.isFlag(config):
			o.Set(config, rest[at]>>bit&1)
			rest[at] &^= 1 << bit
		default:
			o.Set(config, rest[at])
			rest[at] = 0
		}
	})
	return !slices.ContainsFunc(rest, func(n uint64) bool { return n != 0 })
}

// walk visits the options with their places: the number, and the bit of it.
func walk(config any, visit func(o *Option, at, bit int)) {
	next, bit := 0, 0
	for _, o := range All() {
		if o.isFlag(config) {
			visit(&o, flags, bit)
			bit++
			continue
		}
		if next == flags {
			next++
		}
		visit(&o, next, 0)
		next++
	}
}
