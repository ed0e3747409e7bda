package recording

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsComeBackAsTheyWereWritten(t *testing.T) {
	want := []Record{
		{Kind: Tick},
		{Kind: ReportSnapshot, Numbers: []uint64{3, 1 << 63}},
		{Kind: Propose, Blobs: [][]byte{nil}},
		{Kind: Propose, Blobs: [][]byte{{}}}, // nothing is not the same as no data
		{Kind: Bootstrap, Numbers: []uint64{1, 2}, Blobs: [][]byte{[]byte("a"), make([]byte, 1000)}},
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	for i := range want {
		w.Add(&want[i])
	}
	r := NewReader(&out)
	var got []Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rec)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBytesThatAreNoRecordingAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		data string
		want error
	}{
		"nothing":                        {"", ErrFormat},
		"something else":                 {"#!/bin/sh\necho", ErrFormat},
		"a later version":                {"raftrec\x02", ErrFormat},
		"no record yet":                  {Header, io.EOF},
		"an empty record":                {Header + "\x00", ErrFormat},
		"a record that is cut":           {Header + "\x05\x02", io.ErrUnexpectedEOF},
		"a length that nothing fills":    {Header + "\xff\xff\xff\xff\xff\xff\xff\x7fabc", io.ErrUnexpectedEOF},
		"a length that is no number":     {Header + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ErrFormat},
		"more numbers than bytes":        {Header + "\x03\x02\x7f\x00", ErrFormat},
		"a blob that is longer":          {Header + "\x05\x05\x00\x01\x7fa", ErrFormat},
		"something behind the last blob": {Header + "\x05\x05\x00\x01\x00a", ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewReader(bytes.NewReader([]byte(tc.data))).Next(); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// A ring of any size holds whole records: the last ones, as many as fit.
func TestARingHoldsTheLastRecords(t *testing.T) {
	for size := 0; size < 200; size += 7 {
		ring := NewRing(size)
		w := NewWriter(ring)
		const records = 100
		for i := range uint64(records) {
			w.Add(&Record{Kind: SkipTicks, Numbers: []uint64{i}, Blobs: [][]byte{make([]byte, i%5)}})
		}
		var out bytes.Buffer
		if _, err := ring.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&out)
		next := uint64(0)
		for {
			rec, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			if rec.Kind == Lost {
				next = rec.Number(0)
				continue
			}
			if rec.Number(0) != next {
				t.Fatalf("size %d: record %d, want %d", size, rec.Number(0), next)
			}
			next++
		}
		if next != records {
			t.Errorf("size %d: the last record is %d, %d were written", size, next, records)
		}
		if kept := len(ring.kept) - ring.begin; kept > size || size > 50 && kept < size-12 {
			t.Errorf("size %d: %d bytes are kept", size, kept)
		}
	}
}
