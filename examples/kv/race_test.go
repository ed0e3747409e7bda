//go:build race

package main

// The processes are the ones with goroutines that could race.
func init() {
	buildFlags = append(buildFlags, "-race")
}
