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

func framed(record string) string { return string(frame(nil, []byte(record))) }

func TestBytesThatAreNoRecordingAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		data string
		want error
	}{
		"nothing":                       {"", ErrFormat},
		"something else":                {"#!/bin/sh\necho", ErrFormat},
		"a later version":               {"raftrec\x02", ErrFormat},
		"no record yet":                 {Header, io.EOF},
		"an empty record":               {Header + framed(""), ErrFormat},
		"a record that is cut":          {Header + framed("\x02\x01\x07")[:4], io.ErrUnexpectedEOF},
		"a record without its checksum": {Header + framed("\x02")[:2], io.ErrUnexpectedEOF},
		"another checksum":              {Header + "\x01\x02ab", ErrFormat},
		"a length that nothing fills":   {Header + "\xff\xff\xff\xff\xff\xff\xff\x7fabc", io.ErrUnexpectedEOF},
		"a length that is no number":    {Header + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ErrFormat},
		"more numbers than bytes":       {Header + framed("\x02\x7f\x00"), ErrFormat},
		"a blob that is longer":         {Header + framed("\x05\x00\x01\x7fa"), ErrFormat},
		"something after the last blob": {Header + framed("\x05\x00\x01\x00a"), ErrFormat},
		"a header that is cut":          {Header + Header[:7], io.ErrUnexpectedEOF},
		"a life of a later version":     {Header + "raftrec\x02", ErrFormat},
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

// A process that is started again appends to the recording of the one before, which may have ended
// anywhere. What it wrote whole is read, and everything of the next life.
func TestLivesFollowEachOtherWhereverTheFirstHasEnded(t *testing.T) {
	var first, second bytes.Buffer
	w := NewWriter(&first)
	for i := range uint64(4) {
		// What clients propose may look like anything.
		w.Add(&Record{Kind: Propose, Numbers: []uint64{i}, Blobs: [][]byte{[]byte(Header)}})
	}
	w = NewWriter(&second)
	w.Add(&Record{Kind: Start, Numbers: make([]uint64, 16)})
	w.Add(&Record{Kind: Tick})
	whole := first.Len() / 4 // bytes of a record, and some
	for end := 0; end <= first.Len(); end++ {
		r := NewReader(bytes.NewReader(append(bytes.Clone(first.Bytes()[:end]), second.Bytes()...)))
		var kinds []Kind
		for {
			rec, err := r.Next()
			if err != nil {
				if end >= len(Header) && !errors.Is(err, io.EOF) {
					t.Fatalf("cut at %d, behind %v: %v", end, kinds, err)
				}
				break
			}
			kinds = append(kinds, rec.Kind)
		}
		if end < len(Header) && end > 0 {
			continue // not even the header of the first: it is no recording
		}
		n := len(kinds)
		if n < 2 || kinds[n-2] != Start || kinds[n-1] != Tick || n-2 < (end-len(Header))/whole {
			t.Errorf("cut at %d of %d: %v", end, first.Len(), kinds)
		}
	}
}

// A Config is used again by whoever restarts a node, and the ring in it.
func TestARingHoldsTheEndOfSeveralLives(t *testing.T) {
	for size := 0; size < 300; size += 3 {
		ring := NewRing(size)
		const lives, ticks = 5, 20
		for life := range uint64(lives) {
			w := NewWriter(ring)
			w.Add(&Record{Kind: Start, Numbers: []uint64{life}})
			for range ticks {
				w.Add(&Record{Kind: Tick})
			}
		}
		for _, other := range []string{"this is no record", "", Header + "\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
			if _, err := ring.Write([]byte(other)); !errors.Is(err, ErrFormat) {
				t.Errorf("%q: %v", other, err)
			}
		}
		var out bytes.Buffer
		if _, err := ring.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&out)
		seen, lost := 0, uint64(0)
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("size %d: %v", size, err)
			}
			if rec.Kind == Lost {
				lost = rec.Number(0)
				continue
			}
			seen++
		}
		if seen+int(lost) != lives*(ticks+1) {
			t.Errorf("size %d: %d records and %d lost", size, seen, lost)
		}
	}
}

// Checkpoints are asked for so often that there is always one in the ring, if they have room at
// all.
func TestARingAlwaysHoldsACheckpointThatFits(t *testing.T) {
	for _, state := range []int{10, 100, 480, 600} {
		ring := NewRing(1000)
		w := NewWriter(ring)
		w.Add(&Record{Kind: Start})
		bytesOfStates := 0
		for i := range 5000 {
			if room := w.CheckpointRoom(); room >= state+10 {
				w.Add(&Record{Kind: Checkpoint, Blobs: [][]byte{make([]byte, state)}})
				bytesOfStates += state
			}
			w.Add(&Record{Kind: Propose, Blobs: [][]byte{make([]byte, i%60)}})
			var begins bool
			for rest := ring.kept[ring.begin:]; len(rest) > 0; rest = rest[frameLength(rest):] {
				rec, err := NewReader(bytes.NewReader(append([]byte(Header), rest...))).Next()
				if err != nil {
					t.Fatal(err)
				}
				begins = begins || rec.Kind == Checkpoint || rec.Kind == Start
			}
			if fits := state <= 480; fits && !begins {
				t.Fatalf("states of %d bytes: nothing to begin with after %d records", state, i)
			}
		}
		if written := 5000 * 35; bytesOfStates > 3*written {
			t.Errorf("states of %d bytes: %d bytes for %d of records", state, bytesOfStates, written)
		}
	}
	var out bytes.Buffer
	if NewWriter(&out).CheckpointRoom() != 0 {
		t.Error("a stream asks for checkpoints")
	}
}
