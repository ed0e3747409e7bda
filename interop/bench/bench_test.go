package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ffd200af/raft/interop/bench/driver/etcd"
	"github.com/ffd200af/raft/interop/bench/driver/ours"
	"github.com/ffd200af/raft/interop/bench/measure"
)

// Every workload runs once on either side, and finds that its work was done.
func TestEveryWorkloadRuns(t *testing.T) {
	measure.Shrink()
	for side, workloads := range map[string][]measure.Workload{"ours": ours.Workloads(), "etcd": etcd.Workloads()} {
		for _, w := range workloads {
			t.Run(side+" "+w.Name, func(t *testing.T) {
				w.Turns = min(w.Turns, 2)
				for _, reuse := range []bool{false, true} {
					cost, err := measure.Once(w, time.Millisecond, reuse)
					if err != nil {
						t.Fatal(err)
					}
					if cost.Nanoseconds <= 0 {
						t.Errorf("it costs %+v", cost)
					}
				}
			})
		}
	}
}

func exampleRows() []row {
	return []row{
		{workload: measure.Workload{Name: "a < b", Unit: "entry"}, etcd: measure.Cost{Nanoseconds: 3000, Allocs: 17}, ours: measure.Cost{Nanoseconds: 750, Allocs: 6}, reuse: measure.Cost{Nanoseconds: 600}},
		{
			workload: measure.Workload{Name: "memory", Unit: "replica"},
			etcd:     measure.Cost{Nanoseconds: 1, Extra: map[string]float64{held: 1896}},
			ours:     measure.Cost{Nanoseconds: 1, Extra: map[string]float64{held: 790}},
			reuse:    measure.Cost{Nanoseconds: 1, Extra: map[string]float64{held: 948}},
		},
	}
}

func TestTheTableComparesTimesAndMemory(t *testing.T) {
	rows := exampleRows()
	for i, want := range []string{"| 3000 ns | 750 ns | **4.0** | 600 ns | **5.0** | 17 | 6.00 | 0 |", "| 1896 B | 790 B | **2.4** | 948 B | **2.0** |"} {
		if page := markdown(rows[i : i+1]); !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	if text := rows[0].text(); !strings.Contains(text, "4.0x") || !strings.Contains(text, "5.0x") || strings.Contains(text, "\n") {
		t.Errorf("%q", text)
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	decoder := xml.NewDecoder(strings.NewReader(chart(exampleRows())))
	bars := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 1+2 { // the background and a bar a row
		t.Errorf("%d rectangles", bars)
	}
}
