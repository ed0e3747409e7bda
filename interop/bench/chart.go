package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The picture: a bar per row, as long as the logarithm of the ratio, so that 2 and 50 can both be
// read.
const (
	rowHeight = 24
	labelEnd  = 380 // where the labels end and the bars begin
	barsWidth = 420
	chartHead = 46
)

// chart draws how many times less this library takes.
func chart(rows []row) string {
	largest := 10.0
	for i := range rows {
		largest = max(largest, rows[i].ratio())
	}
	scale := func(ratio float64) float64 { return barsWidth * math.Log(max(ratio, 1)) / math.Log(largest) }
	width, height := labelEnd+barsWidth+70, chartHead+rowHeight*len(rows)+12

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	b.WriteString(`<text x="12" y="20" font-weight="bold" fill="#222222">How many times less than etcd/raft v3.6.0 takes (logarithmic)</text>` + "\n")
	for _, mark := range []float64{1, 2, 5, 10, 20, 50, 100} {
		if mark > largest {
			break
		}
		x := labelEnd + scale(mark)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`+"\n", x, chartHead-6, x, height-10)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" font-size="11" fill="#777777">%gx</text>`+"\n", x, chartHead-10, mark)
	}
	for i := range rows {
		r, y := &rows[i], chartHead+rowHeight*i
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#222222">%s</text>`+"\n", labelEnd-8, y+16, html.EscapeString(r.workload.Name))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#2a6f97"/>`+"\n", labelEnd, y+3, scale(r.ratio()), rowHeight-7)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#222222">%.1f</text>`+"\n", labelEnd+scale(r.ratio())+6, y+16, r.ratio())
	}
	b.WriteString("</svg>\n")
	return b.String()
}
