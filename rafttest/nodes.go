package rafttest

import (
	"errors"
	"fmt"
	"math"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/internal/failing"
	"github.com/ffd200af/raft/internal/options"
	pb "github.com/ffd200af/raft/raftpb"
)

// maxNodes bounds the size of a cluster, so that a mistyped script ends soon.
const maxNodes = 64

// DefaultConfig is what nodes of scripts start with: short timeouts, and no limit that a script did
// not ask for.
func DefaultConfig() raft.Config {
	return raft.Config{
		ElectionTick:    3,
		HeartbeatTick:   1,
		MaxSizePerMsg:   math.MaxUint64,
		MaxInflightMsgs: math.MaxInt32,
	}
}

// handleAddNodes adds N nodes that start from a snapshot, or empty ones:
//
//	add-nodes N [voters=(1,2,3)] [learners=(4,5)] [voters-outgoing=(1,2)] [learners-next=(6)] [auto-leave=true]
//	    [index=10] [content=foo]
//	    [OPTION=VALUE...]
//	    [saved-snapshots=true]
//
// The options are those of internal/options. With saved-snapshots, others get the snapshot that
// save-snapshot has saved, and not the newest state.
func handleAddNodes(env *InteractionEnv, a *args) error {
	n := int(a.number("number of nodes", maxNodes))
	cfg := DefaultConfig()
	snap := readSnapshotArgs(a)
	readConfigArgs(a, &cfg)
	var saved bool
	a.setBool("saved-snapshots", &saved)
	if err := a.done(); err != nil {
		return err
	}
	first := len(env.Nodes)
	err := env.AddNodes(n, cfg, snap)
	for i := first; i < len(env.Nodes); i++ {
		if ms, ok := env.Nodes[i].Storage.(*machineStorage); ok {
			ms.onlySave, ms.saved = saved, ms.newest
		}
	}
	return err
}

// readSnapshotArgs reads the arguments that describe a snapshot.
func readSnapshotArgs(a *args) pb.Snapshot {
	var snap pb.Snapshot
	cs := &snap.Metadata.ConfState
	a.setIDs("voters", &cs.Voters)
	a.setIDs("learners", &cs.Learners)
	a.setIDs("voters-outgoing", &cs.VotersOutgoing)
	a.setIDs("learners-next", &cs.LearnersNext)
	a.setBool("auto-leave", &cs.AutoLeave)
	a.setUint("index", &snap.Metadata.Index)
	content := ""
	a.setString("content", &content)
	if content != "" {
		snap.Data = []byte(content)
	}
	return snap
}

// readConfigArgs reads the options that the command names.
func readConfigArgs(a *args, cfg *raft.Config) {
	for _, o := range options.All() {
		if o.Arg == "" {
			continue
		}
		if text, ok := a.value(o.Arg); ok {
			if err := o.Parse(cfg, text); err != nil {
				a.fail("%s: %w", o.Arg, err)
			}
		}
	}
}

// AddNodes adds n nodes with the next free ids. ID, Storage, Logger and Applied of cfg are filled
// in, and a Seed of 0 is the node's id. If snap is not the zero value, the nodes start from it; its
// index must be larger than 1, because a follower needs a first entry that it does not have. A term
// of 0 stands for 1.
func (env *InteractionEnv) AddNodes(n int, cfg raft.Config, snap pb.Snapshot) error {
	if n < 0 || len(env.Nodes)+n > maxNodes {
		return fmt.Errorf("there can be at most %d nodes", maxNodes)
	}
	if !isZeroSnapshot(&snap) {
		if snap.Metadata.Index <= 1 {
			return errors.New("nodes that start from a snapshot need an index > 1")
		}
		snap.Metadata.Term = max(snap.Metadata.Term, 1)
	}
	for range n {
		if err := env.addNode(cfg, snap); err != nil {
			return err
		}
	}
	return nil
}

func isZeroSnapshot(s *pb.Snapshot) bool {
	cs := &s.Metadata.ConfState
	return s.Metadata.Index == 0 && s.Metadata.Term == 0 && len(s.Data) == 0 &&
		len(cs.Voters)+len(cs.Learners)+len(cs.VotersOutgoing)+len(cs.LearnersNext) == 0
}

func (env *InteractionEnv) addNode(cfg raft.Config, snap pb.Snapshot) error {
	id := uint64(len(env.Nodes)) + 1
	storage := &machineStorage{MemoryStorage: raft.NewMemoryStorage(), newest: snap}
	if !raft.IsEmptySnap(snap) {
		if err := storage.ApplySnapshot(snap); err != nil {
			return err
		}
	}
	cfg.ID = id
	reads := &failing.Storage{Storage: storage, EntriesOnly: true}
	cfg.Storage = reads
	cfg.Applied = snap.Metadata.Index
	cfg.Logger = env.Output
	if cfg.Seed == 0 {
		cfg.Seed = id
	}
	if env.Options.OnConfig != nil {
		env.Options.OnConfig(&cfg)
		if cfg.ID != id {
			return fmt.Errorf("OnConfig has changed the id %d to %d", id, cfg.ID)
		}
	}
	started := cfg // NewRawNode writes defaults into it, which a later option must not meet
	rn, err := raft.NewRawNode(&started)
	if err != nil {
		return err
	}
	env.Nodes = append(env.Nodes, Node{RawNode: rn, Storage: storage, Config: &cfg, History: []pb.Snapshot{snap}, reads: reads})
	env.starts(len(env.Nodes) - 1)
	return nil
}

// Crash stops a node and drops everything that it has not persisted: its storage messages that were
// not performed, and the acknowledgements on their way back. Messages that it has sent to others
// stay in flight; those to it are dropped when they are delivered.
func (env *InteractionEnv) Crash(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	n.RawNode, n.taken = nil, nil
	n.Threads = driver.Threads{}
	n.rec.Stops()
	n.onDisk()
	env.Messages = without(env.Messages, func(m *pb.Message) bool { return m.To == n.id() && staysOnNode(m) })
	return nil
}

// handleCrash stops a node. With writing that happens while it does its next write, that of its
// Ready or the oldest storage message: all of it is on the disk, unless force-disk says otherwise,
// and nothing that waits for it was done.
//
//	crash ID [writing=true]
func handleCrash(env *InteractionEnv, a *args) error {
	idx := a.node()
	var writing bool
	a.setBool("writing", &writing)
	if err := a.done(); err != nil {
		return err
	}
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	var w *driver.Write
	switch {
	case !writing || n.taken != nil && n.taken.carriedOut:
	case n.taken != nil:
		w = writeOf(&n.taken.Ready)
	case len(n.AppendWork) > 0:
		_, w = n.NextWrite()
	case !n.Config.AsyncStorageWrites && n.Err() == nil && n.HasReady():
		rd := env.takeReady(n)
		w = writeOf(&rd)
	}
	if w != nil {
		w.Sync = false
		d := env.driver(n)
		if err := d.Persist(w); err != nil {
			return err
		}
	}
	return env.Crash(idx)
}

// handleRestart starts a node that may be up, and is crashed then. With applied, the state machine
// is stored less often than it changes, and goes back to where it was at that index. With
// bootstrap, a node whose disk is empty gets its first configuration. Options are those of
// add-nodes, and change those that the node had before:
//
//	restart ID [applied=INDEX] [bootstrap=(1,2,3)] [OPTION=VALUE...]
func handleRestart(env *InteractionEnv, a *args) error {
	idx := a.node()
	applied := uint64(math.MaxUint64)
	a.setUint("applied", &applied)
	var first []uint64
	a.setIDs("bootstrap", &first)
	n, err := env.node(idx)
	if err != nil {
		return err
	}
	cfg := *n.Config
	readConfigArgs(a, &cfg)
	if err := a.done(); err != nil {
		return err
	}
	*n.Config = cfg
	if !n.crashed() {
		if err := env.Crash(idx); err != nil {
			return err
		}
	}
	n.goBack(applied)
	if err := env.Restart(idx); err != nil || len(first) == 0 {
		return err
	}
	var peers []raft.Peer
	for _, id := range first {
		peers = append(peers, raft.Peer{ID: id})
	}
	if err := n.Bootstrap(peers); err != nil {
		return err
	}
	env.observer.Bootstraps(first)
	n.rec.Bootstraps(uint64(len(peers)))
	env.observe(idx)
	return nil
}

// Restart starts a node from what it has persisted; the state machine goes on from where it was. A
// node that is up is crashed first.
func (env *InteractionEnv) Restart(idx int) error {
	n, err := env.node(idx)
	if err != nil {
		return err
	}
	if !n.crashed() {
		if err := env.Crash(idx); err != nil {
			return err
		}
	}
	n.Config.Applied = n.machine().Metadata.Index
	if n.reads != nil {
		n.reads.FailNext, n.reads.Unavailable, n.reads.Failed = false, false, false
	}
	started := *n.Config
	rn, err := raft.NewRawNode(&started)
	if err != nil {
		return err
	}
	n.RawNode = rn
	env.starts(idx)
	return nil
}
