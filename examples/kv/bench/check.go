package main

import (
	"context"
	"errors"
	"time"
)

// check writes with clients at all servers, and reads everything at each server.
func check(ctx context.Context, c *cluster, n int, data *values) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	writers, err := c.connectTo(n, func(i int) int { return i % servers })
	if err != nil {
		return err
	}
	defer closeAll(writers)
	if err := data.fill(ctx, writers, 0); err != nil {
		return err
	}
	readers, err := c.connectAll()
	if err != nil {
		return err
	}
	defer closeAll(readers)
	return each(readers, func(_ int, reader client) error {
		for key := range data.keys {
			if err := data.read(ctx, stubborn{reader}, key); err != nil {
				return err
			}
		}
		return nil
	})
}

var errNoKey = errors.New("no such key")

// stubborn repeats an operation that has no answer, for instance because of an election, until it
// has one or the context ends. An answer counts, also that there is no such key.
type stubborn struct{ client }

func (s stubborn) put(ctx context.Context, key string, value []byte) error {
	return repeat(ctx, func() error { return s.client.put(ctx, key, value) })
}

func (s stubborn) get(ctx context.Context, key string) (value []byte, err error) {
	err = repeat(ctx, func() error {
		value, err = s.client.get(ctx, key)
		return err
	})
	return value, err
}

func repeat(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || errors.Is(err, errNoKey) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}
