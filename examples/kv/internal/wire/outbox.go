package wire

import (
	"net"
	"runtime"
	"sync"
	"time"
)

// Outbox gathers the frames of any goroutines. Run writes all that have gathered at once.
type Outbox struct {
	mu     sync.Mutex
	frames []byte
	number int
	spare  []byte        // memory for the next frames
	ready  chan struct{} // has a token while there are frames
}

// NewOutbox returns an empty outbox.
func NewOutbox() *Outbox { return &Outbox{ready: make(chan struct{}, 1)} }

// Put adds a frame, which the function appends. It does not wait.
func (o *Outbox) Put(appendFrame func([]byte) []byte) {
	o.mu.Lock()
	o.frames = appendFrame(o.frames)
	o.number++
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// Run writes to a connection until that fails or end is closed. What is written at once may take
// the given time. Run reports the number of frames that it has written.
func (o *Outbox) Run(
	conn net.Conn, within time.Duration, end <-chan struct{}, wrote func(frames int),
) error {
	for {
		select {
		case <-o.ready:
		case <-end:
			return net.ErrClosed
		}
		runtime.Gosched() // other goroutines that run add their frames
		b, number := o.take()
		if err := conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
			return err
		}
		if _, err := conn.Write(b); err != nil {
			return err
		}
		o.giveBack(b)
		wrote(number)
	}
}

func (o *Outbox) take() (b []byte, number int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, number = o.frames, o.number
	o.frames, o.number, o.spare = o.spare[:0], 0, nil
	return b, number
}

// giveBack keeps the memory of frames that are written, unless there is much of it.
func (o *Outbox) giveBack(b []byte) {
	if cap(b) > keptSize {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spare = b
}
