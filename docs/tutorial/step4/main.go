// Command step4 adds a replica to the cluster of step 3, and takes leaders away from it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/ffd200af/raft/docs/tutorial/replica"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "tutorial")
	check(err)
	defer os.RemoveAll(dir)
	cluster, err := replica.StartLocal(dir, 3)
	check(err)
	add(ctx, cluster, 1, 1)

	// A member is added: the replica starts with an empty disk, and the leader brings it in.
	check(cluster.Start(4))
	check(cluster.AddServer(ctx, 4))
	fmt.Println("replica 4 votes")
	add(ctx, cluster, 4, 1)

	// The leader crashes. The three others elect another one.
	leader, err := cluster.Leader(ctx, 0)
	check(err)
	check(cluster.Crash(leader))
	fmt.Println("the leader has crashed")
	next, err := cluster.Leader(ctx, leader)
	check(err)
	add(ctx, cluster, next, 1)
	check(cluster.Start(leader))
	fmt.Println("it is back")
	add(ctx, cluster, leader, 1)

	// The leader is cut off, and does not know it yet when it takes a command.
	leader, err = cluster.Leader(ctx, 0)
	check(err)
	cluster.Replicas[leader].Cut(true)
	outcome := make(chan error, 1)
	waits, giveUp := context.WithCancel(ctx)
	defer giveUp()
	go func() {
		_, err := cluster.Replicas[leader].Add(waits, 100)
		outcome <- err
	}()
	next, err = cluster.Leader(ctx, leader)
	check(err)
	giveUp()
	fmt.Println("a leader that is cut off adds 100; the outcome is unknown:", errors.Is(<-outcome, replica.ErrUnknown))
	add(ctx, cluster, next, 1)
	cluster.Replicas[leader].Cut(false)
	fmt.Println("it is connected again")
	add(ctx, cluster, leader, 1)
	check(cluster.Stop())
}

// add adds at a replica.
func add(ctx context.Context, cluster *replica.Local, id, amount uint64) {
	counter, err := cluster.Replicas[id].Add(ctx, amount)
	check(err)
	fmt.Printf("    add %d: the counter is %d\n", amount, counter)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
