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
	if skip(whole.Bytes()) == nil {
		t.Error("a frame without an ID is skipped")
	}
	f := Reader{From: bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), Max: 1 << 20}
	if _, err := f.Next(); !errors.Is(err, ErrBadFrame) || cap(f.buf) > 0 {
		t.Errorf("a frame of 4 GiB: %v, and %d bytes are taken", err, cap(f.buf))
	}
}

// skip skips the one frame of b.
func skip(b []byte) error {
	f := Reader{From: bytes.NewReader(b), Max: MaxFrame}
	if _, err := f.Head(); err != nil {
		return err
	}
	_, err := f.Skip()
	return err
}

// TestAFrameThatIsSkippedIsReadWhole, and its checksum counts.
func TestAFrameThatIsSkippedIsReadWhole(t *testing.T) {
	q := &Request{ID: 7, Method: "PUT", Target: "/kv/k", Body: bytes.Repeat([]byte("v"), MaxBody)}
	one := q.AppendFrame(nil)
	f := Reader{From: bytes.NewReader(q.AppendFrame(one)), Max: MaxFrame}
	if _, err := f.Head(); err != nil {
		t.Fatal(err)
	}
	if id, err := f.Skip(); id != 7 || err != nil || cap(f.buf) > 0 {
		t.Errorf("request %d, %v, and %d bytes are taken", id, err, cap(f.buf))
	}
	if b, err := f.Next(); err != nil || q.Decode(b) != nil || q.ID != 7 {
		t.Errorf("the next frame: %v, %v", q.ID, err)
	}
	for i := range 100 {
		flipped := bytes.Clone(one)
		flipped[i] ^= 0x10
		if skip(flipped) == nil {
			t.Errorf("byte %d is flipped", i)
		}
		if skip(one[:i]) == nil || skip(one[:len(one)-1-i]) == nil {
			t.Errorf("a part is skipped: %d bytes, or all but %d", i, i+1)
		}
	}
}
