package anomaly

import (
	"errors"
	"fmt"
	"math"
)

// Method names a way to forecast.
type Method string

// Linear goes on as the history's trend went; Seasonal repeats the last seasons
// and their growth.
const (
	Linear   Method = "linear"
	Seasonal Method = "seasonal"
)

// Model says how much of the history Linear believes.
type Model string

// Simple believes all of it, Default its last half, Reactive its last tenth.
const (
	Simple   Model = "simple"
	Default  Model = "default"
	Reactive Model = "reactive"
)

// ForecastOptions are those of Forecast. Zero fields take the defaults.
type ForecastOptions struct {
	Method     Method  // Linear
	Model      Model   // of Linear: Default
	Season     Season  // of Seasonal: Weekly
	Deviations float64 // half the interval's width; 0: 2
}

func (o ForecastOptions) withDefaults() ForecastOptions {
	if o.Method == "" {
		o.Method = Linear
	}
	if o.Model == "" {
		o.Model = Default
	}
	if o.Season == "" {
		o.Season = Weekly
	}
	if o.Deviations == 0 {
		o.Deviations = 2
	}
	return o
}

// Validate says which option is not allowed, and what is.
func (o ForecastOptions) Validate() error {
	o = o.withDefaults()
	if err := oneOf("method", o.Method, []Method{Linear, Seasonal}); err != nil {
		return err
	}
	if err := oneOf("model", o.Model, []Model{Default, Simple, Reactive}); err != nil {
		return err
	}
	if err := oneOf("seasonality", o.Season, Seasons); err != nil {
		return err
	}
	if !(o.Deviations >= 0) || math.IsInf(o.Deviations, 0) {
		return fmt.Errorf("deviations: want a number above 0, found %v", o.Deviations)
	}
	return nil
}

// History is how much of the past (ms) a forecast of that far ahead looks at.
func (o ForecastOptions) History(horizon int64) int64 {
	o = o.withDefaults()
	if o.Method == Seasonal {
		return forecastSeasons * o.Season.period()
	}
	return max(horizon, day)
}

// Forecast is what is expected of the points after a series.
type Forecast struct {
	Start, Step          int64 // ms; of the first point
	Lower, Middle, Upper []float64

	Level  float64   // at the last point of the history
	Slope  float64   // of Linear: per second
	Growth float64   // of Seasonal: per season
	Levels []float64 // of Seasonal: each season's
	Sigma  float64   // of what the fit left over
	Points int       // present values that it stands on
}

// Errors of a history that is too short.
var (
	ErrShort   = errors.New("a forecast needs at least 10 points of history")
	ErrSeasons = errors.New("a seasonal forecast needs two whole seasons of history")
)

const (
	forecastSeasons = 6
	forecastLeast   = 10
	forecastMost    = 400 // points that a line is fitted to; more are thinned
)

// Predict forecasts the n points after the series. Errors are of options, and
// ErrShort and ErrSeasons.
func Predict(s Series, n int, o ForecastOptions) (*Forecast, error) {
	o = o.withDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Method == Seasonal {
		return s.seasonalForecast(n, int(o.Season.period()/s.Step), o)
	}
	return s.linearForecast(n, o)
}

func (s Series) newForecast(n int) *Forecast {
	return &Forecast{
		Start: s.Start + int64(len(s.Values))*s.Step, Step: s.Step,
		Lower: make([]float64, n), Middle: make([]float64, n), Upper: make([]float64, n),
	}
}

func (f *Forecast) set(i int, middle, width float64) {
	f.Lower[i], f.Middle[i], f.Upper[i] = middle-width, middle, middle+width
}

// linearForecast fits a line with Theil and Sen's estimator, which up to 29 %
// of outliers cannot move far. Its interval is the usual one of a regression's
// prediction: wider the farther from the middle of the history.
func (s Series) linearForecast(n int, o ForecastOptions) (*Forecast, error) {
	var at, values []float64
	for i, v := range s.Values {
		if present(v) {
			at, values = append(at, float64(int64(i)*s.Step)/1000), append(values, v)
		}
	}
	keep := len(values)
	switch o.Model {
	case Default:
		keep = keep / 2
	case Reactive:
		keep = keep / 10
	}
	keep = min(max(keep, forecastLeast), len(values))
	if keep < 3 {
		return nil, ErrShort
	}
	at, values = at[len(at)-keep:], values[len(values)-keep:]
	last := at[len(at)-1]
	for i := range at {
		at[i] -= last
	}
	f := s.newForecast(n)
	f.Points = len(values)
	at, values = thin(at, values)
	f.Level, f.Slope = theilSen(at, values)

	left := make([]float64, len(values))
	for i, v := range values {
		left[i] = v - f.Level - f.Slope*at[i]
	}
	f.Sigma = scaledMAD(left) + 1e-9
	mean, spread := 0.0, 0.0
	for _, t := range at {
		mean += t / float64(len(at))
	}
	for _, t := range at {
		spread += (t - mean) * (t - mean)
	}
	ahead := float64(int64(len(s.Values))*s.Step)/1000 - last // of the first point
	for i := range n {
		t := ahead + float64(int64(i)*s.Step)/1000
		f.set(i, f.Level+f.Slope*t, o.Deviations*f.Sigma*math.Sqrt(1+1/float64(len(at))+(t-mean)*(t-mean)/spread))
	}
	return f, nil
}

// scaledMAD is the median absolute deviation as a normal distribution's
// standard deviation. It reorders values.
func scaledMAD(values []float64) float64 {
	middle := selectMedian(values)
	for i, v := range values {
		values[i] = math.Abs(v - middle)
	}
	return 1.4826 * selectMedian(values)
}

// thin replaces more points than forecastMost by the medians of as many runs.
func thin(at, values []float64) (_, _ []float64) {
	n := len(values)
	if n <= forecastMost {
		return at, values
	}
	outAt, outValues := make([]float64, forecastMost), make([]float64, forecastMost)
	for i := range forecastMost {
		from, to := i*n/forecastMost, (i+1)*n/forecastMost
		outAt[i] = selectMedian(append([]float64(nil), at[from:to]...))
		outValues[i] = selectMedian(append([]float64(nil), values[from:to]...))
	}
	return outAt, outValues
}

// theilSen is the line whose slope is the median of the slopes of all pairs:
// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau",
// 1968.
func theilSen(at, values []float64) (level, slope float64) {
	slopes := make([]float64, 0, len(at)*(len(at)-1)/2)
	for i := range at {
		for j := i + 1; j < len(at); j++ {
			slopes = append(slopes, (values[j]-values[i])/(at[j]-at[i]))
		}
	}
	slope = selectMedian(slopes)
	levels := make([]float64, len(at))
	for i, v := range values {
		levels[i] = v - slope*at[i]
	}
	return selectMedian(levels), slope
}

// seasonalForecast repeats the profile of the last seasons around a level that
// goes on growing as it did from season to season.
func (s Series) seasonalForecast(n, period int, o ForecastOptions) (*Forecast, error) {
	if period < 1 {
		return nil, fmt.Errorf("seasonality: the interval is longer than a season of %s", o.Season)
	}
	values := s.Values
	for len(values) > 0 && !present(values[0]) {
		values = values[1:]
	}
	seasons := min(forecastSeasons, len(values)/period)
	if seasons < 2 {
		return nil, ErrSeasons
	}
	values = values[len(values)-seasons*period:]
	f := s.newForecast(n)
	season := func(j int) []float64 { return values[j*period : (j+1)*period] }
	var at, levels []float64 // of the seasons with values
	f.Levels = make([]float64, seasons)
	buffer := make([]float64, 0, max(period, seasons))
	for j := range seasons {
		buffer = buffer[:0]
		for _, v := range season(j) {
			if present(v) {
				buffer = append(buffer, v)
			}
		}
		f.Points += len(buffer)
		f.Levels[j] = math.NaN()
		if len(buffer) > 0 {
			f.Levels[j] = selectMedian(buffer)
			at, levels = append(at, float64(j)), append(levels, f.Levels[j])
		}
	}
	if len(levels) < 2 {
		return nil, ErrSeasons
	}
	_, f.Growth = theilSen(at, levels)
	f.Level = levels[len(levels)-1]

	profile := make([]float64, period)
	left := make([]float64, 0, len(values))
	for p := range period {
		buffer = buffer[:0]
		for j := range seasons {
			if v := season(j)[p]; present(v) {
				buffer = append(buffer, v-f.Levels[j])
			}
		}
		profile[p] = math.NaN()
		if len(buffer) == 0 {
			continue
		}
		profile[p] = selectMedian(buffer)
		for _, v := range buffer {
			left = append(left, math.Abs(v-profile[p]))
		}
	}
	f.Sigma = 1.4826*selectMedian(left) + 1e-9
	for i := range n {
		ahead := float64(i / period)
		f.set(i, f.Level+f.Growth*(1+ahead)+profile[i%period], o.Deviations*f.Sigma*math.Sqrt(1+ahead))
	}
	return f, nil
}

// Reaches gives the first moment (ms) at which values meet a threshold, from
// below or (down) from above. Values are one of the forecast's three lines.
func (f *Forecast) Reaches(values []float64, threshold float64, down bool) (at int64, ok bool) {
	for i, v := range values {
		if !down && v >= threshold || down && v <= threshold {
			return f.Start + int64(i)*f.Step, true
		}
	}
	return 0, false
}
