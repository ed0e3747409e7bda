package recording_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/recording/replay"
)

// A node is recorded in memory. The recording is replayed without the application and its storage:
// every output is the same, to the byte.
func Example() {
	ring := recording.NewRing(1 << 20)
	storage := raft.NewMemoryStorage()
	config := raft.DefaultConfig(1, storage)
	config.Logger = raft.DiscardLogger
	config.Recording = ring
	node, err := raft.NewRawNode(config)
	check(err)
	check(node.Bootstrap([]raft.Peer{{ID: 1}}))
	for node.HasReady() {
		rd := node.Ready()
		check(storage.Append(rd.Entries))
		check(storage.SetHardState(rd.HardState))
		node.Advance(rd)
	}

	var file bytes.Buffer // raftscript replay, step and export take such a file
	_, err = ring.WriteTo(&file)
	check(err)
	records, err := replay.Read(&file)
	check(err)
	steps := 0
	check(replay.Run(records, func(*replay.Step) error { // a *replay.Divergence would say what differs
		steps++
		return nil
	}))
	fmt.Println("replayed:", steps > 0)
	// Output:
	// replayed: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
