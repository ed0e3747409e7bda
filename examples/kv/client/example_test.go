package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/ffd200af/raft/examples/kv/client"
)

func Example() {
	c, err := client.New(client.Config{Endpoints: []string{"http://127.0.0.1:9121", "http://127.0.0.1:9122"}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer func() { _ = c.Close(ctx) }()
	switch _, err := c.Put(ctx, "greeting", []byte("hello")); {
	case errors.Is(err, client.ErrUnknown):
		log.Fatal("it may have been written: read before you write again: ", err)
	case err != nil:
		log.Fatal("it was not written: ", err)
	}
	item, err := c.GetMonotonic(ctx, "greeting") // perhaps of a follower, and yet "hello" or newer
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, revision %d\n", item.Value, item.Revision)
}

// A counter is added to by compare-and-set on its revision.
func ExampleClient_PutIf() {
	increment := func(ctx context.Context, c *client.Client, key string) error {
		for {
			item, err := c.Get(ctx, key)
			if err != nil && !errors.Is(err, client.ErrNotFound) {
				return err
			}
			n, _ := strconv.Atoi(string(item.Value))                             // 0 if there is no such key
			_, err = c.PutIf(ctx, key, []byte(strconv.Itoa(n+1)), item.Revision) // 0, too
			if !errors.Is(err, client.ErrCondition) {
				return err
			}
		}
	}
	_ = increment
}
