package multiraft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft"
)

// Config is the configuration of a Store.
type Config struct {
	// ID is the id of this store. It is not 0.
	ID uint64
	// Incarnation rises with each start of the store, and is not 0: a counter that is durable
	// before the store is made, for instance. With an incarnation that was used before, other
	// stores may not notice a restart. Groups that this store has led may then sleep on without a
	// leader, and others may count on promises of followers that are awake.
	Incarnation uint64
	// StoreOf returns the store of a group's replica, and 0 if it is not known. It is a pure
	// function, or at least fixed for each replica. A store has at most one replica of a group. nil
	// means that a replica has the id of its store.
	StoreOf func(group, replica uint64) uint64
	// Seed seeds the election timeouts of groups whose Config has no seed. 0 means Incarnation.
	Seed uint64

	// ElectionTick is the number of ticks after which a silent store counts as gone. 0 means 10. It
	// should be the ElectionTick of the groups.
	ElectionTick int
	// BeatTicks is the interval of beats, in ticks. 0 means 1.
	BeatTicks int
	// SleepTicks is how long a group has to be idle before its leader offers sleep, in ticks. 0
	// means ElectionTick, and a negative number that groups do not sleep. Only groups sleep whose
	// ElectionTick is at least that of the store.
	SleepTicks int

	// SendEarly puts the messages that need not wait for a write into Ready.Early. Leaders then
	// replicate while they write (thesis §10.2.1).
	SendEarly bool

	// MaxReadyGroups bounds the groups in one Ready that have something to write or to apply. 0
	// means 1,024.
	MaxReadyGroups int
	// MaxReadyBytes bounds the payload of entries in one Ready: it takes no further group once it
	// holds as much. 0 means 4 MiB.
	MaxReadyBytes int
	// MaxCampaigns bounds the members whose election timeout ends in one tick. Others wait for the
	// next tick, as if their clocks were slower. 0 means 4,096.
	MaxCampaigns int
	// MaxWakes bounds the groups that are woken in one tick because of another store. 0 means
	// 4,096.
	MaxWakes int
}

// ErrConfig is matched by errors about a Config, of a Store or of a group, that cannot be used.
var ErrConfig = errors.New("multiraft: invalid config")

func (c *Config) normalized() (Config, error) {
	n := *c
	switch {
	case n.ID == 0:
		return n, fmt.Errorf("%w: ID must not be 0", ErrConfig)
	case n.Incarnation == 0:
		return n, fmt.Errorf("%w: Incarnation must not be 0", ErrConfig)
	}
	if n.StoreOf == nil {
		n.StoreOf = func(_, replica uint64) uint64 { return replica }
	}
	if n.Seed == 0 {
		n.Seed = n.Incarnation
	}
	for _, field := range []struct {
		name  string
		value *int
		none  int
	}{
		{"ElectionTick", &n.ElectionTick, 10}, {"BeatTicks", &n.BeatTicks, 1},
		{"MaxReadyGroups", &n.MaxReadyGroups, 1024}, {"MaxReadyBytes", &n.MaxReadyBytes, 4 << 20},
		{"MaxCampaigns", &n.MaxCampaigns, 4096}, {"MaxWakes", &n.MaxWakes, 4096},
	} {
		if *field.value < 0 {
			return n, fmt.Errorf("%w: %s must not be negative", ErrConfig, field.name)
		}
		if *field.value == 0 {
			*field.value = field.none
		}
	}
	if n.SleepTicks == 0 {
		n.SleepTicks = n.ElectionTick
	}
	if n.BeatTicks >= n.ElectionTick {
		return n, fmt.Errorf("%w: ElectionTick must be larger than BeatTicks", ErrConfig)
	}
	return n, nil
}

// groupConfig returns the Config that a group's node is started with.
func (s *Store) groupConfig(group uint64, c *raft.Config) (*raft.Config, error) {
	n := *c
	if n.AsyncStorageWrites {
		return nil, fmt.Errorf("%w: AsyncStorageWrites; a Store has batches of other groups under way instead", ErrConfig)
	}
	if store := s.cfg.StoreOf(group, n.ID); store != s.cfg.ID {
		return nil, fmt.Errorf("%w: replica %x of group %x belongs to store %x and not %x", ErrConfig, n.ID, group, store, s.cfg.ID)
	}
	n.ReuseMemory = true // messages are copied into batches
	if n.Seed == 0 {
		n.Seed = mix(s.cfg.Seed, group)
	}
	return &n, nil
}

// mix returns a seed that is not 0.
func mix(seed, group uint64) uint64 {
	z := seed ^ (group+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31 | 1
}

// Errors of calls about one group.
var (
	// ErrGroupExists is returned by AddGroup for a group that the store has.
	ErrGroupExists = errors.New("multiraft: the store has this group")
	// ErrNoGroup is returned for a group that the store does not have.
	ErrNoGroup = errors.New("multiraft: the store does not have this group")
)

// GroupError is an error about one group.
type GroupError struct {
	Group uint64
	Err   error
}

func (e *GroupError) Error() string { return fmt.Sprintf("multiraft: group %x: %v", e.Group, e.Err) }
func (e *GroupError) Unwrap() error { return e.Err }

func groupError(group uint64, err error) error {
	if err == nil {
		return nil
	}
	return &GroupError{Group: group, Err: err}
}
