package anomaly

import (
	"math"
	"slices"
	"time"
)

// seasonalParams define robust (level 0) and agile. Periods are ms, spans are
// points.
type seasonalParams struct {
	period  int64
	buckets int // of the period; a season's memory has one value for each
	keep    int // seasons remembered
	level   int // last residuals whose median is added to the middle; 0: none
	seasons int // needed before there is a band

	trendSpan, scaleSpan, phaseSpan float64

	phases      int   // of phasePeriod; each has a scale of its own
	phasePeriod int64 // ms
	widen       bool  // for heavy tails
}

// Residuals that a band needs, and that a phase's scale needs to count.
const (
	leastResiduals = 60
	leastPhase     = 30
)

// clipAt is how many deviations off a value may teach.
const clipAt = 5

// meanToSigma turns a normal distribution's mean absolute deviation into its
// standard deviation.
const meanToSigma = 1.2533

func (o Options) seasonal(step int64) seasonalParams {
	points := func(ms int64) float64 { return float64(max(ms/step, 10)) }
	p := seasonalParams{
		period: o.Season.period(), keep: 6, seasons: 3, widen: true,
		scaleSpan: points(2 * day), phaseSpan: 600, phases: 24, phasePeriod: day,
	}
	trend := 2 * day
	switch o.Season {
	case Hourly:
		p.buckets, p.phases, p.phasePeriod, trend = 60, 6, hour, 10*hour
	case Daily:
		p.buckets = 96
	default:
		p.buckets = 672
	}
	p.buckets = int(min(int64(p.buckets), max(p.period/step, 1)))
	if o.Algorithm == Agile {
		trend *= 7
		if o.Season != Hourly {
			trend = week
		}
		p.level = int(max(5, hour/step))
	}
	p.trendSpan = points(trend)
	if o.Early {
		p.seasons = 2
	}
	return p
}

// seasonal compares a value with the same time in the seasons before: the
// expected value is a slow trend, plus the median of what this time and its
// neighbours were off the trend in the last seasons, plus (agile) the median of
// what was left over lately. Its scale is half that of all residuals, half that
// of those at this hour.
type seasonal struct {
	seasonalParams
	bounds float64
	clock  wallClock

	first   int64 // time of the first present value
	last    int64 // time of the newest present value
	rings   []float32
	counts  []uint8 // values in each bucket's ring
	next    []uint8 // where each ring goes on
	current int     // bucket; -1: none yet
	sum     float64
	added   int

	season   float64 // of the current bucket
	hasValue bool    // the current bucket has a season

	n, residuals int64
	trend        float64
	scale        float64
	phase        []phaseScale
	recent       levels
	tail         tail
}

type phaseScale struct {
	scale float64
	n     int32
}

func newSeasonal(p seasonalParams, bounds float64, zone *time.Location) *seasonal {
	s := &seasonal{
		seasonalParams: p, bounds: bounds, clock: wallClock{zone: zone}, current: -1,
		rings: make([]float32, p.buckets*p.keep), counts: make([]uint8, p.buckets), next: make([]uint8, p.buckets),
		phase: make([]phaseScale, p.phases), recent: newLevels(p.level),
	}
	s.tail = newTail(tailHalfLife, widenQuantile)
	return s
}

// Heavy tails widen the band: where the 98 % quantile of what was seen, in
// deviations, is above the 2.5 that a little more than normal noise has.
const (
	tailHalfLife  = 10_000
	widenQuantile = 0.98
	widenFrom     = 2.5
	widenPower    = 0.8
	leastTail     = 200 // residuals before the quantile is believed
)

func (s *seasonal) push(t int64, x float64) Expectation {
	if present(x) {
		if s.n > 0 && t-s.last > s.period {
			s.restart()
		}
		if s.n == 0 {
			s.first = t
		}
	}
	local := s.clock.local(t)
	b := int(mod(local, s.period) * int64(s.buckets) / s.period)
	if b != s.current {
		s.closeBucket()
		s.current = b
		s.season, s.hasValue = s.lookBack(b)
	}
	e := nothing
	known := s.n > 0 && s.hasValue && t-s.first >= int64(s.seasons)*s.period
	ph := &s.phase[mod(local, s.phasePeriod)*int64(s.phases)/s.phasePeriod]
	base, deviation := 0.0, 0.0
	if known {
		base = s.trend + s.season + s.recent.median()
		deviation = s.scale
		if ph.n > leastPhase {
			deviation = 0.5*s.scale + 0.5*ph.scale
		}
		deviation = meanToSigma*deviation + floorOf(base)
		e.Middle, e.Points = base, int(s.n)
		if s.residuals >= leastResiduals {
			width := s.bounds * deviation
			if s.widen && s.residuals >= leastTail && s.tail.edge > widenFrom {
				width *= math.Pow(s.tail.edge/widenFrom, widenPower)
			}
			e.Lower, e.Upper = base-width, base+width
		}
	}
	if present(x) {
		s.last = t
		s.learn(x, known, base, deviation, ph)
	}
	return e
}

func (s *seasonal) learn(x float64, known bool, base, deviation float64, ph *phaseScale) {
	s.n++
	if s.n == 1 {
		s.trend = x
	}
	off := x - s.trend
	if known {
		size := math.Abs(x - base)
		if s.residuals >= leastResiduals {
			if s.widen {
				s.tail.add(size / deviation)
			}
			size = min(size, clipAt*deviation)
		}
		s.residuals++
		s.scale += max(2/(s.scaleSpan+1), 1/float64(s.residuals)) * (size - s.scale)
		ph.n++
		ph.scale += max(2/(s.phaseSpan+1), 1/float64(ph.n)) * (size - ph.scale)
		off -= s.season
		s.recent.add(off)
		if s.residuals > leastResiduals {
			off = max(-clipAt*deviation, min(clipAt*deviation, off))
		}
	}
	s.trend += max(2/(s.trendSpan+1), 1/float64(s.n)) * off
	s.sum += x - s.trend
	s.added++
}

// closeBucket keeps the mean of the bucket that is over.
func (s *seasonal) closeBucket() {
	if s.added == 0 {
		return
	}
	b := s.current
	s.rings[b*s.keep+int(s.next[b])] = float32(s.sum / float64(s.added))
	s.next[b] = uint8((int(s.next[b]) + 1) % s.keep)
	s.counts[b] = min(s.counts[b]+1, uint8(s.keep))
	s.sum, s.added = 0, 0
}

// lookBack is the median of what bucket b and its neighbours were in the last
// seasons.
func (s *seasonal) lookBack(b int) (season float64, ok bool) {
	var values [32]float64
	n := 0
	for _, at := range [3]int{(b + s.buckets - 1) % s.buckets, b, (b + 1) % s.buckets} {
		for _, v := range s.rings[at*s.keep : at*s.keep+int(s.counts[at])] {
			// By insertion: there are at most three rings of six.
			i := n
			for ; i > 0 && values[i-1] > float64(v); i-- {
				values[i] = values[i-1]
			}
			values[i] = float64(v)
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return quantile(values[:n], 0.5), true
}

// restart forgets everything, after a gap longer than a season.
func (s *seasonal) restart() {
	clear(s.counts)
	clear(s.next)
	clear(s.phase)
	s.recent.reset()
	s.tail.reset()
	s.current, s.hasValue = -1, false
	s.sum, s.added, s.n, s.residuals, s.trend, s.scale = 0, 0, 0, 0, 0, 0
}

// levels are the last values, with their median at hand.
type levels struct {
	values []float64 // a ring
	sorted []float64
	oldest int
}

func newLevels(n int) levels {
	return levels{values: make([]float64, 0, n), sorted: make([]float64, 0, n)}
}

func (l *levels) reset() { l.values, l.sorted, l.oldest = l.values[:0], l.sorted[:0], 0 }

func (l *levels) median() float64 {
	if len(l.sorted) == 0 {
		return 0
	}
	return quantile(l.sorted, 0.5)
}

func (l *levels) add(x float64) {
	switch {
	case cap(l.values) == 0:
		return
	case len(l.values) < cap(l.values):
		l.values = append(l.values, x)
		l.sorted = slices.Insert(l.sorted, rank(l.sorted, x), x)
		return
	}
	old := l.values[l.oldest]
	l.values[l.oldest] = x
	l.oldest = (l.oldest + 1) % len(l.values)
	exchange(l.sorted, old, x)
}

// wallClock gives local times, and looks a zone's rules up only when they change.
type wallClock struct {
	zone        *time.Location
	from, until int64 // ms between which offset holds
	offset      int64
}

func (w *wallClock) local(t int64) int64 {
	if w.zone == time.UTC {
		return t
	}
	if t < w.from || t >= w.until {
		at := time.UnixMilli(t).In(w.zone)
		_, seconds := at.Zone()
		w.offset = int64(seconds) * 1000
		start, end := at.ZoneBounds()
		w.from, w.until = math.MinInt64, math.MaxInt64
		if !start.IsZero() {
			w.from = start.UnixMilli()
		}
		if !end.IsZero() {
			w.until = end.UnixMilli()
		}
	}
	return t + w.offset
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 {
	if r := a % b; r >= 0 {
		return r
	} else {
		return r + b
	}
}
