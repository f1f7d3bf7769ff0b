package chart

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
)

var update = flag.Bool("update", false, "rewrite the pictures in testdata")

// Nov 23 2026, 17:05 UTC.
const t0 = 1795453500000

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// wave makes n values that look like a metric, the same in every run.
func wave(seed uint64, n int, base, swing, noise float64) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	values := make([]float64, n)
	for i := range values {
		x := float64(i) / float64(n)
		values[i] = base + swing*math.Sin(2*math.Pi*(2*x+float64(seed)/7)) + noise*r.NormFloat64()
	}
	return values
}

func gap(values []float64, from, to int) []float64 {
	for i := from; i < to; i++ {
		values[i] = math.NaN()
	}
	return values
}

// pictures are the specs whose pictures are kept in testdata.
func pictures(t testing.TB) map[string]Spec {
	hour := query.Grid{Start: t0, End: t0 + 3600_000, Step: 20_000}
	n := hour.Len()

	monitor := wave(1, n, 480, 160, 60)
	for i := 130; i < 165; i++ {
		monitor[i] += 380
	}
	gap(monitor, 40, 52)
	gap(monitor, 60, 62)
	gap(monitor, 63, 66)

	band := func(values []float64) *query.Band {
		b := &query.Band{Lower: make([]float64, len(values)), Upper: make([]float64, len(values)), Anomalous: make([]bool, len(values))}
		for i, v := range values {
			b.Lower[i], b.Upper[i] = math.NaN(), math.NaN()
			if i < 15 {
				continue
			}
			w := 40.0 + 400/float64(i-12)
			middle := 300 + 60*math.Sin(4*math.Pi*float64(i)/float64(len(values)))
			b.Lower[i], b.Upper[i] = middle-w, middle+w
			b.Anomalous[i] = v < b.Lower[i] || v > b.Upper[i]
		}
		return b
	}
	rows := wave(0, n, 300, 60, 14)
	for i, v := range []float64{400, 900, 1400, 1250, 600, 200} {
		rows[118+i] += v
	}

	week := query.Grid{Start: t0 - 7*86400_000, End: t0, Step: 3600_000}
	var disks, fleet []query.Row
	for i, host := range []string{"thinkpad", "db-1.example.com", "db-2.example.com", "web-with-a-very-long-name-that-goes-on.eu-central-1.example.com"} {
		disks = append(disks, query.Row{Metric: "system.mem.used", Tags: []string{"host:" + host}, Unit: "byte",
			Values: wave(uint64(i), week.Len(), float64(i+1)*1.2e9, 2e8, 4e7)})
	}
	for i := range 38 {
		fleet = append(fleet, query.Row{Tags: []string{fmt.Sprintf("host:web-%02d", i)}, Values: wave(uint64(i), n, 20+float64(i), 4, 1)})
	}

	return map[string]Spec{
		"monitor-light": {
			Title: "my_metric is high on thinkpad", Subtitle: "avg:my_metric{*} by {host}",
			From: t0, To: t0 + 3600_000, Grid: hour, Zone: zone(t, "Europe/Berlin"),
			Rows:       []query.Row{{Metric: "my_metric", Tags: []string{"host:thinkpad"}, Values: monitor}},
			Thresholds: []Threshold{{Value: 800, Label: "alert > 800"}, {Value: 500, Label: "warn > 500", Severity: Warn}},
			Bad:        []Span{{From: t0 + 130*20_000, To: t0 + 165*20_000}},
		},
		"monitor-dark": {
			Title: "Training has stopped", Subtitle: "max(last_10m):avg:gpu.utilization{job:train} < 5",
			From: t0, To: t0 + 3600_000, Grid: hour, Zone: time.UTC, Theme: Dark, Unit: "percent",
			Rows:       []query.Row{{Metric: "gpu.utilization", Values: append(wave(3, 120, 93, 2, 1.5), wave(4, 61, 1.2, 0.4, 0.2)...)}},
			Thresholds: []Threshold{{Value: 5, Label: "alert < 5 %", Below: true}, {Value: 30, Label: "warn < 30 %", Below: true, Severity: Warn}},
			Bad:        []Span{{From: t0 + 120*20_000, To: t0 + 3600_000}},
		},
		"anomalies": {
			Title: "Rows fetched", Subtitle: "anomalies(avg:postgresql.rows_fetched{*}, 'basic', 1.2)",
			From: t0, To: t0 + 3600_000, Grid: hour, Zone: zone(t, "America/New_York"), Unit: "row/second",
			Rows: []query.Row{{Expr: "anomalies(avg:postgresql.rows_fetched{*}, 'basic', 1.2)", Values: rows, Band: band(rows)}},
		},
		"anomalies-dark": {
			Title: "Rows fetched", Subtitle: "anomalies(avg:postgresql.rows_fetched{*}, 'basic', 1.2)",
			From: t0, To: t0 + 3600_000, Grid: hour, Zone: zone(t, "America/New_York"), Unit: "row/second", Theme: Dark,
			Rows: []query.Row{{Expr: "anomalies(avg:postgresql.rows_fetched{*}, 'basic', 1.2)", Values: rows, Band: band(rows)}},
		},
		"marked": {
			Title: "Rows fetched", Subtitle: "avg:postgresql.rows_fetched{*}",
			From: t0, To: t0 + 3600_000, Grid: hour, Unit: "row/second",
			Rows:   []query.Row{{Expr: "avg:postgresql.rows_fetched{*}", Values: rows}},
			Marks:  []Mark{{From: t0 + 115*20_000, To: t0 + 128*20_000, Low: 150, High: 1500}, {From: t0 + 600_000, To: t0 + 900_000, Low: math.NaN(), High: math.NaN()}},
			Events: []int64{t0 + 114*20_000, t0 + 3000_000},
		},
		"marked-dark": {
			Title: "Rows fetched", Subtitle: "avg:postgresql.rows_fetched{*}", Theme: Dark,
			From: t0, To: t0 + 3600_000, Grid: hour, Unit: "row/second",
			Rows:  []query.Row{{Expr: "avg:postgresql.rows_fetched{*}", Values: rows}},
			Marks: []Mark{{From: t0 + 115*20_000, To: t0 + 128*20_000, Low: 150, High: 1500}},
		},
		"bars": {
			Title: "Requests by status", Subtitle: "sum:requests{*} by {status}.as_count()", Unit: "request",
			From: week.Start, To: week.Start + 24*3600_000, Grid: query.Grid{Start: week.Start, End: week.Start + 24*3600_000, Step: 3600_000},
			Rows:   []query.Row{{Tags: []string{"status:500"}, Values: gap(wave(1, 25, 120, 30, 10), 8, 10)}, {Tags: []string{"status:200"}, Values: wave(2, 25, 900, 200, 30)}},
			Styles: []Style{Bars, Bars},
		},
		"areas-dark": {
			Title: "Memory by kind", Subtitle: "avg:system.mem.used{*} by {kind}", Theme: Dark, Unit: "byte",
			From: t0, To: t0 + 3600_000, Grid: hour,
			Rows: []query.Row{
				{Tags: []string{"kind:cache"}, Values: gap(wave(3, n, 2e9, 3e8, 2e7), 70, 80)}, {Tags: []string{"kind:heap"}, Values: wave(4, n, 4e9, 5e8, 2e7)}, {Tags: []string{"kind:limit"}, Values: wave(5, n, 9e9, 0, 0)},
			},
			Styles: []Style{Area, Area},
			Names:  []string{"", "used"},
		},
		"bytes-week": {
			Title: "Memory", Subtitle: "avg:system.mem.used{*} by {host}",
			From: week.Start, To: week.End, Grid: week, Zone: zone(t, "Asia/Kolkata"), Rows: disks,
		},
		"many-rows-dark": {
			Title: "CPU by host", Subtitle: "avg:system.cpu.user{role:web} by {host}", Theme: Dark, Unit: "percent",
			From: t0, To: t0 + 3600_000, Grid: hour, Rows: fleet, Width: 720, Height: 360,
		},
		"empty": {
			Title: "my_metric", Subtitle: "avg:my_metric{*}", From: t0, To: t0 + 900_000,
			Grid: query.Grid{Start: t0, End: t0 + 900_000, Step: 10_000},
			Rows: []query.Row{{Metric: "my_metric", Values: gap(make([]float64, 91), 0, 91)}},
		},
		"points-across-midnight": {
			Title: "Backups", Subtitle: "sum:backup.done{*}.as_count()", From: t0, To: t0 + 4*86400_000,
			Grid: query.Grid{Start: t0, End: t0 + 4*86400_000, Step: 3600_000},
			Rows: []query.Row{{Metric: "backup.done", Unit: "job", Values: func() []float64 {
				v := gap(make([]float64, 97), 0, 97)
				for i := 10; i < 97; i += 24 {
					v[i] = float64(i % 5)
				}
				return v
			}()}},
		},
		"small": {
			Subtitle: "avg:loss{job:train}", From: t0, To: t0 + 3600_000, Grid: hour, Width: 320, Height: 160,
			Rows: []query.Row{{Metric: "loss", Values: wave(5, n, -0.02, 0.06, 0.004)}},
		},
	}
}

func render(t testing.TB, s Spec) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := PNG(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(t testing.TB, b []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPicturesLookAsKept(t *testing.T) {
	for name, spec := range pictures(t) {
		t.Run(name, func(t *testing.T) {
			got := render(t, spec)
			if len(got) > 60<<10 {
				t.Errorf("picture has %d bytes, more than a mail should carry (60 KiB)", len(got))
			}
			file := filepath.Join("testdata", name+".png")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if far, worst := compare(decode(t, got), decode(t, want)); far > 0 {
				t.Errorf("%d pixels differ from %s (worst by %d of 255); look at it, then run with -update", far, file, worst)
			}
		})
	}
}

// compare counts the pixels in which a and b differ by more than rounding.
func compare(a, b image.Image) (far, worst int) {
	if a.Bounds() != b.Bounds() {
		return math.MaxInt, 255
	}
	const tolerance = 8
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			c, d := color.NRGBAModel.Convert(a.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(b.At(x, y)).(color.NRGBA)
			diff := max(apart(c.R, d.R), apart(c.G, d.G), apart(c.B, d.B))
			if worst = max(worst, diff); diff > tolerance {
				far++
			}
		}
	}
	return far, worst
}

func apart(a, b uint8) int {
	if a > b {
		return int(a - b)
	}
	return int(b - a)
}

func TestPictureIsTwiceAsDenseAsAskedFor(t *testing.T) {
	s := pictures(t)["small"]
	if got, want := decode(t, render(t, s)).Bounds().Size(), image.Pt(640, 320); got != want {
		t.Errorf("size %v, want %v", got, want)
	}
}

func TestEmptyRangeIsRefused(t *testing.T) {
	if err := PNG(&bytes.Buffer{}, Spec{From: 5, To: 5}); err == nil || !strings.Contains(err.Error(), "time range is empty") {
		t.Errorf("error %v", err)
	}
}

func TestWriteErrorIsReturned(t *testing.T) {
	broken := errors.New("broken pipe")
	if err := PNG(writerFunc(func([]byte) (int, error) { return 0, broken }), pictures(t)["small"]); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Whatever a query yields and whoever wrote the title, a picture comes out.
func TestStrangeSpecsAreDrawn(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	grid := query.Grid{Start: t0, End: t0 + 60_000, Step: 10_000}
	values := func(v ...float64) []query.Row { return []query.Row{{Values: v}} }
	for name, s := range map[string]Spec{
		"nothing":               {},
		"no grid":               {Rows: values(1, 2, 3)},
		"too few values":        {Grid: grid, Rows: values(1)},
		"too many values":       {Grid: grid, Rows: values(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)},
		"infinities":            {Grid: grid, Rows: values(inf, 1, -inf, 2, nan)},
		"huge":                  {Grid: grid, Rows: values(-math.MaxFloat64, math.MaxFloat64)},
		"tiny":                  {Grid: grid, Rows: values(5e-324, 0)},
		"constant":              {Grid: grid, Rows: values(7, 7, 7)},
		"nearly constant":       {Grid: grid, Rows: values(1e15, 1e15+0.125)},
		"zero":                  {Grid: grid, Rows: values(0, 0, 0)},
		"negative":              {Grid: grid, Rows: values(-3, -2, -1)},
		"strange thresholds":    {Grid: grid, Rows: values(1, 2), Thresholds: []Threshold{{Value: nan}, {Value: inf}, {Value: -1e300}}},
		"spans outside":         {Grid: grid, Rows: values(1, 2), Bad: []Span{{0, 1, Alert}, {t0 - 1, math.MaxInt64, Warn}, {t0 + 9, t0 + 3, Alert}}},
		"strange styles":        {Grid: grid, Rows: []query.Row{{Values: []float64{inf, 1, nan, -5}}, {Values: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}}}, Styles: []Style{Bars, Area, "pie", Bars}},
		"strange marks":         {Grid: grid, Rows: values(1, 2), Marks: []Mark{{From: t0 + 9, To: t0 + 3, Low: 5, High: -5}, {From: math.MinInt64, To: math.MaxInt64, Low: inf, High: -inf}, {Low: nan}}, Events: []int64{math.MinInt64, math.MaxInt64}},
		"band of another size":  {Grid: grid, Rows: []query.Row{{Values: []float64{1, 2, 3}, Band: &query.Band{Lower: []float64{0}, Upper: []float64{1, 2}, Anomalous: []bool{true, true, true, true}}}}},
		"grid outside":          {Grid: query.Grid{Start: 0, End: 1000, Step: 1}, Rows: values(1, 2)},
		"names":                 {Grid: grid, Title: strings.Repeat("日本 \x00\xff", 9000), Subtitle: strings.Repeat("x", 1<<20), Rows: []query.Row{{Tags: []string{strings.Repeat("tag:", 1e4)}, Values: []float64{1}}}},
		"wide":                  {Grid: grid, Width: 1 << 30, Height: -5, Rows: values(1, 2)},
		"unknown theme":         {Grid: grid, Theme: 77, Rows: values(1, 2)},
		"bytes beyond prefixes": {Grid: grid, Unit: "pebibyte", Rows: values(1, 1e300)},
	} {
		t.Run(name, func(t *testing.T) {
			if s.From == 0 && s.To == 0 {
				s.From, s.To = t0, t0+60_000
			}
			decode(t, render(t, s))
		})
	}
}

func TestLongAndShortRangesAreDrawn(t *testing.T) {
	for span := int64(1); span < 1<<50; span *= 3 {
		s := Spec{From: t0, To: t0 + span, Zone: zone(t, "America/Sao_Paulo")}
		decode(t, render(t, s))
	}
}

func TestGapIsAGap(t *testing.T) {
	grid := query.Grid{Start: t0, End: t0 + 90_000, Step: 10_000}
	values := []float64{5, 5, 5, 5, math.NaN(), math.NaN(), 5, 5, 5, 5}
	s := Spec{From: t0, To: t0 + 90_000, Grid: grid, Rows: []query.Row{{Metric: "m", Values: values}}}
	s.complete()
	c, err := newCanvas(s.Width, s.Height, themes[Light])
	if err != nil {
		t.Fatal(err)
	}
	p := layout(c, s)
	p.draw()
	at := func(ms int64) color.RGBA {
		return c.img.RGBAAt(int(p.x(ms)*density), int(p.y(5)*density))
	}
	if got, want := at(t0+20_000), Colors(s.Rows)[0]; color.NRGBA(got) != want {
		t.Errorf("on the line: %v, want %v", got, want)
	}
	got := at(t0 + 46_000)
	if key := rgbKey(got.R)<<16 | rgbKey(got.G)<<8 | rgbKey(got.B); key.distance(0xffffff) > 9*40*40 {
		t.Errorf("in the gap: %v, want the background or a grid line", got)
	}
}

func BenchmarkPNG(b *testing.B) {
	for _, name := range []string{"monitor-light", "anomalies", "many-rows-dark"} {
		s := pictures(b)[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = len(render(b, s))
			}
			b.ReportMetric(float64(size), "bytes/picture")
		})
	}
}
