package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestADamagedFrameIsRefused(t *testing.T) {
	var whole bytes.Buffer
	must(t, writeFrame(&whole, []byte("chunk")))
	for i := range whole.Len() {
		flipped := bytes.Clone(whole.Bytes())
		flipped[i] ^= 0x10
		f := frameReader{r: bytes.NewReader(flipped), max: maxChunk}
		if b, err := f.next(); !errors.Is(err, errBadFrame) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("byte %d is flipped: %q, %v", i, b, err)
		}
		f = frameReader{r: bytes.NewReader(whole.Bytes()[:i]), max: maxChunk}
		if b, err := f.next(); err == nil {
			t.Errorf("%d bytes are a frame: %q", i, b)
		}
	}
	f := frameReader{r: bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), max: maxChunk}
	if _, err := f.next(); !errors.Is(err, errBadFrame) || cap(f.buf) > 0 {
		t.Errorf("a frame of 4 GiB: %v, and %d bytes are taken", err, cap(f.buf))
	}
}

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
