package session

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

// malformed are headers that nobody may apply; the session 2 exists.
var malformed = map[string]Header{
	"no kind":                           {Time: 50},
	"unknown kind":                      {Kind: Advance + 1, Time: 50},
	"sequence number 0":                 {Kind: Execute, Time: 50, Session: 2},
	"awaiting nothing":                  {Kind: Execute, Time: 50, Session: 2, Sequence: 1},
	"reply not awaited":                 {Kind: Execute, Time: 50, Session: 2, Sequence: 1, Awaiting: 2},
	"limits that contradict each other": {Kind: Configure, Time: 50, Limits: Limits{Sessions: 1}},
}

func TestAHeaderIsParsedToWhatWasAppended(t *testing.T) {
	for name, h := range map[string]Header{
		"register":   {Kind: Register, Time: 1},
		"execute":    {Kind: Execute, Time: math.MaxUint64, Session: 300, Sequence: math.MaxUint64, Awaiting: 1},
		"keep-alive": {Kind: KeepAlive, Time: 3, Session: 4, Awaiting: 5},
		"close":      {Kind: Close, Time: 3, Session: 4},
		"configure":  {Kind: Configure, Time: 3, Limits: Limits{1, 2, 3, 6, 5}},
		"advance":    {Kind: Advance, Time: 1 << 40},
	} {
		data := h.Append([]byte("before"))
		got, rest, err := ParseHeader(append(data, "command"...)[len("before"):])
		if got != h || string(rest) != "command" || err != nil {
			t.Errorf("%s: got %+v, %q, %v", name, got, rest, err)
		}
		for cut := range len(data) - len("before") {
			if _, _, err := ParseHeader(data[len("before"):][:cut]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, cut to %d bytes: %v", name, cut, err)
			}
		}
	}
}

func TestAHeaderEncodesOnlyTheFieldsOfItsKind(t *testing.T) {
	full := Header{Time: 1, Session: 2, Sequence: 3, Awaiting: 3, Limits: Limits{1, 2, 3, 6, 5}}
	for kind, want := range map[Kind][]byte{
		Register:  {1, 1},
		Execute:   {2, 1, 2, 3, 3},
		KeepAlive: {3, 1, 2, 3},
		Close:     {4, 1, 2},
		Configure: {5, 1, 1, 2, 3, 6, 5},
		Advance:   {6, 1},
	} {
		full.Kind = kind
		if got := full.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("kind %d: got %x, want %x", kind, got, want)
		}
	}
}

func TestAMalformedHeaderIsNotParsed(t *testing.T) {
	for name, h := range malformed {
		got, rest, err := ParseHeader(h.Append(nil))
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrLimits) || got != (Header{}) || rest != nil {
			t.Errorf("%s: got %+v, %x, %v", name, got, rest, err)
		}
	}
	for name, data := range map[string][]byte{
		"nothing":                nil,
		"a number too long":      {byte(Register), 0x80, 0},
		"a number beyond 64 bit": append(bytes.Repeat([]byte{0xff}, 10), 1),
	} {
		if _, _, err := ParseHeader(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzParseHeader parses anything: no panic, and what is accepted is encoded to the same bytes.
func FuzzParseHeader(f *testing.F) {
	for _, h := range malformed {
		f.Add(h.Append(nil))
	}
	f.Add((&Header{Kind: Execute, Time: 5, Session: 7, Sequence: 300, Awaiting: 299}).Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, rest, err := ParseHeader(data)
		if err != nil {
			return
		}
		if again := append(h.Append(nil), rest...); !bytes.Equal(again, data) {
			t.Fatalf("%x was parsed to %+v, which is %x", data, h, again)
		}
		var table Table
		_, _ = table.Apply(1, h, func() []byte { return rest })
		table.verify(t)
	})
}
