// Package run is a cluster in time, as the page of raftpage shows it: the real library, driven by
// the commands of rafttest.
//
// A Run is a list of records. Most are script commands; the others are notes about what a script
// has no words for: links, clocks, disks and time. Because the library is deterministic, the list
// says everything: to go back in time is to carry out its beginning again, and a run that was saved
// as a script and opened again is the same run.
//
// # Time
//
// Time passes in beats. In a beat, every message that was sent before arrives or is lost on a link
// that is cut, every clock ticks, and every node does the work that is due. So a message takes one
// beat, and a write takes as long as the node's disk needs. Beat carries out a beat, and Step one
// record.
//
// # Scripts
//
// Script writes a run as a script. What is not a command stands in comments that begin with
// "# page:", which rafttest passes over:
//
//	# page: beat 12
//	# page: cut 1 2            the link between two nodes; mend restores it
//	# page: disk 3 slow        fast, slow, dead or lying
//	# page: clock 3 fast       normal, fast, slow or stopped
//	# page: stale-read 3       an answer from the node's own state, which asks nobody
//	# page: pass               a beat in which nothing was to be done
//	# page: without own-term   the library without a rule, see cmd/raftmutate
//
// A cut link shows in the commands as deliver-msgs with drop, and a slow disk as a later
// process-append-thread.
package run
