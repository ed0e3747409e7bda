// Package progress is what a leader knows of one follower: how far its log is known to
// match, what to send next, and how much may be in flight.
//
//	StateProbe      Next is a guess; one append at a time until one is accepted
//	StateReplicate  Next runs ahead of Match; appends are pipelined up to a window
//	StateSnapshot   a snapshot is on its way; nothing is sent until it has arrived
//
//	             acknowledged                      entries are gone
//	StateProbe ----------------> StateReplicate --------------------> StateSnapshot
//	    ^  ^                          |                                     |
//	    |  +--------------------------+                                     |
//	    |     rejected, unreachable                                         |
//	    +-------------------------------------------------------------------+
//	                        reported, failed or given up
package progress
