package grouplog

import (
	"os"
	"testing"
)

// TestMain puts the files in memory, if there is a folder for that. Crashes are made by cutting
// files here, so syncs need not reach a disk.
func TestMain(m *testing.M) {
	if f, err := os.CreateTemp("/dev/shm", "grouplog"); err == nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		_ = os.Setenv("TMPDIR", "/dev/shm")
	}
	os.Exit(m.Run())
}
