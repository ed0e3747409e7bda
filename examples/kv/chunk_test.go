package main

import (
	"io"
	"testing"
)

func TestChunksAreWhatWasWrittenFromTheOffsetOn(t *testing.T) {
	const text = "the quick brown fox jumps over the lazy dog"
	for skip := range len(text) + 1 {
		var sent []byte
		c := &chunker{ctx: t.Context(), digest: newDigest(), skip: int64(skip), buf: make([]byte, 0, 8)}
		c.send = func(chunk []byte) error {
			if len(chunk) > 8 {
				t.Errorf("a chunk of %d bytes", len(chunk))
			}
			sent = append(sent, chunk...)
			return nil
		}
		for i := 0; i < len(text); i += 5 {
			_, err := io.WriteString(c, text[i:min(i+5, len(text))])
			must(t, err)
		}
		must(t, c.flush())
		sum := newDigest()
		_, _ = io.WriteString(sum, text)
		if string(sent) != text[skip:] || !sum.is(c.encode()) {
			t.Errorf("from %d on: %q", skip, sent)
		}
	}
}
