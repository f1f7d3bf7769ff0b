package query

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/anomaly"
)

// AnomalyOptions are the arguments of anomalies(q, algorithm, bounds, ...), as
// both languages write them.
type AnomalyOptions struct {
	anomaly.Options
	Interval int64   // ms; 0: the graph's
	Severe   float64 // of monitors: one point so many deviations off is an alert; 0: none is
}

// AnomalyOptionNames are the options that Set knows.
var AnomalyOptionNames = []string{
	"direction", "interval", "count_default_zero", "seasonality", "timezone", "min_change", "min_ratio", "min_seasons", "severe",
}

// ErrNoOption is an option that there is not.
var ErrNoOption = errors.New("there is no such option")

// Set reads an option.
func (o *AnomalyOptions) Set(name, text string) (err error) {
	switch name {
	case "algorithm":
		o.Algorithm = anomaly.Algorithm(text)
		return anomaly.Options{Algorithm: o.Algorithm}.Validate()
	case "bounds":
		o.Bounds, err = above0(name, text, 100)
	case "direction":
		o.Direction = anomaly.Direction(text)
		return anomaly.Options{Direction: o.Direction}.Validate()
	case "seasonality":
		o.Season = anomaly.Season(text)
		return anomaly.Options{Season: o.Season}.Validate()
	case "interval":
		o.Interval, err = intervalOf(text)
	case "count_default_zero":
		if text != "true" && text != "false" {
			return fmt.Errorf("count_default_zero: allowed are 'true' and 'false', found %q", text)
		}
		o.DefaultZero = text == "true"
	case "timezone":
		if o.Zone, err = time.LoadLocation(text); err != nil || text == "" || text == "Local" {
			return fmt.Errorf("timezone: want a name such as 'Europe/Berlin', found %q", text)
		}
	case "min_change":
		o.MinChange, err = above0(name, text, math.MaxFloat64)
	case "min_ratio":
		o.MinRatio, err = above0(name, text, math.MaxFloat64)
	case "severe":
		o.Severe, err = above0(name, text, 1000)
	case "min_seasons":
		if text != "2" && text != "3" {
			return fmt.Errorf("min_seasons: allowed are 2 and 3, found %q", text)
		}
		o.Early = text == "2"
	default:
		return ErrNoOption
	}
	return err
}

func intervalOf(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 86400 {
		return 0, fmt.Errorf("interval: want seconds, 1 to 86400, found %q", text)
	}
	return n * 1000, nil
}

// above0 reads a number above 0.
func above0(name, text string, most float64) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v <= most) {
		return 0, fmt.Errorf("%s: want a number above 0, such as 2, found %q", name, text)
	}
	return v, nil
}

// FinestSeasonal is the finest interval (ms) that seasonal algorithms work at
// where none is asked for: their history is weeks.
const FinestSeasonal = 60_000

// MostPast bounds the values that are read for history, over all rows.
const MostPast = 30_000_000

// notesMost bounds the sentences that come with a row.
const notesMost = 100

// Judge gives a row its band. The row's values begin at start (ms), which is
// o.Start(g.Start, g.Step) or later on g's grid, and are cut to g. to is until
// when (ms) there is data: the bucket that it lies in still fills, and is not
// judged. Warnings say what to know about the band.
func (o AnomalyOptions) Judge(row *Row, start int64, g Grid, to int64) (warnings []string, err error) {
	past := anomaly.Series{Start: start, Step: g.Step, Values: row.Values}
	band, err := anomaly.Judge(past, g.Start, o.Options)
	if err != nil {
		return nil, err
	}
	changes := anomaly.Changes(past)
	if o.DefaultZero {
		anomaly.ZeroFill(row.Values)
	}
	neverNegative := !slices.ContainsFunc(row.Values, func(v float64) bool { return v < 0 })
	row.Values = row.Values[len(row.Values)-len(band.Upper):]
	row.Band = BandOf(row.Values, band, o)
	for _, c := range changes {
		if c.At >= g.Start {
			row.Band.Changes = append(row.Band.Changes, Change(c))
		}
	}
	if last := len(band.Upper) - 1; last >= 0 && g.Start+int64(last+1)*g.Step > to {
		row.Band.Scores[last], row.Band.Anomalous[last] = math.NaN(), false
	}
	row.Band.Summary = band.Summary(row.Values, g.Step, o.Options)
	show := func(v float64) string { return ShowValue(v, row.Unit) }
	// From the newest: those are looked at.
	for i := len(row.Values) - 1; i >= 0 && len(row.Band.Notes) < notesMost; i-- {
		if band.Anomalous[i] {
			x := band.Explain(row.Values, i, g.Start+int64(i)*g.Step, g.Step, o.Options)
			row.Band.Notes = append(row.Band.Notes, Note{At: x.At, Text: x.Sentence(show)})
		}
	}
	if neverNegative && row.Band.clip() && o.Direction == anomaly.Below {
		warnings = append(warnings, "the band reaches down to 0, and a value below 0 never comes: nothing can be below it")
	}
	if o.Algorithm.Seasonal() && o.Algorithm != anomaly.Auto && len(band.Upper) > 0 && math.IsNaN(band.Upper[len(band.Upper)-1]) {
		warnings = append(warnings, fmt.Sprintf("'%s' has no band yet: it needs three seasons of history; 'basic' has one after 30 points, and 'auto' changes over by itself", o.Algorithm))
	}
	return warnings, nil
}

// BandOf is a band as rows have it.
func BandOf(values []float64, band anomaly.Band, o AnomalyOptions) *Band {
	return &Band{
		Lower: band.Lower, Middle: band.Middle, Upper: band.Upper, Anomalous: band.Anomalous,
		Points: band.Points, Scores: band.Scores(values, o.Options), Algorithm: string(band.Algorithm),
	}
}

// clip raises what is drawn to 0: what was never negative is not expected to be.
func (b *Band) clip() (clipped bool) {
	for i, v := range b.Lower {
		if v < 0 {
			b.Lower[i], clipped = 0, true
		}
	}
	return clipped
}

// ForecastOptions are the arguments of forecast(q, method, deviations, ...).
type ForecastOptions struct {
	anomaly.ForecastOptions
	Interval int64 // ms; 0: the graph's
	History  int64 // ms; 0: as much as the method wants
}

// ForecastOptionNames are the options that Set knows.
var ForecastOptionNames = []string{"interval", "history", "model", "seasonality"}

// Set reads an option.
func (o *ForecastOptions) Set(name, text string) (err error) {
	switch name {
	case "method":
		o.Method = anomaly.Method(text)
		return anomaly.ForecastOptions{Method: o.Method}.Validate()
	case "deviations":
		o.Deviations, err = above0(name, text, 100)
	case "interval": // Datadog writes '60m' as well as seconds
		if d, err := ParseLength(text); err == nil {
			o.Interval = d
			return nil
		}
		o.Interval, err = intervalOf(text)
	case "history":
		o.History, err = ParseLength(text)
	case "model":
		o.Model = anomaly.Model(text)
		return anomaly.ForecastOptions{Model: o.Model}.Validate()
	case "seasonality":
		o.Season = anomaly.Season(text)
		return anomaly.ForecastOptions{Season: o.Season}.Validate()
	default:
		return ErrNoOption
	}
	return err
}

// ParseLength reads "30m", "12h", "1w" or "3mo", in ms.
func ParseLength(text string) (int64, error) {
	for _, unit := range []struct {
		name string
		ms   int64
	}{{"mo", 30 * 86_400_000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}, {"w", 7 * 86_400_000}} {
		if amount, ok := strings.CutSuffix(text, unit.name); ok {
			n, err := strconv.ParseInt(amount, 10, 32)
			if err == nil && n > 0 && n*unit.ms <= 366*86_400_000 {
				return n * unit.ms, nil
			}
			break
		}
	}
	return 0, fmt.Errorf("want a length of time such as 1h, 1d, 1w or 3mo, up to a year, found %q", text)
}

// LookBack is how much of the past (ms) a forecast so far ahead is made from.
func (o ForecastOptions) LookBack(horizon int64) int64 {
	if o.History > 0 {
		return o.History
	}
	return o.ForecastOptions.History(horizon)
}

// Continue forecasts a row from its last value on over the rest of g. The row's
// values begin at start (ms), on g's grid, and are cut to g. A history that is
// too short is a warning.
func (o ForecastOptions) Continue(row *Row, start int64, g Grid) (warning string, err error) {
	values := row.Values
	last := len(values) - 1
	for last >= 0 && math.IsNaN(values[last]) {
		last--
	}
	row.Values = values[len(values)-g.Len():]
	from := max(last+1-(len(values)-g.Len()), 0)
	if o.History > 0 { // the history before the graph was asked for in full
		begin := max(0, last+1-int(o.History/g.Step))
		start += int64(begin) * g.Step
		values, last = values[begin:], last-begin
	}
	f, err := anomaly.Predict(anomaly.Series{Start: start, Step: g.Step, Values: values[:last+1]}, g.Len()-from, o.ForecastOptions)
	switch {
	case errors.Is(err, anomaly.ErrSeasons), errors.Is(err, anomaly.ErrShort):
		return err.Error(), nil
	case err != nil:
		return "", err
	}
	fill := func(ahead []float64) []float64 {
		line := make([]float64, from, g.Len())
		for i := range line {
			line[i] = math.NaN()
		}
		return append(line, ahead...)
	}
	row.Band = &Band{
		Forecast: true, Lower: fill(f.Lower), Middle: fill(f.Middle), Upper: fill(f.Upper), Anomalous: make([]bool, g.Len()),
		Summary: fmt.Sprintf("The band goes on for %s with %s, going by %d points: %v standard deviations on each side.",
			anomaly.Span(int64(len(f.Upper))*g.Step), o.Describe(f, row.Unit), f.Points, o.Deviations),
	}
	return "", nil
}

// Describe says what a forecast goes on with.
func (o ForecastOptions) Describe(f *anomaly.Forecast, unit string) string {
	if o.Method == anomaly.Seasonal {
		return fmt.Sprintf("the last seasons and their growth of %s a season", ShowValue(f.Growth, unit))
	}
	return fmt.Sprintf("the trend of %s a day", ShowValue(f.Slope*86400, unit))
}

// ParseOutliers reads the arguments of outliers(q, algorithm, tolerance,
// percent), of which the last two may be missing. at is the wrong one's place.
func ParseOutliers(args []string) (o anomaly.OutlierOptions, at int, err error) {
	o.Method = anomaly.OutlierMethod(args[0])
	if err := o.Validate(); err != nil {
		return o, 0, err
	}
	if len(args) > 1 {
		if o.Tolerance, err = above0("tolerance", args[1], 1000); err != nil {
			return o, 1, err
		}
	}
	if len(args) > 2 {
		if o.Percent, err = above0("percentage", args[2], 100); err != nil {
			return o, 2, err
		}
	}
	return o, 0, nil
}

// mostGroups bounds the groups that are compared, each with each.
const mostGroups = 1000

// MarkOutliers marks the rows that behave unlike the others.
func MarkOutliers(rows []Row, o anomaly.OutlierOptions) (warning string, err error) {
	if len(rows) > mostGroups {
		return "", &LimitError{"groups to compare", mostGroups}
	}
	groups := make([][]float64, len(rows))
	for i, row := range rows {
		groups[i] = row.Values
	}
	found, err := anomaly.FindOutliers(groups, o)
	if err != nil {
		return "", err
	}
	if found.Few {
		warning = fmt.Sprintf("outliers needs at least three groups with values most of the time: of these %d, none can be called one", len(groups))
	}
	for i := range rows {
		rows[i].Outlier = found.Outlier[i]
	}
	return warning, nil
}

// ShowValue writes a value for a sentence.
func ShowValue(v float64, unit string) string {
	prefixes := []struct {
		from float64
		name string
	}{{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e4, " k"}}
	text := strconv.FormatFloat(v, 'g', 4, 64)
	for _, p := range prefixes {
		if math.Abs(v) >= p.from {
			if p.name == " k" {
				v /= 1e3
			} else {
				v /= p.from
			}
			text = strconv.FormatFloat(v, 'g', 4, 64) + p.name
			break
		}
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}
