// Package raftlog is the log of one node (thesis §3.5): what Storage holds joined with the tail in
// memory, the term of every index, and the indexes that run along the log.
//
//	first      applied   applying   committed       last
//	|  to be compacted  |  to apply           |          |
//	|  durable, in Storage         |  in memory          |
//	                        stable ^
//
// A Log knows nothing of roles, votes and messages. It decides nothing: it is told which entries to
// append, what is durable, committed and applied. It refuses what contradicts a committed entry.
//
// The entries in memory are Chunks: arrays whose elements are never written again once a reader may
// hold them.
package raftlog
