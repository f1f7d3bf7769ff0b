package differential

import (
	"strings"
)

// question is a query of the table.
type question struct {
	query  string
	promql bool // Prometheus must agree too, apart from metric names
	// rangeOnly: at one moment, how near the sample before a window must be is
	// told by the step since 1.97, and was told by the series before.
	rangeOnly bool
	newer     string // why Debian's victoria-metrics, older than the documentation, is not asked
}

// selectors are the kinds of series that every rollup function is asked about.
var selectors = []string{
	`g{host="a"}`, `c_total{host="b"}`, `level`, `constant`, `negative`, `slow`, `irregular`, `gaps`, `ends`, `once`, `twice`, `late_total`,
	`wild`, `hollow`, `big`, `small`, `fast`, `nothing`,
}

// rollups are all rollup functions; S stands for the series with or without a
// window.
var rollups = []question{
	{query: `absent_over_time(S)`},
	{query: `aggr_over_time(("min_over_time", "max_over_time", "count_over_time"), S)`},
	{query: `ascent_over_time(S)`},
	{query: `avg_over_time(S)`, promql: true},
	{query: `changes(S)`},
	{query: `changes_prometheus(S)`},
	{query: `count_eq_over_time(S, 3)`},
	{query: `count_gt_over_time(S, 3)`},
	{query: `count_le_over_time(S, 3)`},
	{query: `count_ne_over_time(S, 3)`},
	{query: `count_over_time(S)`, promql: true},
	{query: `count_values_over_time("v", S)`, newer: "since 1.89"},
	{query: `decreases_over_time(S)`},
	{query: `default_rollup(S)`},
	{query: `delta(S)`},
	{query: `delta_prometheus(S)`},
	{query: `deriv(S)`},
	{query: `deriv_fast(S)`},
	{query: `descent_over_time(S)`},
	{query: `distinct_over_time(S)`, newer: "an empty window gave something before 1.80"},
	{query: `duration_over_time(S, 12s)`},
	{query: `first_over_time(S)`},
	{query: `geomean_over_time(S)`, newer: "an empty window gave something before 1.80"},
	{query: `histogram_over_time(S)`},
	{query: `hoeffding_bound_lower(0.9, S)`},
	{query: `hoeffding_bound_upper(0.9, S)`},
	{query: `holt_winters(S, 0.3, 0.6)`, newer: "an empty window gave the value before it, before 1.80"},
	{query: `idelta(S)`},
	{query: `ideriv(S)`},
	{query: `increase(S)`},
	{query: `increase_prometheus(S)`},
	{query: `increase_pure(S)`, newer: "an empty window after a gap gave 0 before 1.87"},
	{query: `increases_over_time(S)`},
	{query: `integrate(S)`, newer: "the last step ends with the series since 1.130"},
	{query: `irate(S)`},
	{query: `lag(S)`},
	{query: `last_over_time(S)`},
	{query: `lifetime(S)`},
	{query: `mad_over_time(S)`, newer: "since 1.90"},
	{query: `max_over_time(S)`, promql: true},
	{query: `median_over_time(S)`},
	{query: `min_over_time(S)`, promql: true},
	{query: `mode_over_time(S)`},
	{query: `outlier_iqr_over_time(S)`, newer: "since 1.96"},
	{query: `predict_linear(S, 60)`},
	{query: `present_over_time(S)`, promql: true},
	{query: `quantile_over_time(0.8, S)`, promql: true},
	{query: `quantiles_over_time("phi", 0.1, 0.9, S)`},
	{query: `range_over_time(S)`},
	{query: `rate(S)`},
	{query: `rate_prometheus(S)`, newer: "since 1.120"},
	{query: `rate_over_sum(S)`, newer: "divides by the window since 1.83"},
	{query: `resets(S)`},
	{query: `rollup(S)`},
	{query: `rollup(S, "max")`, newer: "since 1.86"},
	{query: `rollup_candlestick(S)`},
	{query: `rollup_delta(S)`},
	{query: `rollup_deriv(S)`},
	{query: `rollup_increase(S)`},
	{query: `rollup_rate(S)`},
	{query: `rollup_scrape_interval(S)`},
	{query: `scrape_interval(S)`},
	{query: `share_eq_over_time(S, 3)`, newer: "since 1.107"},
	{query: `share_gt_over_time(S, 3)`},
	{query: `share_le_over_time(S, 3)`},
	{query: `stale_samples_over_time(S)`},
	{query: `stddev_over_time(S)`, promql: true},
	{query: `stdvar_over_time(S)`, promql: true},
	{query: `sum_eq_over_time(S, 3)`, newer: "since 1.105"},
	{query: `sum_gt_over_time(S, 3)`, newer: "since 1.105"},
	{query: `sum_le_over_time(S, 3)`, newer: "since 1.105"},
	{query: `sum_over_time(S)`, promql: true},
	{query: `sum2_over_time(S)`, newer: "an empty window gave something before 1.80"},
	{query: `tfirst_over_time(S)`},
	{query: `timestamp(S)`},
	{query: `timestamp_with_name(S)`},
	{query: `tlast_change_over_time(S)`},
	{query: `tlast_over_time(S)`},
	{query: `tmax_over_time(S)`},
	{query: `tmin_over_time(S)`},
	{query: `zscore_over_time(S)`},
}

// agreesWithPrometheus lists the series of which Prometheus sees the same
// samples: no markers, no NaN, no infinities, nothing irregular at the edges.
var agreesWithPrometheus = []string{`g{host="a"}`, `c_total{host="b"}`, `level`, `constant`, `negative`, `irregular`, `gaps`, `big`, `small`}

// rest are the questions about everything else.
var rest = []question{
	// Selectors.
	{query: `g`, promql: true},
	{query: `g{host!="a"}`, promql: true},
	{query: `g{host=~"a|b"}`, promql: true},
	{query: `g{host!~"a|b"}`, promql: true},
	{query: `g{host=~".*", env="prod"}`, promql: true},
	{query: `{__name__=~"g|h", host="a"}`},
	{query: `{__name__="g"}`, promql: true},
	{query: `g{nothing=""}`, promql: true},
	{query: `g{host=""}`, promql: true},
	{query: `g{host="a" or env="test"}`, newer: "since 1.94"},
	{query: `ends`}, {query: `gaps`}, {query: `once`}, {query: `twice`}, {query: `slow`}, {query: `hollow`}, {query: `wild`},
	// Windows, offsets, @, subqueries.
	{query: `sum_over_time(g[2i])`},
	{query: `sum_over_time(g[1.5m])`},
	{query: `sum_over_time(g[90])`},
	{query: `sum_over_time(g[1h5m])`, promql: true},
	{query: `g offset 5m`, promql: true},
	{query: `g offset -5m`, promql: true},
	{query: `g offset 2i`},
	{query: `sum(g) offset 5m`},
	{query: `rate(c_total[5m] offset 10m)`},
	{query: `g @ end()`},
	{query: `sum_over_time(g[5m] @ start())`},
	{query: `sum(g) @ end()`},
	{query: `g @ (end() - 10m)`},
	{query: `max_over_time(g[5m:30s])`},
	{query: `max_over_time(rate(c_total[1m])[10m:1m])`},
	{query: `max_over_time((g + h)[10m:1m])`},
	{query: `avg_over_time(sum(g)[10m:])`},
	{query: `delta(sum(g))`},
	{query: `rate(sum(c_total))`},
	{query: `max_over_time(g[5m:30s] offset 3m)`},
	{query: `quantile_over_time(0.5, (g > 50)[10m:20s])`},
	{query: `avg_over_time(avg_over_time(g[5m])[20m:2m])`},
	{query: `increase(ends[15m])`}, {query: `rate(gaps[10m])`}, {query: `changes(late_total[20m])`},
	{query: `count_over_time(g[5m] offset 2h)`},
	// Arithmetic, comparisons, sets.
	{query: `g + 1`, promql: true}, {query: `1 + g`, promql: true}, {query: `-g`, promql: true},
	{query: `g - h`, promql: true}, {query: `g * h`, promql: true}, {query: `g / h`, promql: true},
	{query: `g % 7`, promql: true}, {query: `g ^ 2`, promql: true}, {query: `2 ^ 3 ^ 2`, promql: true}, {query: `g atan2 h`, promql: true},
	{query: `1 + 2 * 3 - 4 / 5 % 6`, promql: true}, {query: `10 % 3 ^ 2`, promql: true}, {query: `1 / 0`}, {query: `0 / 0`}, {query: `(-1) ^ 0.5`},
	{query: `g == 42`, promql: true}, {query: `level == 2`, promql: true}, {query: `level != 2`, promql: true},
	{query: `level > 1`, promql: true}, {query: `level >= 1`, promql: true}, {query: `level < 1`, promql: true}, {query: `level <= 1`, promql: true},
	{query: `level > bool 1`, promql: true}, {query: `1 < level`, promql: true}, {query: `2 >= bool level`, promql: true}, {query: `1 > bool 2`, promql: true},
	{query: `g > h`, promql: true}, {query: `g > bool h`, promql: true},
	{query: `level == (1, 3)`, newer: "since 1.82"}, {query: `level != (1, 3)`, newer: "since 1.82"},
	{query: `g and g{host="a"}`, promql: true}, {query: `g and (g > 50)`, promql: true}, {query: `g and on(host) h{env="prod"}`, promql: true},
	{query: `g or h`, promql: true}, {query: `g{host="a"} or h`, promql: true}, {query: `g or on(host) h`, promql: true},
	{query: `g unless g{host="a"}`, promql: true}, {query: `g unless on(env) h{env="prod"}`, promql: true}, {query: `g unless ignoring(host) g{host="a"}`, promql: true},
	{query: `(g > 50) default 0`}, {query: `(g > 50) default h`}, {query: `nothing default 3`}, {query: `nothing default g`}, {query: `gaps default -1`},
	{query: `g if (h > 5)`}, {query: `g if on(env) h{env="prod"}`}, {query: `g ifnot (h > 5)`}, {query: `g if 1`}, {query: `g ifnot nothing`},
	{query: `g + on(host) h`, promql: true}, {query: `g + ignoring(env) h`, promql: true},
	{query: `g * on(host) group_left(version) info`, promql: true}, {query: `info * on(host) group_right(version) g`, promql: true},
	{query: `g * on(host) group_left() info`, promql: true}, {query: `g * on(host) group_left(*) info`, newer: "since 1.88"},
	{query: `g * on(host) group_left(*) prefix "x_" info`, newer: "since 1.93"},
	{query: `g * on(env) group_left() sum(h) by (env)`, promql: true},
	{query: `g / on(env) group_left() sum(g) by (env)`, promql: true},
	{query: `g + on(env) h`, promql: true}, {query: `g * on(env) group_left() h`, promql: true}, // both refused
	{query: `(g * 2) keep_metric_names`, newer: "of operators since 1.89"}, {query: `rate(c_total[5m]) keep_metric_names`}, {query: `abs(g) keep_metric_names`},
	{query: `nothing + g`, promql: true}, {query: `g + nothing`, promql: true}, {query: `g + (g > 1000000)`, promql: true},
	{query: `g == g`, promql: true}, {query: `g != g`, promql: true}, {query: `time() > g`, promql: true}, {query: `g < time()`, promql: true},
	{query: `(g > 50) > (g > 60)`, newer: "a gap on the right was a NaN to compare with before 1.140"},
	{query: `(g > 1e9) + 1`}, {query: `sum(g > 1e9)`}, {query: `(g > 1e9) or h`, newer: "the right side took the name of the left before 1.98"},
	// Numbers and durations.
	{query: `1Ki + 2K + 1M`}, {query: `1_000 + 1`, newer: "since 1.94"}, {query: `5m + 1`}, {query: `sum_over_time(g[5m]) / 5m`}, {query: `0x1f + 1e3 + .5`},
	{query: `Inf`, promql: true}, {query: `-Inf`, promql: true}, {query: `NaN`},
	// Functions without arguments.
	{query: `time()`, promql: true}, {query: `pi()`, promql: true}, {query: `start()`}, {query: `end()`}, {query: `step()`},
	{query: `timezone_offset("Europe/Berlin")`, newer: "the zone of the present, not of each time, before 1.86"},
	{query: `rand(3)`}, {query: `rand_normal(3)`}, {query: `rand_exponential(3)`},
	{query: `hour()`, promql: true}, {query: `minute()`, promql: true}, {query: `day_of_week()`, promql: true},
	// Templates.
	{query: `WITH (x = g{host="a"}) x + x`}, {query: `WITH (f(q, n) = q * n) f(g, 2)`}, {query: `WITH (cf = {env="prod"}) sum(g{cf}) by (host)`},
	{query: `alias(g{host="a"}, "renamed")`}, {query: `ru(h, g)`}, {query: `ttf(g)`}, {query: `range_median(g)`},
	{query: `union(g{host="a"}, h{host="b"})`}, {query: `(g{host="a"}, g)`}, {query: `(1, 2)`, newer: "numbers stay side by side since 1.82"}, {query: `union()`},
	{query: `scalar(g{host="a"})`, promql: true}, {query: `scalar(g)`, promql: true}, {query: `scalar(nothing) default 5`}, {query: `vector(3)`, promql: true}, {query: `scalar("3.5")`},
	{query: `absent(nothing)`, promql: true}, {query: `absent(g)`, promql: true}, {query: `absent(nothing{host="a"})`, promql: true}, {query: `absent(gaps)`}, {query: `absent_over_time(nothing{k="v"}[5m])`, promql: true},
	{query: `drop_empty_series(g > 1e9) default 3`, newer: "since 1.113"},
	// Labels.
	{query: `label_set(g, "a", "b", "env", "")`}, {query: `label_set(g, "__name__", "x")`}, {query: `label_del(g, "env")`}, {query: `label_keep(g, "host")`}, {query: `label_keep(g, "__name__", "host")`},
	{query: `label_copy(g, "host", "h2")`}, {query: `label_copy(g, "none", "host")`}, {query: `label_move(g, "host", "h2")`}, {query: `label_map(g, "host", "a", "one", "b", "two")`},
	{query: `label_uppercase(g, "env")`}, {query: `label_lowercase(label_uppercase(g, "env"), "env")`}, {query: `label_join(g, "x", "-", "env", "host")`, promql: true},
	{query: `label_replace(g, "x", "$1-y", "host", "(.*)")`, promql: true}, {query: `label_replace(g, "x", "y", "host", "z")`, promql: true, newer: "set an empty label before 1.80"}, {query: `label_replace(g, "host", "", "env", ".*")`, newer: "two series get the same labels: refused by both, in other words"},
	{query: `label_transform(g, "env", "o", "0")`}, {query: `label_value(info, "version")`}, {query: `label_match(g, "host", "a|b")`}, {query: `label_mismatch(g, "host", "a|b")`},
	{query: `labels_equal(label_set(g, "x", "a"), "x", "host")`, newer: "since 1.91"}, {query: `drop_common_labels(g{env="prod"})`, newer: "since 1.79.12"}, {query: `label_graphite_group(label_set(g, "__name__", "a.b.c"), 0, 2)`},
	{query: `sort_by_label(g, "host")`}, {query: `sort_by_label_desc(g, "env", "host")`}, {query: `sort_by_label_numeric(info, "version")`, newer: "since 1.80"}, {query: `sort_by_label_numeric_desc(info, "version")`, newer: "since 1.80"},
	{query: `sort(g)`, promql: true}, {query: `sort_desc(g)`, promql: true}, {query: `limit_offset(2, 1, sort_by_label(g, "host"))`},
	// Histograms.
	{query: `histogram_quantile(0.9, rate(lat_bucket[5m]))`}, {query: `histogram_quantile(0.5, sum(rate(lat_bucket[5m])) by (le))`}, {query: `histogram_quantile(0.9, lat_bucket)`, promql: true},
	{query: `histogram_quantile(0.9, lat_bucket, "bound")`}, {query: `histogram_quantile(2, lat_bucket)`, promql: true}, {query: `histogram_quantile(-1, lat_bucket)`, promql: true},
	{query: `histogram_quantile(0.9, lat_bucket{le!="+Inf"})`}, {query: `histogram_quantile(0.9, vl_bucket)`}, {query: `histogram_quantile(0.9, sum(increase(vl_bucket[5m])) by (vmrange))`},
	{query: `histogram_quantiles("phi", 0.1, 0.9, lat_bucket)`}, {query: `histogram_share(1.5, lat_bucket)`}, {query: `histogram_share(1.5, lat_bucket, "bound")`}, {query: `histogram_share(1, vl_bucket)`},
	{query: `histogram_fraction(0.2, 1.5, lat_bucket)`, newer: "since 1.122"}, {query: `histogram_avg(lat_bucket)`}, {query: `histogram_stddev(vl_bucket)`}, {query: `histogram_stdvar(lat_bucket)`},
	{query: `prometheus_buckets(vl_bucket)`}, {query: `buckets_limit(3, lat_bucket)`, newer: "empty buckets at the ends go first since 1.140"}, {query: `buckets_limit(10, vl_bucket)`},
	{query: `prometheus_buckets(sum(histogram_over_time(g[10m])) by (vmrange))`}, {query: `histogram_quantile(0.5, sum(histogram_over_time(g[10m])) by (vmrange))`},
}

// of single values, of whole rows, and aggregates, each asked about several
// series.
var (
	perValue = strings.Fields(`abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sqrt tan tanh
		`)
	perTime = strings.Fields(`day_of_month day_of_week days_in_month hour minute month year`)
	perRow  = strings.Fields(`interpolate keep_last_value keep_next_value remove_resets running_avg running_max running_min running_sum
		range_avg range_first range_last range_max range_min range_sum`)
	aggregates = strings.Fields(`any avg count distinct geomean group max median min mode stddev stdvar sum sum2`)
	// newerRows and newerAggregates are not known to Debian's version, or not yet
	// as documented.
	withNumber = []string{`clamp(S, 2, 30)`, `clamp_max(S, 30)`, `clamp_min(S, 2)`, `round(S)`, `round(S, 0.5)`, `round(S, 10)`, `bitmap_and(S, 6)`, `bitmap_or(S, 6)`, `bitmap_xor(S, 6)`,
		`range_quantile(0.3, S)`, `smooth_exponential(S, 0.3)`}
	newerRows       = []string{`day_of_year(S)`, `range_linear_regression(S)`, `range_normalize(S)`, `range_stddev(S)`, `range_stdvar(S)`, `range_mad(S)`, `range_zscore(S)`, `range_trim_outliers(2, S)`, `range_trim_spikes(0.1, S)`, `range_trim_zscore(2, S)`}
	withParameter   = []string{`topk(2, S)`, `bottomk(2, S)`, `topk_avg(2, S)`, `topk_max(2, S, "host=other")`, `topk_min(2, S)`, `topk_median(2, S)`, `topk_last(1, S, "host=rest")`, `bottomk_avg(2, S)`, `bottomk_max(2, S, "host=other")`, `bottomk_min(2, S)`, `bottomk_median(2, S)`, `bottomk_last(2, S)`, `quantile(0.7, S)`, `quantiles("phi", 0.2, 0.7, S)`, `count_values("v", round(S))`, `histogram(S)`, `outliersk(2, S)`, `zscore(S)`}
	newerAggregates = []string{`mad(S)`, `share(S)`, `outliers_mad(1, S)`, `outliers_iqr(S)`}
)

// adapting are the functions that widen a window that is not named; ofCounters
// those that take a fall for a reset; estimating
// those that depend on the interval of the series.
var (
	adapting   = strings.Fields(`default_rollup deriv deriv_fast ideriv irate rate rate_over_sum rollup rollup_candlestick rollup_deriv rollup_rate rollup_scrape_interval scrape_interval timestamp`)
	estimating = append(strings.Fields(`ascent_over_time changes decreases_over_time delta descent_over_time holt_winters idelta increase increases_over_time lag lifetime
		mode_over_time resets rollup_delta rollup_increase tlast_change_over_time zscore_over_time`), adapting...)
	ofCounters = strings.Fields(`increase increase_prometheus increase_pure irate rate rollup_increase rollup_rate aggr_over_time`)
)

// table is every question of the table.
func table() []question {
	var all []question
	for _, r := range rollups {
		for _, s := range selectors {
			for _, window := range []string{"[5m]", "[37s]", "[1i]", ""} {
				q := r
				fn, _, _ := strings.Cut(q.query, "(")
				q.query = strings.ReplaceAll(q.query, "S", s+window)
				q.promql = q.promql && window == "[5m]" && contains(agreesWithPrometheus, s)
				switch {
				case q.newer != "":
				case contains(adapting, fn) && (window == "[37s]" || window == "[1i]"):
					q.newer = "a window that is named is not widened since 1.85"
				case s == "irregular" && contains(estimating, fn):
					q.newer = "the interval of a series is estimated by interpolation since 1.90"
				case s == "gaps" && contains(estimating, fn):
					q.rangeOnly = true
				case contains(ofCounters, fn) && (s == "negative" || s == "wild"):
					q.newer = "a value that falls below zero is a reset since 1.97"
				}
				all = append(all, q)
			}
		}
	}
	sets := []string{`g`, `g{host="a"}`, `gaps`, `negative / 10`, `wild`, `nothing`, `(level > 1)`, `ends`}
	for _, s := range sets {
		hollow := contains([]string{`gaps`, `wild`, `(level > 1)`, `ends`}, s)
		for _, fn := range append(perValue, perRow...) {
			q := question{query: fn + "(" + s + ")"}
			switch {
			case hollow && fn == "sgn":
				q.newer = "deliberate: sgn of nothing is nothing, not 0"
			case hollow && (fn == "interpolate" || strings.HasPrefix(fn, "range_")):
				q.newer = "gaps at the ends are treated as documented since 1.81"
			case fn == "remove_resets" && s == "negative / 10":
				q.newer = "a value that falls below zero is a reset since 1.97"
			}
			all = append(all, q)
		}
		for _, fn := range perTime {
			if s != "wild" { // infinity is no time
				all = append(all, question{query: fn + "(" + s + ")"})
			}
		}
		for _, fn := range withNumber {
			q := question{query: strings.ReplaceAll(fn, "S", s)}
			if hollow && (strings.HasPrefix(fn, "bitmap") || strings.HasPrefix(fn, "range_")) {
				q.newer = "gaps are treated as documented since 1.81"
			}
			all = append(all, q)
		}
		for _, fn := range newerRows {
			all = append(all, question{query: strings.ReplaceAll(fn, "S", s), newer: "since 1.80 or later"})
		}
	}
	for _, s := range []string{`g`, `{__name__=~"g|h"}`, `g, h`, `g > 40`, `nothing`, `rate(c_total[5m])`, `gaps`, `wild`} {
		for _, by := range []string{``, ` by (env)`, ` by (env, host)`, ` without (host)`, ` by (nothing)`, ` by (__name__)`} {
			for _, fn := range aggregates {
				if fn != "any" || by == " by (env, host)" && s == "g" { // which one is not specified
					all = append(all, question{query: fn + "(" + s + ")" + by, promql: contains([]string{"avg", "count", "group", "max", "min", "stddev", "stdvar", "sum"}, fn) && !strings.ContainsAny(s, ",[~") && s != "gaps" && s != "wild"})
				}
			}
			for _, fn := range append(withParameter, newerAggregates...) {
				if !strings.Contains(s, ",") {
					newer := ""
					switch {
					case contains(newerAggregates, fn):
						newer = "since 1.89"
					case fn == `zscore(S)`:
						newer = "keeps the name of the metric since 1.89"
					case (s == `g > 40` || s == `gaps` || s == `wild`) && (strings.HasPrefix(fn, "bottomk") || strings.HasPrefix(fn, "outliersk")):
						newer = "gaps are ranked last since 1.83"
					}
					all = append(all, question{query: strings.ReplaceAll(fn, "S", s) + by, newer: newer})
				}
			}
		}
	}
	all = append(all, question{query: `count(limitk(2, g))`}, question{query: `count(limitk(1, g) by (env))`}, question{query: `count(sum(g) by (host) limit 2)`})
	return append(all, rest...)
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
