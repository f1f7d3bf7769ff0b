package metricsql

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A histogram is rows that differ in the label le, the upper bound of a bucket
// that counts all values up to it (Prometheus), or in vmrange, the bounds of a
// bucket that counts the values between them (VictoriaMetrics).

// bucket is one bucket of a cumulative histogram.
type bucket struct {
	bound float64
	row   row
}

// histogram is the buckets that share all other labels, by ascending bound.
type histogram struct {
	base    row // the labels that they share
	buckets []bucket
}

// histograms groups the buckets among rows, of either kind, and merges those of
// equal bounds. Rows that are no bucket are left out.
func histograms(rows []row) []histogram {
	groups := bucketsBy(cumulativeBuckets(rows), func(name string) bool { return name != "le" && name != nameLabel })
	for g := range groups {
		h := &groups[g]
		h.base.name = ""
		h.base.set("le", "")
		merged := h.buckets[:1]
		for _, b := range h.buckets[1:] {
			if last := merged[len(merged)-1]; last.bound == b.bound {
				for i, v := range b.row.values {
					last.row.values[i] += v
				}
				continue
			}
			merged = append(merged, b)
		}
		h.buckets = merged
	}
	return groups
}

// bucketsBy groups rows with a bound by the labels that keep accepts.
func bucketsBy(rows []row, keep func(string) bool) []histogram {
	index := map[string]int{}
	var groups []histogram
	for _, r := range rows {
		bound, err := strconv.ParseFloat(r.label("le"), 64)
		if err != nil {
			continue
		}
		key := r.key(keep)
		g, ok := index[key]
		if !ok {
			g = len(groups)
			index[key] = g
			groups = append(groups, histogram{base: r})
		}
		groups[g].buckets = append(groups[g].buckets, bucket{bound, r})
	}
	for _, g := range groups {
		slices.SortStableFunc(g.buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	}
	return groups
}

// cumulativeBuckets turns buckets with vmrange into buckets with le, and keeps
// those that have le.
func cumulativeBuckets(rows []row) []row {
	type ranged struct {
		from, to  string
		low, high float64
		row       row
	}
	var out []row
	var order []string
	groups := map[string][]ranged{}
	for _, r := range rows {
		text := r.label("vmrange")
		if text == "" {
			if r.label("le") != "" {
				out = append(out, r)
			}
			continue
		}
		from, to, found := strings.Cut(text, "...")
		low, err1 := strconv.ParseFloat(from, 64)
		high, err2 := strconv.ParseFloat(to, 64)
		if !found || err1 != nil || err2 != nil {
			continue
		}
		r.set("vmrange", "")
		r.set("le", "")
		key := r.key(anyLabel)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], ranged{from: from, to: to, low: low, high: high, row: r})
	}
	for _, key := range order {
		group := groups[key]
		slices.SortStableFunc(group, func(a, b ranged) int { return cmp.Compare(a.high, b.high) })
		var made []row
		at := map[string]int{} // of the bucket with a bound
		bound := func(text string, values []float64) {
			r := group[0].row
			r.set("le", text)
			r.values = values
			at[text] = len(made)
			made = append(made, r)
		}
		n := len(group[0].row.values)
		last := 0.0
		for _, b := range group {
			if !slices.ContainsFunc(b.row.values, func(v float64) bool { return v > 0 }) {
				continue
			}
			if _, have := at[b.from]; b.low != last && !have { // nothing lies between the buckets
				bound(b.from, make([]float64, n))
			}
			if i, have := at[b.to]; have {
				mergeApart(made[i].values, b.row.values)
			} else {
				bound(b.to, b.row.values)
			}
			last = b.high
		}
		if len(made) == 0 {
			continue
		}
		if !math.IsInf(last, 1) {
			bound("+Inf", make([]float64, n))
		}
		for i := range n {
			total := 0.0
			for _, r := range made {
				if v := r.values[i]; v > 0 {
					total += v
				}
				r.values[i] = total
			}
		}
		out = append(out, made...)
	}
	return out
}

// mergeApart fills into with the values of from, unless they overlap in more
// than two places, as they may where one series ends and the next begins. It
// reports whether it did. Two rows of one or two values are never merged.
func mergeApart(into, from []float64) bool {
	overlap := 0
	for i, v := range from {
		if !math.IsNaN(v) && !math.IsNaN(into[i]) {
			overlap++
		}
	}
	if overlap > 2 || len(into) <= 2 {
		return false
	}
	for i, v := range from {
		if !math.IsNaN(v) {
			into[i] = v
		}
	}
	return true
}

// mend makes the counts at i rise with the bounds, as they would if they had
// been read at once.
func (h *histogram) mend(i int) {
	if len(h.buckets) < 2 {
		return
	}
	before := 0.0
	for j := range h.buckets {
		v := &h.buckets[j].row.values[i]
		if math.IsNaN(*v) || j > 0 && *v < before {
			*v = before
		}
		before = *v
	}
}

// total is the number of all values at i.
func (h *histogram) total(i int) float64 { return h.buckets[len(h.buckets)-1].row.values[i] }

// quantile is where a share phi of the values lies below, interpolated within
// its bucket, and the bounds of that bucket. The counts at i must be mended.
func (h *histogram) quantile(i int, phi float64) (q, lower, upper float64) {
	total := h.total(i)
	switch {
	case math.IsNaN(phi), total == 0, math.IsNaN(total):
		return math.NaN(), math.NaN(), math.NaN()
	case phi < 0:
		return math.Inf(-1), math.Inf(-1), h.buckets[0].row.values[i]
	case phi > 1:
		return math.Inf(1), total, math.Inf(1)
	}
	rank, below, bound := total*phi, 0.0, 0.0
	for _, b := range h.buckets {
		v := b.row.values[i]
		if v <= 0 {
			bound = b.bound
			continue
		}
		if v < rank {
			below, bound = v, b.bound
			continue
		}
		if math.IsInf(b.bound, 0) {
			break
		}
		if v == below {
			return bound, bound, v
		}
		return bound + (b.bound-bound)*(rank-below)/(v-below), bound, b.bound
	}
	for j := len(h.buckets) - 1; j >= 0; j-- {
		if last := h.buckets[j].bound; !math.IsInf(last, 0) {
			return last, last, math.Inf(1)
		}
	}
	return math.NaN(), math.NaN(), math.Inf(1)
}

// share is the share of the values below x, interpolated within its bucket, and
// the shares below and up to that bucket. The counts at i must be mended.
func (h *histogram) share(i int, x float64) (s, lower, upper float64) {
	switch {
	case math.IsNaN(x):
		return math.NaN(), math.NaN(), math.NaN()
	case x < 0:
		return 0, 0, 0
	case math.IsInf(x, 1):
		return 1, 1, 1
	}
	total, below, bound := h.total(i), 0.0, 0.0
	for _, b := range h.buckets {
		v := b.row.values[i]
		if x >= b.bound {
			below, bound = v, b.bound
			continue
		}
		lower = below / total
		switch {
		case math.IsInf(b.bound, 1):
			return lower, lower, 1
		case bound == x:
			return lower, lower, lower
		}
		return lower + (v-below)/total*(x-bound)/(b.bound-bound), lower, v / total
	}
	return 1, 1, 1
}

// moments are the mean and variance, with each bucket's values in its middle.
func (h *histogram) moments(i int) (avg, variance float64) {
	var below, bound, weight, total, squares float64
	for _, b := range h.buckets {
		if math.IsInf(b.bound, 0) {
			continue
		}
		v := b.row.values[i]
		n, middle := v-below, (b.bound+bound)/2
		weight, total, squares = weight+n, total+n*middle, squares+n*middle*middle
		below, bound = v, b.bound
	}
	if weight == 0 {
		return math.NaN(), math.NaN()
	}
	avg = total / weight
	variance = squares/weight - avg*avg
	if variance < 0 { // rounding
		variance = 0
	}
	return avg, variance
}

// judged makes a row per histogram of a value and, when label is not empty, of
// its lower and upper bound.
func (c *call) judged(rows []row, label string, fn func(h *histogram, i int) (v, lower, upper float64)) []row {
	var out []row
	for _, h := range histograms(rows) {
		value, low, high := h.base, h.base, h.base
		value.values, low.values, high.values = c.ev.blank(0), c.ev.blank(0), c.ev.blank(0)
		for i := range value.values {
			h.mend(i)
			value.values[i], low.values[i], high.values[i] = fn(&h, i)
		}
		out = append(out, value)
		if label != "" {
			low.set(label, "lower")
			high.set(label, "upper")
			out = append(out, low, high)
		}
	}
	return out
}

// boundsLabel reads the optional third argument of histogram functions.
func (c *call) boundsLabel() (string, error) {
	if len(c.args) < 3 {
		return "", nil
	}
	return c.text(2)
}

func histogramQuantile(c *call) ([]row, error) { return histogramBy(c, (*histogram).quantile) }

func histogramShare(c *call) ([]row, error) { return histogramBy(c, (*histogram).share) }

// histogramBy evaluates a function of a number and a histogram, and perhaps the
// name of a label for the bounds of its answer.
func histogramBy(c *call, judge func(h *histogram, i int, by float64) (v, low, high float64)) ([]row, error) {
	if err := c.takes(2, 3); err != nil {
		return nil, err
	}
	by, err := c.scalar(0)
	if err != nil {
		return nil, err
	}
	label, err := c.boundsLabel()
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(1)
	if err != nil {
		return nil, err
	}
	return c.judged(rows, label, func(h *histogram, i int) (v, low, high float64) { return judge(h, i, by[i]) }), nil
}

func histogramQuantiles(c *call) ([]row, error) {
	if err := c.takes(3, -1); err != nil {
		return nil, err
	}
	label, err := c.text(0)
	if err != nil {
		return nil, err
	}
	n := len(c.args) - 1
	rows, err := c.rows(n)
	if err != nil {
		return nil, err
	}
	var out []row
	for a := 1; a < n; a++ {
		phi, err := c.scalar(a)
		if err != nil {
			return nil, err
		}
		copies := slices.Clone(rows)
		for i := range copies {
			copies[i].values = slices.Clone(copies[i].values)
		}
		for _, r := range c.judged(copies, "", func(h *histogram, i int) (float64, float64, float64) { return h.quantile(i, phi[i]) }) {
			r.set(label, strconv.FormatFloat(phi[0], 'g', -1, 64))
			out = append(out, r)
		}
	}
	return out, nil
}

// histogramFraction is the share of the values between two bounds.
func histogramFraction(c *call) ([]row, error) {
	if err := c.takes(3, 3); err != nil {
		return nil, err
	}
	low, err := c.scalar(0)
	if err != nil {
		return nil, err
	}
	high, err := c.scalar(1)
	if err != nil {
		return nil, err
	}
	if low[0] >= high[0] {
		return nil, c.fail("the lower bound %v must be below the upper bound %v", low[0], high[0])
	}
	rows, err := c.rows(2)
	if err != nil {
		return nil, err
	}
	return c.judged(rows, "", func(h *histogram, i int) (float64, float64, float64) {
		below, _, _ := h.share(i, low[i])
		upTo, _, _ := h.share(i, high[i])
		return upTo - below, 0, 0
	}), nil
}

func histogramMoments(c *call) ([]row, error) {
	rows, err := c.only()
	if err != nil {
		return nil, err
	}
	var out []row
	for _, h := range histograms(rows) {
		r := h.base
		r.values = c.ev.blank(0)
		for i := range r.values {
			avg, variance := h.moments(i)
			switch c.name {
			case "histogram_avg":
				r.values[i] = avg
			case "histogram_stddev":
				r.values[i] = math.Sqrt(variance)
			default:
				r.values[i] = variance
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// bucketsLimit leaves out buckets until each histogram has no more than the
// limit: empty ones at its ends, then those whose neighbours hold the least.
func bucketsLimit(c *call) ([]row, error) {
	if err := c.takes(2, 2); err != nil {
		return nil, err
	}
	limit, err := c.whole(0)
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		return nil, c.fail("the limit must be above zero, found %d", limit)
	}
	limit = max(limit, 3) // the first and last bucket stay
	rows, err := c.rows(1)
	if err != nil {
		return nil, err
	}
	var out []row
	for _, h := range bucketsBy(cumulativeBuckets(rows), func(name string) bool { return name != "le" }) {
		for _, b := range fewer(h.buckets, limit) {
			out = append(out, b.row)
		}
	}
	return out, nil
}

// fewer chooses limit of the buckets, which are sorted.
func fewer(buckets []bucket, limit int) []bucket {
	if len(buckets) <= limit {
		return buckets
	}
	hits := make([]float64, len(buckets))
	for i := range buckets[0].row.values {
		below := 0.0
		for j, b := range buckets {
			hits[j] += b.row.values[i] - below
			below = b.row.values[i]
		}
	}
	none := func(n float64) bool { return math.Abs(n) < 1e-9 }
	for len(buckets) > limit && none(hits[len(hits)-1]) {
		buckets, hits = buckets[:len(buckets)-1], hits[:len(hits)-1]
	}
	for len(buckets) > limit && none(hits[0]) {
		buckets, hits = buckets[1:], hits[1:]
	}
	for len(buckets) > limit {
		least := 1
		for j := 1; j < len(hits)-2; j++ {
			if hits[j]+hits[j+1] < hits[least]+hits[least+1] {
				least = j
			}
		}
		hits[least+1] += hits[least]
		buckets, hits = slices.Delete(buckets, least, least+1), slices.Delete(hits, least, least+1)
	}
	return buckets
}
