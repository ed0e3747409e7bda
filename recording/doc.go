// Package recording is the flight recorder's format: everything that goes into a node, in the order
// in which it came, so that what the node did can be done again, to the byte, and looked at step by
// step.
//
//	ring := recording.NewRing(1 << 20)
//	config.Recording = ring // or a file
//	...
//	ring.WriteTo(file)
//
//	raftscript replay FILE    # does it again and compares
//	raftscript step FILE      # ... and prints each input with what came of it
//	raftscript export FILE    # prints it as a script
//
// A node is a pure function of its Config, of what its Storage answers, and of the calls it gets.
// All three are recorded, and a fingerprint of each Ready. So it is replayed without the
// application, its storage or its network.
//
// # Streams, rings and checkpoints
//
// A stream, a file for instance, is replayed from the start of the node. A Ring keeps the last
// records, for the application that cannot keep all, and begins in the middle of a life once it has
// wrapped. So that this can be replayed as well, the node writes its whole state down in between,
// when the Ring asks for it: a Checkpoint. Replay begins at the first one that is left, and
// compares the state of the node with each that follows.
//
// A checkpoint holds the log in memory (its entries that are not durable, up to 64 KiB or so of
// others, and everything that Config.MaxCachedEntriesSize keeps), and what a leader knows of each
// member: some hundred bytes for an idle node. It is left out when it would take more than half of
// the ring. A ring that then has neither a start nor a checkpoint can be read and printed, not
// replayed. The state is in an encoding that follows the fields of the library: another version of
// it, whose node has other fields, replays from starts and not from checkpoints, and says so. Other
// writers get checkpoints too if they are a Checkpointer.
//
// # Lives
//
// Each time a node is started, a life begins, with a Start. One Config may be used again to start
// the node again: a Ring then holds the end of all its lives in sequence, and a file to which a
// process appends holds one life after the other. Each is replayed on its own. A process that dies
// may leave half a record at the end of its life. It is told from a whole one by its checksum; the
// next life is found by its header, and the place is a Lost record.
//
// # Format, version 1
//
// A recording is one or more lives. Each begins with the eight bytes "raftrec\x01", of which the
// last is the version; a Ring writes them once, at the beginning. Then come records. A record is
//
//	length    uvarint   of what follows, without the checksum
//	kind      byte
//	count     uvarint   of numbers, and then as many uvarints
//	count     uvarint   of blobs, and then for each: 0 for nil, or its length plus 1 as a uvarint and its bytes
//	checksum  2 bytes   the lower half, little-endian, of the CRC-32C of kind to blobs
//
// Counts of 0 at the end are left out: a Tick takes four bytes. Numbers and blobs have their
// meaning from the kind, see Kind. No kind is the letter a, so that a header is no record.
// Messages, entries, hard states, configurations and changes are blobs in the encoding of package
// raftpb.
//
// # Options
//
// A Start has the options of raft.Config that are numbers, in the order of the table in
// internal/options. The bools are bits of the number at index 4, in the same order from the lowest
// bit. replay.Config reads them.
//
// Options that are added to the library later take the next bit, or a further number at the end.
// Zeros beyond the sixteenth number are left out. So a recording from before an option existed
// stays readable, and the library writes the same for a node without the option. A recording with
// an option that the reading library does not know is refused.
package recording
