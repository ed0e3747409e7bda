package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The picture has the paper's two graphs, below each other, once for each order of writing and
// asking, side by side.
const (
	pictureWidth  = 26 * vg.Centimeter
	pictureHeight = 19 * vg.Centimeter
)

// panel is one graph.
type panel struct {
	title  string
	ranges [][2]int
	variant
	from, to float64 // the x axis, in milliseconds
}

func panels() [][]panel {
	sync, async := variant{}, variant{async: true}
	return [][]panel{
		{
			{"Randomness; synchronous writes", randomness, sync, 4, boundMillis},
			{"Randomness; asynchronous writes", randomness, async, 4, boundMillis},
		},
		{
			{"Minimum; synchronous writes", minimum, sync, 2, 10_000},
			{"Minimum; asynchronous writes", minimum, async, 2, 10_000},
		},
	}
}

// drawPicture draws all panels as SVG.
func drawPicture(curves []*curve) ([]byte, error) {
	var rows [][]*plot.Plot
	for _, line := range panels() {
		var row []*plot.Plot
		for _, p := range line {
			graph, err := p.plot(curves)
			if err != nil {
				return nil, err
			}
			row = append(row, graph)
		}
		rows = append(rows, row)
	}
	canvas := vgsvg.New(pictureWidth, pictureHeight)
	whole := draw.New(canvas)
	whole.FillPolygon(color.White, whole.ClipPolygonXY([]vg.Point{
		{X: whole.Min.X, Y: whole.Min.Y}, {X: whole.Max.X, Y: whole.Min.Y}, {X: whole.Max.X, Y: whole.Max.Y}, {X: whole.Min.X, Y: whole.Max.Y},
	}))
	const gap = 5 * vg.Millimeter
	tiles := draw.Tiles{Rows: len(rows), Cols: len(rows[0]), PadX: gap, PadY: gap, PadTop: gap, PadBottom: gap, PadLeft: gap, PadRight: gap}
	cells := plot.Align(rows, tiles, whole)
	for i, row := range rows {
		for j, graph := range row {
			graph.Draw(cells[i][j])
		}
	}
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// plot draws the panel: the share of the trials that had a leader again by a time.
func (p *panel) plot(curves []*curve) (*plot.Plot, error) {
	graph := plot.New()
	graph.Title.Text = p.title
	graph.Title.Padding = vg.Points(6)
	graph.X.Label.Text = "time without leader (ms)"
	graph.Y.Label.Text = "cumulative percent"
	graph.X.Scale, graph.X.Tick.Marker = plot.LogScale{}, millisTicks(p.from, p.to)
	graph.X.Min, graph.X.Max, graph.Y.Min, graph.Y.Max = p.from, p.to, 0, 100
	style(graph)
	graph.Add(plotter.NewGrid())
	graph.Legend.Left, graph.Legend.Top = true, true // where no curve is
	graph.Legend.XOffs, graph.Legend.YOffs = vg.Points(5), -vg.Points(10)
	for i, r := range p.ranges {
		c := find(curves, r, p.variant)
		line, err := plotter.NewLine(cumulative(c.millis(), p.to))
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = p.color(i), vg.Points(1.3)
		graph.Add(line)
		graph.Legend.Add(c.timeouts()+" ms", line)
	}
	return graph, p.addPaper(graph, curves)
}

// color is that of a range. The last one is the same in all panels, and so is its colour.
func (p *panel) color(i int) color.Color { return colors[len(colors)-len(p.ranges)+i] }

// colors tell the curves of a panel apart, also for those who see few.
var colors = []color.Color{
	color.NRGBA{0x33, 0x33, 0x33, 0xff}, color.NRGBA{0x99, 0x45, 0x9b, 0xff}, color.NRGBA{0xd5, 0x5e, 0x00, 0xff},
	color.NRGBA{0xc9, 0x9b, 0x00, 0xff}, color.NRGBA{0x00, 0x9e, 0x73, 0xff}, color.NRGBA{0x00, 0x72, 0xb2, 0xff},
}

// style sets type and grid of a graph.
func style(graph *plot.Plot) {
	sans := func(size vg.Length) font.Font { return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size} }
	graph.Title.TextStyle.Font = sans(11)
	for _, s := range []*text.Style{&graph.X.Label.TextStyle, &graph.Y.Label.TextStyle, &graph.X.Tick.Label, &graph.Y.Tick.Label, &graph.Legend.TextStyle} {
		s.Font = sans(9)
	}
	graph.Legend.Padding = vg.Points(2)
}

// cumulative is the curve through the sorted downtimes, in steps of half a percent. It ends at the
// right edge.
func cumulative(sorted []float64, edge float64) plotter.XYs {
	const steps = 200
	var points plotter.XYs
	for i := range steps + 1 {
		share := float64(i) / steps
		ms := quantile(sorted, share)
		if math.IsInf(ms, 1) || ms > edge {
			break
		}
		points = append(points, plotter.XY{X: ms, Y: 100 * share})
	}
	if len(points) == 0 {
		points = plotter.XYs{{X: edge, Y: 0}}
	}
	return points
}

// millisTicks labels the powers of ten, and marks what lies between.
func millisTicks(from, to float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for power := 1.0; power <= to; power *= 10 {
		for i := 1.0; i < 10; i++ {
			ms := i * power
			if ms < from || ms > to {
				continue
			}
			label := ""
			if i == 1 || i == 2 || i == 5 {
				label = fmt.Sprintf("%g", ms)
				if ms >= 1000 {
					label = fmt.Sprintf("%gs", ms/1000)
				}
			}
			ticks = append(ticks, plot.Tick{Value: ms, Label: label})
		}
	}
	return ticks
}
