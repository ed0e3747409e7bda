package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Listing says which keys to list.
type Listing struct {
	Prefix string
	After  string // the first key comes after this one
	// Limit is the largest number of keys, up to 1000. The default is 1000.
	Limit     int
	Monotonic bool // any replica may answer, see GetMonotonic
}

// Key is a key in a listing.
type Key struct {
	Key      string
	Revision uint64
}

// Page is a part of a listing, as of one moment. It may have fewer keys than the limit.
type Page struct {
	Keys []Key
	// Next is Listing.After of the page that follows; empty if there is none.
	Next string
}

// List returns one page of a listing.
func (c *Client) List(ctx context.Context, l Listing) (Page, error) {
	query := url.Values{"prefix": {l.Prefix}}
	if l.After != "" {
		query.Set("after", l.After)
	}
	if l.Limit != 0 {
		query.Set("limit", strconv.Itoa(l.Limit))
	}
	if l.Monotonic {
		query.Set("read", "stale")
	}
	q := &call{method: http.MethodGet, path: "/kv/?" + query.Encode(), outcomes: []int{http.StatusOK}, monotonic: l.Monotonic}
	a, err := c.do(ctx, q)
	if err != nil {
		return Page{}, describe(err, "listing", l.Prefix)
	}
	page, err := readPage(a.body)
	return page, describe(err, "listing", l.Prefix)
}

func readPage(body []byte) (Page, error) {
	var answered struct {
		Keys []Key
		Next string
	}
	if err := json.Unmarshal(body, &answered); err != nil {
		return Page{}, err
	}
	for i := range answered.Keys {
		key, err := url.PathUnescape(answered.Keys[i].Key)
		if err != nil {
			return Page{}, err
		}
		answered.Keys[i].Key = key
	}
	next, err := url.Parse(answered.Next)
	if err != nil {
		return Page{}, fmt.Errorf("next page: %w", err)
	}
	return Page{Keys: answered.Keys, Next: next.Query().Get("after")}, nil
}

// All goes through all pages from the one that l asks for. Each page is of its own moment. An error
// ends it.
func (c *Client) All(ctx context.Context, l Listing) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		for {
			page, err := c.List(ctx, l)
			if err != nil {
				yield(Key{}, err)
				return
			}
			for _, key := range page.Keys {
				if !yield(key, nil) {
					return
				}
			}
			if l.After = page.Next; l.After == "" {
				return
			}
		}
	}
}
