package main

// workers run functions, each on a goroutine of its own, and use the goroutines again. A new
// goroutine would grow its stack each time, which takes a third of the CPU time of a read.
type workers struct {
	work chan func()
	end  chan struct{} // closed when no more functions come
}

func newWorkers() workers { return workers{work: make(chan func()), end: make(chan struct{})} }

// run does not wait for the function.
func (w *workers) run(f func()) {
	select {
	case w.work <- f:
	default:
		go w.loop(f)
	}
}

func (w *workers) loop(f func()) {
	for {
		f()
		select {
		case f = <-w.work:
		case <-w.end:
			return
		}
	}
}
