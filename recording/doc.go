// Package recording is the flight recorder's format: everything that goes into a node, in the order in which it came, so that
// what the node did can be done again, to the byte, and looked at step by step.
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
// A node is a pure function of its Config, of what its Storage answers, and of the calls it gets. All three are recorded, and a
// fingerprint of each Ready. A stream that has been written from the start of the node is replayed without the
// application, its storage or its network. A Ring keeps the last records, for the application that
// cannot keep all: when it has lost the beginning it can be read, but not replayed.
//
// # Format, version 1
//
// A recording is the eight bytes "raftrec\x01", of which the last is the version, and then records. A record is
//
//	length  uvarint   of what follows
//	kind    byte
//	count   uvarint   of numbers, and then as many uvarints
//	count   uvarint   of blobs, and then for each: 0 for nil, or its length plus 1 as a uvarint and its bytes
//
// Numbers and blobs have their meaning from the kind, see Kind. Messages, entries, hard states, configurations and changes are blobs
// in the encoding of package raftpb. A recording may end in the middle of a record, if the process did.
package recording
