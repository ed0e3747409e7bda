// Package linear checks that what clients of simulated clusters (package sim) see is linearizable:
// the histories go through github.com/anishathalye/porcupine. It is a module of its own because the
// library needs nothing but the standard library.
//
//	GOWORK=off go test ./... -seeds 1000 -from 1
package linear
