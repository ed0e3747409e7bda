package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestAMeterBeginsAtZero(t *testing.T) {
	const size = 64 << 20
	first, err := newMeter(os.Getpid())
	if os.IsNotExist(err) {
		t.Skip("needs /proc")
	}
	if err != nil {
		t.Fatal(err)
	}
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	use := func() usage {
		for i := range memory {
			memory[i]++
		}
		u, err := first.used()
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	much := use()
	for deadline := time.Now().Add(patience); much.cpu < 200*time.Millisecond && time.Now().Before(deadline); {
		much = use()
	}
	if much.cpu < 200*time.Millisecond || much.peak < size {
		t.Errorf("%+v after much work", much)
	}
	if err := syscall.Munmap(memory); err != nil {
		t.Fatal(err)
	}
	second, err := newMeter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	little, err := second.used()
	if err != nil || little.cpu > much.cpu/2 || little.peak > much.peak-size/2 {
		t.Errorf("%+v after nothing, %v; %+v before", little, err, much)
	}
}

func TestAProcessThatIsGoneCannotBeMeasured(t *testing.T) {
	if _, err := newMeter(1 << 30); err == nil {
		t.Error("it was")
	}
	if u, err := (meter{pid: 1 << 30}).used(); err == nil {
		t.Error(u)
	}
}
