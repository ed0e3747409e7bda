// Package tracker holds the active configuration, the votes of an election, and a
// Progress per member.
//
// Members is what the state machine uses: a slice sorted by id, from which every answer is
// computed without allocation. Config, ProgressMap and ProgressTracker are the maps of
// the v3.6 API; they are built for Status and for package confchange.
package tracker
