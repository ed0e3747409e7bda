// Package picture draws what happens in a Raft cluster: a lane per node, time downwards, and an
// arrow per message.
//
// A Recorder takes down a run as a stream of events. Scripts (package rafttest), simulated clusters
// (package sim) and flight recordings (package replay) each feed one; a program's own harness can
// feed one too:
//
//	rec := picture.NewRecorder()
//	_, err := rafttest.Replay(script, &rafttest.InteractionOpts{Picture: rec})
//	p := rec.Picture()
//	p.WriteHTML(out) // a page that needs no other file
//
// WriteSVG draws the same without a script, WriteShiViz writes a log with vector clocks for ShiViz.
// All of them know events only: nothing of a driver reaches a picture in another way.
//
// A Recorder reads the nodes and changes nothing. A nil Recorder takes down nothing, so drivers
// call it without a test of their own.
package picture
