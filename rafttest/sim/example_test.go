package sim_test

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/rafttest/sim"
)

// One run of a simulated cluster with faults. With NewDisk and NewMachine, it runs your Storage and
// your state machine.
func ExampleRun() {
	config := sim.Config{Seed: 1, Steps: 2000}
	result, err := sim.Run(config)
	var failure *sim.Failure
	if errors.As(err, &failure) {
		fmt.Println(failure.Story()) // Shrink makes a short script of it
		return
	}
	again, _ := sim.Run(config)
	fmt.Println("the same Config gives the same run:", result.Hash == again.Hash)
	// Output:
	// the same Config gives the same run: true
}
