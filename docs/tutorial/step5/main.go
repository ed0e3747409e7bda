// Command step5 reads the counter while a replica is cut off from the others.
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
	_, err = cluster.Replicas[1].Add(ctx, 7)
	check(err)
	for id := uint64(1); id <= 3; id++ {
		fmt.Printf("replica %d reads %d\n", id, value(cluster.Replicas[id].Read(ctx)))
	}

	leader, err := cluster.Leader(ctx, 0)
	check(err)
	old := cluster.Replicas[leader]
	old.Cut(true)
	next, err := cluster.Leader(ctx, leader)
	check(err)
	_, err = cluster.Replicas[next].Add(ctx, 1)
	check(err)
	fmt.Println("the old leader is cut off; the new one has added 1")

	fmt.Println("the new leader reads", value(cluster.Replicas[next].Read(ctx)))
	fmt.Println("the old one, without asking anybody, reads", value(old.ReadStale(ctx)))
	soon, cancelSoon := context.WithTimeout(ctx, time.Second)
	defer cancelSoon()
	_, err = old.Read(soon)
	fmt.Println("the old one, linearizably, gets no answer:", errors.Is(err, context.DeadlineExceeded))

	old.Cut(false)
	fmt.Println("connected again, it reads", value(old.Read(ctx)))
	check(cluster.Stop())
}

func value(counter uint64, err error) uint64 {
	check(err)
	return counter
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
