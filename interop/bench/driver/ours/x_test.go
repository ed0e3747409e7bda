package ours

import "testing"

func BenchmarkFT(b *testing.B)     { followerTick().Run(b) }
func BenchmarkHB(b *testing.B)     { heartbeats().Run(b) }
func BenchmarkReads(b *testing.B)  { reads().Run(b) }
func BenchmarkR1(b *testing.B)     { replication("", 1, 1).Run(b) }
func BenchmarkR31(b *testing.B)    { replication("", 3, 1).Run(b) }
func BenchmarkR364(b *testing.B)   { replication("", 3, 64).Run(b) }
func BenchmarkR564(b *testing.B)   { replication("", 5, 64).Run(b) }
func BenchmarkA31(b *testing.B)    { asynchronous("", 3, 1).Run(b) }
func BenchmarkEnc(b *testing.B)    { encode(b) }
func BenchmarkDec(b *testing.B)    { decode(b) }
func BenchmarkCatch(b *testing.B)  { catchUp(b) }
func BenchmarkRepair(b *testing.B) { repair(b) }
func BenchmarkProp(b *testing.B)   { manyProposers(b) }
func BenchmarkEncTo(b *testing.B) {
	m := appendOf64()
	buf := make([]byte, m.Size())
	for b.Loop() {
		if _, err := m.MarshalTo(buf); err != nil { b.Fatal(err) }
	}
}
