package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestADamagedFrameIsRefused(t *testing.T) {
	var whole bytes.Buffer
	if err := WriteFrame(&whole, []byte("chunk")); err != nil {
		t.Fatal(err)
	}
	for i := range whole.Len() {
		flipped := bytes.Clone(whole.Bytes())
		flipped[i] ^= 0x10
		f := Reader{From: bytes.NewReader(flipped), Max: 1 << 20}
		if b, err := f.Next(); !errors.Is(err, ErrBadFrame) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("byte %d is flipped: %q, %v", i, b, err)
		}
		f = Reader{From: bytes.NewReader(whole.Bytes()[:i]), Max: 1 << 20}
		if b, err := f.Next(); err == nil {
			t.Errorf("%d bytes are a frame: %q", i, b)
		}
	}
	f := Reader{From: bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), Max: 1 << 20}
	if _, err := f.Next(); !errors.Is(err, ErrBadFrame) || cap(f.buf) > 0 {
		t.Errorf("a frame of 4 GiB: %v, and %d bytes are taken", err, cap(f.buf))
	}
}
