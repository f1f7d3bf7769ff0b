package datadog

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// A second evaluator, which looks at one bucket of one series at a time and
// follows the description of the language word by word, slowly. Random queries
// must give the same from both.

// point is a sample as it was sent.
type point struct {
	at int64 // ms
	v  float64
}

type fake struct {
	store.Series
	points []point
}

type reference struct {
	series []fake
	step   int64
	start  int64
	n      int
}

// lines are the values of each group, by its tags.
type lines map[string][]float64

var nan = math.NaN()

// bucket combines what a series sent in [at, at+step).
func (ref *reference) bucket(f fake, t *term, at int64) float64 {
	var values []float64
	for _, p := range f.points {
		if p.at >= at && p.at < at+ref.step {
			v := p.v
			if t.as != "" && f.Kind == store.Rate {
				v *= float64(f.Interval) / 1000
			}
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nan
	}
	how := t.rollup
	if how == "" {
		how = "avg"
		if f.Kind == store.Count || f.Kind == store.Rate && t.as == "count" {
			how = "sum"
		}
	}
	if t.as == "rate" && f.Kind != store.Gauge {
		return summed("sum", values) / (float64(max(ref.step, f.Interval)) / 1000)
	}
	return summed(how, values)
}

func summed(how string, values []float64) float64 {
	switch how {
	case "last":
		return values[len(values)-1]
	case "count":
		return float64(len(values))
	}
	sorted := slices.Sorted(slices.Values(values))
	total := 0.0
	for _, v := range values {
		total += v
	}
	switch how {
	case "min":
		return sorted[0]
	case "max":
		return sorted[len(sorted)-1]
	case "sum":
		return total
	}
	return total / float64(len(values))
}

// bridged is the value of a series' bucket, taken from its neighbours when it is
// empty and the term says so.
func (ref *reference) bridged(f fake, t *term, at int64) float64 {
	v := ref.bucket(f, t, at)
	how, limit := t.fill, int64(300_000)
	if how == "" && t.as == "" && f.Kind == store.Gauge {
		how = "linear"
	}
	if !math.IsNaN(v) || how == "" || how == "null" {
		return v
	}
	if how == "zero" {
		return 0
	}
	before, after := at, at
	for before = at - ref.step; math.IsNaN(ref.bucket(f, t, before)); before -= ref.step {
		if at-before > limit {
			return nan
		}
	}
	if how == "last" {
		if at-before > limit {
			return nan
		}
		return ref.bucket(f, t, before)
	}
	for after = at + ref.step; math.IsNaN(ref.bucket(f, t, after)); after += ref.step {
		if after-before > limit {
			return nan
		}
	}
	if after-before > limit {
		return nan
	}
	a, b := ref.bucket(f, t, before), ref.bucket(f, t, after)
	return a + (b-a)*float64(at-before)/float64(after-before)
}

// selects says, for the filters that the generator writes, what they mean.
func selects(filter string, tags []string) bool {
	has := func(tag string) bool { return slices.Contains(tags, tag) }
	starts := func(prefix string) bool {
		return slices.ContainsFunc(tags, func(t string) bool { return strings.HasPrefix(t, prefix) })
	}
	switch filter {
	case "*":
		return true
	case "host:a":
		return has("host:a")
	case "!host:a":
		return !has("host:a")
	case "env:p*":
		return starts("env:p")
	case "host:a OR env:test":
		return has("host:a") || has("env:test")
	case "env:prod,!host:b":
		return has("env:prod") && !has("host:b")
	case "host IN (a,c)":
		return has("host:a") || has("host:c")
	case "NOT (env:prod AND host:a)":
		return !(has("env:prod") && has("host:a"))
	}
	panic("a filter without a meaning: " + filter)
}

func (ref *reference) term(t *term) lines {
	members := map[string][]fake{}
	for _, f := range ref.series {
		if f.Name != t.metric || !selects(t.filterText, f.Tags) {
			continue
		}
		var group []string
		for _, key := range slices.Sorted(slices.Values(t.by)) {
			values := f.Tags.Values(key)
			if len(values) == 0 {
				values = []string{"N/A"}
			}
			group = append(group, key+":"+values[0]) // the generator gives each key one value
		}
		name := strings.Join(group, ",")
		members[name] = append(members[name], f)
	}
	out := lines{}
	for name, group := range members {
		row := make([]float64, ref.n)
		for i := range row {
			var column []float64
			for _, f := range group {
				if v := ref.bridged(f, t, ref.start+int64(i)*ref.step); !math.IsNaN(v) {
					column = append(column, v)
				}
			}
			row[i] = nan
			if len(column) > 0 {
				row[i] = summed(t.space, column)
			}
		}
		if hasValue(row) {
			out[name] = row
		}
	}
	return out
}

func (ref *reference) eval(n node) (lines, float64, bool) {
	switch n := n.(type) {
	case number:
		return nil, float64(n), true
	case *term:
		return ref.term(n), 0, false
	case *binary:
		left, a, aNumber := ref.eval(n.left)
		right, b, bNumber := ref.eval(n.right)
		compute := func(x, y float64) float64 {
			switch n.op {
			case '+':
				return x + y
			case '-':
				return x - y
			case '*':
				return x * y
			}
			if y == 0 {
				return nan
			}
			return x / y
		}
		out := lines{}
		switch {
		case aNumber && bNumber:
			return nil, compute(a, b), true
		case aNumber:
			for name, row := range right {
				out[name] = mapped(row, func(v float64) float64 { return compute(a, v) })
			}
		case bNumber:
			for name, row := range left {
				out[name] = mapped(row, func(v float64) float64 { return compute(v, b) })
			}
		default:
			for l, x := range left {
				for r, y := range right {
					if l != r && l != "" && r != "" {
						continue
					}
					row := make([]float64, ref.n)
					for i := range row {
						row[i] = compute(x[i], y[i])
					}
					if name := max(l, r); hasValue(row) {
						out[name] = row
					}
				}
			}
		}
		return out, 0, false
	case *call:
		rows, v, isNumber := ref.eval(n.query)
		if isNumber {
			rows = lines{"": repeat(v, ref.n)}
		}
		return ref.call(n, rows), 0, false
	}
	panic("a node without a meaning")
}

func mapped(row []float64, fn func(float64) float64) []float64 {
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = fn(v)
	}
	return out
}

func (ref *reference) call(c *call, rows lines) lines {
	if c.fn == "count_nonzero" || c.fn == "count_not_null" {
		counts := make([]float64, ref.n)
		for _, row := range rows {
			for i, v := range row {
				if !math.IsNaN(v) && (v != 0 || c.fn == "count_not_null") {
					counts[i]++
				}
			}
		}
		return lines{"": counts}
	}
	if c.fn == "default_zero" && len(rows) == 0 {
		return lines{"": make([]float64, ref.n)}
	}
	seconds := float64(ref.step) / 1000
	out := lines{}
	for name, row := range rows {
		made := make([]float64, ref.n)
		for i := range row {
			// The present values up to and with this one, and how many buckets ago the
			// one before it was.
			var so []float64
			ago := 0
			for j, v := range row[:i+1] {
				if !math.IsNaN(v) {
					so = append(so, v)
					if j < i {
						ago = i - j
					}
				}
			}
			v := row[i]
			d := nan
			if !math.IsNaN(v) && len(so) > 1 {
				d = v - so[len(so)-2]
			}
			positive := d
			if d < 0 {
				positive = nan
			}
			switch c.fn {
			case "abs":
				made[i] = math.Abs(v)
			case "default_zero":
				if made[i] = v; math.IsNaN(v) {
					made[i] = 0
				}
			case "cumsum", "integral":
				for _, x := range so {
					made[i] += x
				}
				if c.fn == "integral" {
					made[i] *= seconds
				}
			case "diff":
				made[i] = d
			case "monotonic_diff":
				made[i] = positive
			case "derivative":
				made[i] = d / (float64(ago) * seconds)
			case "per_minute":
				made[i] = 60 * positive / (float64(ago) * seconds)
			case "throughput":
				made[i] = v / seconds
			case "median_3":
				made[i] = v
				if !math.IsNaN(v) {
					last := slices.Sorted(slices.Values(so[max(0, len(so)-3):]))
					made[i] = (last[(len(last)-1)/2] + last[len(last)/2]) / 2
				}
			case "clamp_min":
				if made[i] = v; v < 5 {
					made[i] = 5
				}
			case "cutoff_max":
				if made[i] = v; v > 5 {
					made[i] = nan
				}
			default:
				panic("a function without a meaning: " + c.fn)
			}
		}
		out[name] = made
	}
	return out
}

// randomQuery writes a query of what the reference knows.
func randomQuery(r *rand.Rand, depth int) string {
	pick := func(choices ...string) string { return choices[r.Intn(len(choices))] }
	if depth == 0 || r.Intn(4) == 0 {
		text := pick("avg", "sum", "min", "max", "count") + ":" + pick("gauge", "gauge", "count", "count", "rate", "rate", "nothing") +
			"{" + pick("*", "*", "host:a", "!host:a", "env:p*", "host:a OR env:test", "env:prod,!host:b", "host IN (a,c)", "NOT (env:prod AND host:a)") + "}" +
			pick("", " by {host}", " by {env}", " by {env,host}") + pick("", "", ".as_count()", ".as_rate()") +
			pick("", "", ".rollup(sum)", ".rollup(max)", ".rollup(avg)", ".rollup(last)", ".rollup(count)") + pick("", "", ".fill(null)", ".fill(zero)", ".fill(last)", ".fill(linear)")
		return text
	}
	switch r.Intn(3) {
	case 0:
		return "(" + randomQuery(r, depth-1) + " " + pick("+", "-", "*", "/") + " " + randomQuery(r, depth-1) + ")"
	case 1:
		return "(" + pick("2", "0.5", "-1", "10") + " " + pick("+", "-", "*", "/") + " " + randomQuery(r, depth-1) + ")"
	}
	inner := randomQuery(r, depth-1)
	return strings.ReplaceAll(pick("abs(Q)", "default_zero(Q)", "cumsum(Q)", "integral(Q)", "diff(Q)", "monotonic_diff(Q)", "derivative(Q)", "per_minute(Q)", "throughput(Q)",
		"median_3(Q)", "clamp_min(Q, 5)", "cutoff_max(Q, 5)", "count_nonzero(Q)", "count_not_null(Q)"), "Q", inner)
}

func TestRandomQueriesAgreeWithTheReference(t *testing.T) {
	f := newFixture(t)
	r := rand.New(rand.NewSource(1))
	ref := &reference{}
	for _, host := range []string{"a", "b", "c"} {
		for _, s := range []store.Series{
			{Name: "gauge", Tags: store.Tags{"env:" + []string{"prod", "test"}[r.Intn(2)], "host:" + host}},
			{Name: "count", Tags: store.Tags{"env:prod", "host:" + host}, Kind: store.Count, Interval: 20_000},
			{Name: "rate", Tags: store.Tags{"host:" + host}, Kind: store.Rate, Interval: 10_000},
		} {
			made := fake{Series: s}
			var pairs []float64
			for at := 3600 + r.Intn(60); at > 0; at -= 10 + r.Intn(50) {
				if r.Intn(12) == 0 {
					at -= 60 * (1 + r.Intn(8)) // a gap
				}
				if at <= 0 {
					break
				}
				v := float64(r.Intn(20))
				made.points = append(made.points, point{t0.UnixMilli() - int64(at)*1000, v})
				pairs = append(pairs, float64(at), v)
			}
			f.put(s, pairs...)
			ref.series = append(ref.series, made)
		}
	}
	answered := 0
	for range 1000 {
		text := randomQuery(r, 3)
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		step := []int64{10_000, 30_000, 60_000, 300_000}[r.Intn(4)]
		to := t0.UnixMilli() - int64(r.Intn(600))*1000
		o := Options{From: to - step*int64(5+r.Intn(12)), To: to, Interval: step}
		frames, err := q.Range(context.Background(), f.engine, o)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		g := frames[0].Grid
		ref.start, ref.step, ref.n = g.Start, g.Step, g.Len()
		want, v, isNumber := ref.eval(q.parts[0])
		if isNumber {
			want = lines{"": repeat(v, ref.n)}
		}
		if len(want) > 0 {
			answered++
		}
		if d := differs(frames[0].Rows, want); d != "" {
			t.Errorf("%s from %d every %d: %s", text, o.From, step, d)
		}
	}
	if answered < 400 {
		t.Errorf("only %d of the queries had an answer", answered)
	}
}

func differs(rows []query.Row, want lines) string {
	got := lines{}
	for _, r := range rows {
		got[strings.Join(r.Tags, ",")] = r.Values
	}
	for name, row := range want {
		have := got[name]
		if have == nil {
			if hasValue(row) {
				return fmt.Sprintf("no row %q", name)
			}
			continue
		}
		for i := range row {
			if a, b := have[i], row[i]; math.IsNaN(a) != math.IsNaN(b) || math.Abs(a-b) > 1e-9*max(1, math.Abs(b)) {
				return fmt.Sprintf("row %q at %d is %v, and %v by the reference", name, i, a, b)
			}
		}
	}
	for name, row := range got {
		if want[name] == nil && hasValue(row) {
			return fmt.Sprintf("row %q is not in the reference", name)
		}
	}
	return ""
}
