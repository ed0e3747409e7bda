// Command step3 keeps the counter on replicas that talk over the network: three in one process, or
// with -id one, that takes the commands "add N" and "read" from its standard input.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/ffd200af/raft/docs/tutorial/replica"
)

func main() {
	id := flag.Uint64("id", 0, "run only this replica: 1, 2 or 3")
	dir := flag.String("dir", "counter-data", "with -id: `folder` of the data")
	port := flag.Int("port", 9200, "with -id: the replicas listen at this `port` plus their ids")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if *id == 0 {
		demonstrate(ctx)
		return
	}
	addresses := map[uint64]string{}
	for peer := range uint64(3) {
		addresses[peer+1] = fmt.Sprint("127.0.0.1:", *port+int(peer)+1)
	}
	listener, err := net.Listen("tcp", addresses[*id])
	check(err)
	check(os.MkdirAll(*dir, 0o700))
	r, err := replica.Start(replica.Options{
		ID: *id, File: filepath.Join(*dir, fmt.Sprint("replica-", *id)),
		Listener: listener, Peers: addresses, First: replica.Members(addresses),
	})
	check(err)
	interact(r)
	check(r.Stop())
}

// demonstrate runs three replicas and uses each of them.
func demonstrate(ctx context.Context) {
	dir, err := os.MkdirTemp("", "tutorial")
	check(err)
	defer os.RemoveAll(dir)
	cluster, err := replica.StartLocal(dir, 3)
	check(err)
	for id := uint64(1); id <= 3; id++ {
		counter, err := cluster.Replicas[id].Add(ctx, 1)
		check(err)
		fmt.Printf("replica %d adds 1: the counter is %d\n", id, counter)
	}
	check(cluster.Stop())
}

// interact carries out what is typed.
func interact(r *replica.Replica) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		var counter, amount uint64
		var err error
		if lines.Text() == "read" {
			counter, err = r.Read(ctx)
		} else if _, err = fmt.Sscanf(lines.Text(), "add %d", &amount); err == nil {
			counter, err = r.Add(ctx, amount)
		}
		cancel()
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(counter)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
