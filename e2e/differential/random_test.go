package differential

import (
	"fmt"
	"math/rand"
	"strings"
)

// randomQuestion makes up a query and what it is asked for, of the constructs that
// both servers document and of which the answer is specified. Left out are those
// that changed between Debian's version and the documentation, which the table
// asks about: "or", "unless" and "ifnot" over series with gaps, functions that
// estimate a series' interval at one moment, functions of an empty window.
func randomQuestion(r *rand.Rand) (string, grid) {
	from := begin.UnixMilli() + int64(r.Intn(3600))*1000
	if r.Intn(4) == 0 {
		return (&generator{r, true}).vector(3), grid{start: from + 1_800_000}
	}
	step := []int64{7_000, 15_000, 60_000, 300_000}[r.Intn(4)]
	return (&generator{r, false}).vector(3), grid{from, from + step*int64(2+r.Intn(30)), step}
}

type generator struct {
	*rand.Rand
	instant bool
}

func (r *generator) pick(choices ...string) string { return choices[r.Intn(len(choices))] }

func (r *generator) selector() string {
	return r.pick(`g`, `g{host="a"}`, `g{env="prod"}`, `h`, `h{host=~"a|c"}`, `c_total`, `c_total{env="test"}`, `level`, `constant`, `slow`,
		`gaps`, `ends`, `late_total`, `big`, `hollow`, `h{host="b"}`, `fast`)
}

func (r *generator) number() string {
	return r.pick("0", "1", "2", "0.5", "-3", "10", "50", "1e3", "5m", "scalar(g{host=\"a\"})")
}

// rollup makes up a rollup function of series; windows are put behind it.
func (r *generator) rollup(series string, windows ...string) string {
	window := r.pick(windows...)
	switch r.Intn(8) {
	case 0:
		return fmt.Sprintf("quantile_over_time(%s, %s%s)", r.pick("0", "0.3", "0.99", "1"), series, windows[0])
	case 1:
		return fmt.Sprintf("%s(%s%s, %s)", r.pick("count_gt_over_time", "count_le_over_time", "share_gt_over_time", "share_le_over_time", "count_eq_over_time"), series, windows[0], r.pick("1", "3", "40"))
	case 2, 3:
		if !r.instant && !strings.HasPrefix(series, "(") { // of what is computed the interval is irregular
			return r.pick("deriv_fast", "ideriv", "delta", "idelta", "lag", "lifetime", "scrape_interval") + "(" + series + windows[0] + ")"
		}
	case 4:
		if !r.instant {
			return r.pick("rate", "irate", "increase") + "(" + r.pick("c_total", `c_total{env="test"}`, "late_total") + r.pick("[5m]", "[10m]", "") + ")"
		}
	case 5:
		return "median_over_time(" + series + windows[0] + ")"
	}
	return r.pick("avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "first_over_time", "stddev_over_time",
		"stdvar_over_time", "range_over_time", "present_over_time") + "(" + series + window + ")"
}

// vector makes up an expression that gives series, at most depth deep.
func (r *generator) vector(depth int) string {
	if depth == 0 {
		if r.Intn(3) == 0 {
			return r.rollup(r.selector(), "[5m]", "[10m]", "")
		}
		return r.selector() + r.pick("", "", "", " offset 3m", " offset -1m")
	}
	inner := func() string { return r.vector(depth - 1) }
	switch r.Intn(12) {
	case 0, 1:
		return r.rollup(r.selector(), "[5m]", "[13m]", "[2m]", "")
	case 2:
		return r.rollup("("+inner()+")", "[5m:30s]", "[10m:1m]", "[3m:17s]")
	case 3, 4:
		fn := r.pick("sum", "avg", "min", "max", "count", "group", "stddev", "median", "sum2", "distinct")
		return fn + "(" + inner() + ")" + r.pick("", " by (env)", " by (host)", " without (host)", " by (env, host)")
	case 5:
		return r.pick("abs", "exp", "sqrt", "ln", "deg", "keep_last_value", "keep_next_value", "running_sum", "running_max", "sort") +
			"(" + inner() + ")"
	case 6:
		return r.pick("clamp_min", "clamp_max") + "(" + inner() + ", " + r.number() + ")"
	case 7, 8:
		if r.Intn(3) == 0 {
			return "(" + r.number() + " " + r.pick("+", "-", "*", "/") + " " + inner() + ")"
		}
		op := r.pick("+", "-", "*", "/", "^", ">", "<", ">=", "<=", "==", "!=", "> bool", "<= bool", "if")
		n := r.number()
		if op == "^" {
			n = r.pick("2", "0.5") // nothing to the power of 0 was 1 before 1.106
		}
		return "(" + inner() + " " + op + " " + n + ")"
	case 9:
		return fmt.Sprintf("(%s %s %s %s)", inner(), r.pick("+", "-", "*", "/"),
			r.pick("on(host, env)", "ignoring(env)", "on(env) group_left()", "on(host, env) group_right()"), inner())
	case 10:
		// Of series that all have the labels: how far filters are carried from one
		// side to the other changed in between.
		plain := func() string {
			return r.rollup(r.pick("g", "h", "c_total", `g{host="a"}`, `h{env="prod"}`), "[5m]", "[13m]")
		}
		return fmt.Sprintf("((%s %s %s) %s %s %s)", plain(), r.pick(">", "<"), r.number(), r.pick("and", "if"), r.pick("", "on(host)", "on(env)"), plain())
	}
	fn := r.pick(`label_set(Q, "x", "y")`, `label_del(Q, "env")`, `label_copy(Q, "host", "h2")`, `label_match(Q, "host", "a|b")`,
		`quantile(0.4, Q) by (env)`, `histogram_quantile(0.9, lat_bucket)`, `scalar(Q)`, `vector(Q)`, `absent(Q)`)
	return strings.ReplaceAll(fn, "Q", inner())
}
