package compaction_test

import (
	"fmt"

	"github.com/ffd200af/raft/compaction"
)

// A state of 1000 bytes grows to 3000. Each command is 100 bytes.
func ExampleLog() {
	sizes := compaction.NewLog(compaction.Policy{Floor: 500, Ceiling: 10_000}, 0)
	state := uint64(1000)
	for index := uint64(1); index <= 160; index++ {
		sizes.Append(index, index, 100)
		state = min(state+50, 3000)
		if !sizes.Due() {
			continue
		}
		sizes.Snapshot(state)
		sizes.Compact(sizes.Keeping(500))
		fmt.Printf("entry %d: a snapshot of %d bytes; the log may have %d\n", index, state, sizes.Limit())
	}
	// Output:
	// entry 6: a snapshot of 1300 bytes; the log may have 5200
	// entry 54: a snapshot of 3000 bytes; the log may have 10000
	// entry 150: a snapshot of 3000 bytes; the log may have 10000
}

// A Policy alone decides for a program that knows its sizes.
func ExamplePolicy() {
	p := compaction.Policy{Floor: 1 << 20, Ceiling: 1 << 30}
	fmt.Println(p.Due(300<<20, 100<<20), p.Due(401<<20, 100<<20))
	// Output: false true
}
