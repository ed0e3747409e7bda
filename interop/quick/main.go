package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/ffd200af/raft/interop/bench/driver/etcd"
	"github.com/ffd200af/raft/interop/bench/driver/ours"
	"github.com/ffd200af/raft/interop/bench/measure"
)

func main() {
	testing.Init()
	only := flag.String("only", "", "")
	flag.Parse()
	re := regexp.MustCompile(*only)
	var o, e []measure.Workload
	for _, f := range []func() []measure.Workload{ours.Steady, ours.Codec, ours.Backlog, ours.Concurrent, ours.Idle} {
		o = append(o, f()...)
	}
	for _, f := range []func() []measure.Workload{etcd.Steady, etcd.Codec, etcd.Backlog, etcd.Concurrent, etcd.Idle} {
		e = append(e, f()...)
	}
	for i := range o {
		if !re.MatchString(o[i].Name) {
			continue
		}
		a, err := measure.Once(e[i], 300*time.Millisecond)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		b, err := measure.Once(o[i], 300*time.Millisecond)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("%-55s %10.1f %10.1f %6.1fx  allocs %8.2f %8.3f bytes %8.0f %8.0f %v %v\n", o[i].Name, a.Nanoseconds, b.Nanoseconds, a.Nanoseconds/b.Nanoseconds, a.Allocs, b.Allocs, a.Bytes, b.Bytes, a.Extra, b.Extra)
	}
}
