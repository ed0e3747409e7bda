package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// Keys are listed by prefix, a page at a time. A page is read at one moment, linearizably unless
// the client asks for something else. Writes between two pages may show in the second.

const (
	maxPage      = 1000     // keys in a page
	maxPageBytes = maxValue // of the rows behind a page: so many are in memory for a page
)

// listing asks for the keys with a prefix in order, the first of them after a key.
type listing struct {
	prefix, after []byte
	limit         int
}

// page is a part of a listing.
type page struct {
	keys []keyReport
	last []byte // key of the page
	more bool   // keys follow
}

// keyReport is a key as it stands in a URL behind /kv/, and its revision.
type keyReport struct {
	Key      string `json:"key"`
	Revision uint64 `json:"revision"`
}

// list reads a page.
func (s *store) list(q listing) (page, error) {
	p := page{keys: []keyReport{}}
	from, to := dataKey(q.prefix), prefixEnd(dataKey(q.prefix))
	if after := append(dataKey(q.after), 0); bytes.Compare(after, from) > 0 {
		from = after
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return p, err
	}
	defer it.Close()
	size := 0
	for it.First(); it.Valid(); it.Next() {
		if len(p.keys) == q.limit || size >= maxPageBytes {
			p.more = true
			break
		}
		row, err := it.ValueAndErr()
		if err != nil {
			return p, err
		}
		revision, _, err := decodeRow(row)
		if err != nil {
			return p, err
		}
		p.last = bytes.Clone(it.Key()[1:])
		p.keys = append(p.keys, keyReport{Key: escapeKey(p.last), Revision: revision})
		size += len(it.Key()) + len(row)
	}
	return p, it.Error()
}

// prefixEnd is the first key behind all that have a prefix. The prefix of data never ends with 0xff
// alone, so there is one.
func prefixEnd(prefix []byte) []byte {
	end := bytes.TrimRight(prefix, "\xff")
	end[len(end)-1]++
	return end
}

// escapeKey is the key as it stands in a URL.
func escapeKey(key []byte) string { return (&url.URL{Path: "/" + string(key)}).EscapedPath()[1:] }

// listKeys answers GET /kv/?prefix=.
func (r *replica) listKeys(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	as, err := consistencyIn(req)
	q := listing{prefix: []byte(query.Get("prefix")), after: []byte(query.Get("after")), limit: maxPage}
	if cond, condErr := readCondition(req.Header); cond != nil || condErr != nil {
		err = errors.New("a listing has no revision to compare with")
	}
	if err == nil && query.Has("limit") {
		if q.limit, err = strconv.Atoi(query.Get("limit")); err != nil || q.limit < 1 || q.limit > maxPage {
			err = fmt.Errorf("limit must be a number from 1 to %d", maxPage)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o, err := r.read(req.Context(), as, func(s *store) (outcome, error) {
		found, err := s.list(q)
		return outcome{found: true, page: found}, err
	})
	if err != nil {
		unavailable(w, err)
		return
	}
	setConsistency(w.Header(), o)
	w.Header().Set("Content-Type", "application/json")
	answer := struct {
		Keys []keyReport `json:"keys"`
		Next string      `json:"next,omitempty"` // path and query of the next page
	}{Keys: o.page.keys}
	if o.page.more {
		query.Set("after", string(o.page.last))
		answer.Next = keyPath + "/?" + query.Encode()
	}
	_ = json.NewEncoder(w).Encode(answer)
}
