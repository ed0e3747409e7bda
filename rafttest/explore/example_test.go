package explore_test

import (
	"fmt"
	"log"

	"github.com/ffd200af/raft/rafttest/explore"
)

// The interleavings of a small world, until a thousand states are found.
func ExampleExplore() {
	world := explore.Worlds()[0]
	result, err := explore.Explore(world, world.Bounds[0], explore.Options{MaxStates: 1000})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("world:", world.Name)
	fmt.Println("many states:", result.States > 900)
	fmt.Println("broken:", result.Violation != nil) // a Violation has the way to the state
	// Output:
	// world: plain
	// many states: true
	// broken: false
}
