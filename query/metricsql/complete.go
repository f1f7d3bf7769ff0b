package metricsql

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
)

// functionNames lists the functions, for suggestions and completion.
var functionNames = strings.Fields(`
	absent_over_time aggr_over_time ascent_over_time avg_over_time changes changes_prometheus count_eq_over_time count_gt_over_time
	count_le_over_time count_ne_over_time count_over_time count_values_over_time decreases_over_time default_rollup delta delta_prometheus
	deriv deriv_fast descent_over_time distinct_over_time duration_over_time first_over_time geomean_over_time histogram_over_time
	hoeffding_bound_lower hoeffding_bound_upper holt_winters idelta ideriv increase increase_prometheus increase_pure increases_over_time
	integrate irate lag last_over_time lifetime mad_over_time max_over_time median_over_time min_over_time mode_over_time
	outlier_iqr_over_time predict_linear present_over_time quantile_over_time quantiles_over_time range_over_time rate rate_prometheus
	rate_over_sum resets rollup rollup_candlestick rollup_delta rollup_deriv rollup_increase rollup_rate rollup_scrape_interval
	scrape_interval share_gt_over_time share_le_over_time share_eq_over_time stale_samples_over_time stddev_over_time stdvar_over_time
	sum_eq_over_time sum_gt_over_time sum_le_over_time sum_over_time sum2_over_time tfirst_over_time timestamp timestamp_with_name
	tlast_change_over_time tlast_over_time tmax_over_time tmin_over_time zscore_over_time
	abs absent acos acosh asin asinh atan atanh bitmap_and bitmap_or bitmap_xor buckets_limit ceil clamp clamp_max clamp_min cos cosh
	day_of_month day_of_week day_of_year days_in_month deg drop_common_labels drop_empty_series end exp floor histogram_avg
	histogram_fraction histogram_quantile histogram_quantiles histogram_share histogram_stddev histogram_stdvar hour interpolate
	keep_last_value keep_next_value label_copy label_del label_graphite_group label_join label_keep label_lowercase label_map label_match
	label_mismatch label_move label_replace label_set label_transform label_uppercase label_value labels_equal limit_offset ln log2 log10
	minute month now pi prometheus_buckets rad rand rand_exponential rand_normal range_avg range_first range_last range_linear_regression
	range_mad range_max range_median range_min range_normalize range_quantile range_stddev range_stdvar range_sum range_trim_outliers
	range_trim_spikes range_trim_zscore range_zscore remove_resets round ru running_avg running_max running_min running_sum scalar sgn sin
	sinh smooth_exponential sort sort_by_label sort_by_label_desc sort_by_label_numeric sort_by_label_numeric_desc sort_desc sqrt start step
	tan tanh time timezone_offset ttf union vector year alias
	any avg bottomk bottomk_avg bottomk_max bottomk_median bottomk_last bottomk_min count count_values distinct geomean group histogram
	limitk mad max median min mode outliers_iqr outliers_mad outliersk quantile quantiles share stddev stdvar sum sum2 topk topk_avg
	topk_max topk_median topk_last topk_min zscore`)

var keywords = strings.Fields(`by without on ignoring group_left group_right offset bool and or unless if ifnot default limit keep_metric_names`)

// Complete suggests how text may go on at a cursor (an offset in bytes), from the
// metrics and labels with samples in [from, to] (ms). The text need not be a query
// yet.
func Complete(ctx context.Context, db *store.DB, text string, cursor int, from, to int64) ([]query.Suggestion, error) {
	before := text[:max(0, min(cursor, len(text), maxText))]
	word := before[strings.LastIndexAny(before, " \t\r\n,(){}[]\"'=~!+-*/%^<>@")+1:]
	at := len(before) - len(word)
	list := func(kind string, texts []string) []query.Suggestion {
		out := make([]query.Suggestion, len(texts))
		for i, t := range texts {
			out[i] = query.Suggestion{Text: t, Kind: kind, From: at}
		}
		return out
	}
	if open := strings.LastIndexAny(before, "{}"); open >= 0 && before[open] == '{' {
		filter := store.Filter{}
		if name := before[strings.LastIndexAny(before[:open], " \t\r\n,()+-*/%^<>=[]")+1 : open]; name != "" {
			filter = nameFilter(name)
		}
		if strings.Count(before[open:], `"`)%2 == 1 { // inside of a value
			quote := strings.LastIndexByte(before, '"')
			label := strings.TrimRight(before[:quote], " =~!")
			label = label[strings.LastIndexAny(label, " \t{,")+1:]
			at = quote + 1
			values, err := valuesOf(ctx, db, label, filter, from, to)
			return query.Rank(before[at:], list("value", values)), err
		}
		keys, err := db.TagKeys(ctx, filter, from, to)
		found := query.Rank(word, list("key", keys))
		if !strings.HasPrefix(text[len(before):], "=") {
			for i := range found {
				found[i].Insert, found[i].Caret = found[i].Text+`=""`, len(found[i].Text)+2
			}
		}
		return found, err
	}
	if groupingLabels.MatchString(before) {
		keys, err := db.TagKeys(ctx, store.Filter{}, from, to)
		return query.Rank(word, list("key", keys)), err
	}
	names, err := db.Metrics(ctx, from, to)
	if err != nil {
		return nil, err
	}
	metrics := make([]query.Suggestion, len(names))
	for i, name := range names {
		alias := strings.ReplaceAll(name, ".", "_") // which finds it, and needs no escape
		metrics[i] = query.Suggestion{Text: alias, Kind: "metric", Note: name, From: at}
	}
	metrics = slices.CompactFunc(metrics, func(a, b query.Suggestion) bool { return a.Text == b.Text })
	found := query.Rank(word, slices.Concat(metrics, list("function", functionNames), list("keyword", keywords)))
	for i := range found {
		switch s := &found[i]; {
		case s.Kind == "metric":
			m, _ := db.Catalog().Metric(s.Note)
			s.Note = strings.Trim(m.Type+" · "+m.Unit, " ·")
		case s.Kind == "function" && !strings.HasPrefix(text[len(before):], "("):
			*s = s.Called()
		}
	}
	return found, nil
}

// groupingLabels matches a text that ends in a list of labels not yet closed.
var groupingLabels = regexp.MustCompile(`(?i)\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$`)

func valuesOf(ctx context.Context, db *store.DB, label string, filter store.Filter, from, to int64) ([]string, error) {
	if label == nameLabel {
		return db.Metrics(ctx, from, to)
	}
	return db.TagValues(ctx, label, filter, from, to)
}
