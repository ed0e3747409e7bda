package main

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// claim is a figure that the paper gives in its text (§9.3).
type claim struct {
	timeouts [2]int
	millis   float64
	percent  float64 // where it stands on the curve
	label    string
}

var claims = []claim{
	{[2]int{150, 150}, 10_000, 0, "all above 10 s"},
	{[2]int{150, 155}, 287, 50, "median 287"},
	{[2]int{150, 200}, 513, 100, "worst 513"},
	{[2]int{12, 24}, 35, 50, "mean 35"},
	{[2]int{12, 24}, 152, 100, "worst 152"},
}

// addPaper marks the paper's figures, in the colours of the curves that they belong to.
func (p *panel) addPaper(graph *plot.Plot, curves []*curve) error {
	dot := draw.GlyphStyle{Color: color.Gray{0x60}, Radius: vg.Points(3.5), Shape: draw.CircleGlyph{}}
	for _, c := range claims {
		i := slices.Index(p.ranges, c.timeouts)
		if i < 0 {
			continue
		}
		at := plotter.XYs{{X: c.millis, Y: c.percent}}
		mark, err := plotter.NewScatter(at)
		if err != nil {
			return err
		}
		mark.GlyphStyle = dot
		mark.Color = p.color(i)
		label, err := plotter.NewLabels(plotter.XYLabels{XYs: at, Labels: []string{c.label}})
		if err != nil {
			return err
		}
		style := &label.TextStyle[0]
		style.Font, style.Color = graph.Legend.TextStyle.Font, p.color(i)
		label.Offset = vg.Point{X: vg.Points(6), Y: vg.Points(3)}
		ours := quantile(find(curves, c.timeouts, p.variant).millis(), c.percent/100)
		if c.percent == 50 && ours > c.millis { // the curve is to the right of the dot
			style.XAlign, label.Offset.X = draw.XRight, -vg.Points(6)
		}
		graph.Add(mark, label)
	}
	graph.Legend.Add("the paper", &plotter.Scatter{GlyphStyle: dot})
	return nil
}

// quoted is what the paper says of a range, for the page.
func quoted(r [2]int) string {
	said := ""
	for _, c := range claims {
		if c.timeouts == r {
			if said != "" {
				said += ", "
			}
			said += c.label
		}
	}
	return said
}
