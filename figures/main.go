// Command figures repeats the experiment behind Figure 16 of the Raft paper (Ongaro and Ousterhout,
// In Search of an Understandable Consensus Algorithm) with this library, in the simulator. It
// measures how long a cluster is without a leader when its leader crashes, for election timeouts
// that differ in randomness and in length.
//
//	go run ./figures   # some minutes; writes docs/elections.csv, .svg and .md
//	go run ./figures -trials 50 -out rough
//
// The same seed gives the same files, to the byte.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "docs", "write elections.csv, elections.svg and elections.md to this `folder`")
	trials := flag.Int("trials", fullTrials, "`crashes` for each curve")
	seed := flag.Uint64("seed", fullSeed, "`seed` of all random draws")
	flag.Parse()
	if err := run(*out, *trials, *seed); err != nil {
		log.Fatal(err)
	}
}

// What the files in docs were made with.
const (
	fullTrials = 1000
	fullSeed   = 1
)

func run(out string, trials int, seed uint64) error {
	broadcast, err := broadcastMillis(seed)
	if err != nil {
		return err
	}
	curves := allCurves()
	if err := measure(curves, trials, seed); err != nil {
		return err
	}
	picture, err := drawPicture(curves)
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("folder for the results: %w", err)
	}
	for name, data := range map[string][]byte{
		"elections.csv": table(curves), "elections.svg": picture, "elections.md": page(curves, broadcast),
	} {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return fmt.Errorf("results: %w", err)
		}
	}
	return nil
}
