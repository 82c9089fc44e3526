package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A chart is an SVG that needs nothing else: no script, no font, no style sheet. It
// follows the reader's light or dark theme.
type chart struct {
	width, height float64
	b             strings.Builder
}

// colours of the runtimes in the order in which they were measured; rt is the first.
var colours = []string{"#2f6fde", "#e08a1e", "#b8b13a", "#8a8f98", "#6d5aa8", "#2b9c8a"}

const style = `<style>
text{font:12px ui-sans-serif,system-ui,sans-serif;fill:#24292f}
.title{font-size:15px;font-weight:600}.dim{fill:#57606a}.value{font-size:11px}
.grid{stroke:#d0d7de;stroke-width:1}.whisker{stroke:#24292f;stroke-opacity:.55;stroke-width:1.5}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.grid{stroke:#3d444d}.whisker{stroke:#e6edf3}}
</style>
`

func newChart(width, height float64, title, subtitle string) *chart {
	c := &chart{width: width, height: height}
	c.text(16, 26, "title", "start", title)
	c.text(16, 44, "dim", "start", subtitle)
	return c
}

func (c *chart) text(x, y float64, class, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, html.EscapeString(s))
}

func (c *chart) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&c.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`+"\n", x1, y1, x2, y2, class)
}

func (c *chart) bar(x, y, width, height float64, colour string) {
	fmt.Fprintf(&c.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s"/>`+"\n", x, y, max(width, 0.5), height, colour)
}

func (c *chart) String() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n", c.width, c.height, c.width, c.height) +
		style + c.b.String() + "</svg>\n"
}

// legend names the colours, in one line.
func (c *chart) legend(x, y float64, runtimes []string) {
	for i, name := range runtimes {
		c.bar(x, y-9, 10, 10, colours[i%len(colours)])
		c.text(x+15, y, "", "start", name)
		x += 34 + 7*float64(len(name))
	}
}

// A group is some bars below one name.
type group struct {
	name string
	rows []*Row // by runtime; nil where one has none
}

// bars draws medians as bars, with whiskers from the fastest to the tenth slowest
// of a hundred.
func bars(title, subtitle string, runtimes []string, groups []group, format func(float64) string) string {
	const left, right, top, thick, between = 170.0, 60.0, 82.0, 15.0, 16.0
	height := top
	most := 0.0
	for _, g := range groups {
		height += float64(len(runtimes))*thick + between
		for _, r := range g.rows {
			if r != nil {
				most = max(most, r.Median)
			}
		}
	}
	c := newChart(760, height+10, title, subtitle)
	c.legend(left, 66, runtimes)
	scale := (c.width - left - right) / nice(most)
	for _, v := range ticks(nice(most)) {
		x := left + v*scale
		c.line(x, top-6, x, height-between+4, "grid")
		c.text(x, height+2, "dim value", "middle", format(v))
	}
	y := top
	for _, g := range groups {
		c.text(left-10, y+float64(len(runtimes))*thick/2+4, "", "end", g.name)
		for i, r := range g.rows {
			switch {
			case r == nil:
			case r.N == 0:
				c.text(left+4, y+11, "dim value", "start", "failed")
			default:
				c.bar(left, y+1, r.Median*scale, thick-3, colours[i%len(colours)])
				end := min(r.P90*scale, c.width-left-right+20)
				c.line(left+r.Min*scale, y+thick/2-0.5, left+end, y+thick/2-0.5, "whisker")
				c.text(left+max(end, r.Median*scale)+5, y+11, "value", "start", format(r.Median))
			}
			y += thick
		}
		y += between
	}
	return c.String()
}

// A curve is what one runtime makes of growing numbers.
type curve struct {
	runtime int // index
	points  [][2]float64
}

// A panel is one diagram of a row of them; both axes are logarithmic.
type panel struct {
	title  string
	x      []float64 // ticks
	curves []curve
}

func lines(title, subtitle string, runtimes []string, panels []panel, format func(float64) string) string {
	const wide, high, left, top, gap = 300.0, 220.0, 56.0, 104.0, 66.0
	c := newChart(left+float64(len(panels))*(wide+gap)-gap+24, top+high+40, title, subtitle)
	c.legend(left, 66, runtimes)
	for n, p := range panels {
		x0 := left + float64(n)*(wide+gap)
		c.text(x0, top-12, "", "start", p.title)
		low, most := math.Inf(1), 0.0
		for _, k := range p.curves {
			for _, v := range k.points {
				low, most = min(low, v[1]), max(most, v[1])
			}
		}
		low, most = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(most*1.02)))
		first, last := axis(p.x[0]), axis(p.x[len(p.x)-1])
		px := func(v float64) float64 { return x0 + (axis(v)-first)/(last-first)*wide }
		py := func(v float64) float64 {
			return top + high - (math.Log10(v)-math.Log10(low))/(math.Log10(most)-math.Log10(low))*high
		}
		for v := low; v <= most*1.001; v *= 10 {
			c.line(x0, py(v), x0+wide, py(v), "grid")
			c.text(x0-6, py(v)+4, "dim value", "end", format(v))
		}
		for _, v := range p.x {
			c.text(px(v), top+high+18, "dim value", "middle", fmt.Sprint(v))
		}
		for _, k := range p.curves {
			colour := colours[k.runtime%len(colours)]
			var path strings.Builder
			for i, v := range k.points {
				fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], px(v[0]), py(v[1]))
				fmt.Fprintf(&c.b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", px(v[0]), py(v[1]), colour)
			}
			fmt.Fprintf(&c.b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), colour)
		}
	}
	return c.String()
}

// axis is where a number lies on a logarithmic axis that begins at 0.
func axis(v float64) float64 { return math.Log10(v + 1) }

// nice is the next larger number of the kind 1, 2, 5, 10, 20 …
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if f*unit >= v {
			return f * unit
		}
	}
	return 10 * unit
}

func ticks(most float64) []float64 {
	var out []float64
	for i := range 6 {
		out = append(out, most*float64(i)/5)
	}
	return out
}
