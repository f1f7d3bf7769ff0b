package anomaly

import (
	"fmt"
	"math"
)

// Calibrated scores how unusual each point of a series is by the series' own
// measure: a score of s is "seen about once in 10^s points". It draws no band;
// it ranks, so that the most unusual of many series can be shown first.
//
// Five channels look at a point: how far it is from two moving averages, from
// its time of the day or week, how far the level of the last hours is from that
// of the last days, and how new the shape of the last few points is. Each
// channel learns what is normal for it from its own histogram, and beyond the
// histogram's last half percent from a Pareto tail. The most surprised channel
// decides. Long series have had more chances to be surprised by accident, and
// are discounted for it; a point outside all that was ever seen counts more; an
// onset is reported once, until its memory has faded.
type Calibrated struct {
	n          int64
	fast, slow ewma
	recent     ewma // the level of the last hours
	past       ewma // and of the last days
	daily      profile
	weekly     profile
	errors     [3]float64 // of no season, the daily and the weekly one
	low, high  float64
	shape      shape
	channels   [channels]twoTails
	onset      float64 // the score last reported, fading
}

// Channel is what was surprised.
type Channel uint8

// The channels.
const (
	FromFastAverage Channel = iota
	FromSlowAverage
	FromSeason
	OfLevel
	OfShape
	channels
)

// weights of the channels' surprise.
var channelWeights = [channels]float64{FromFastAverage: 0.8, FromSlowAverage: 1, FromSeason: 1, OfLevel: 1.1, OfShape: 1}

// Score is a point's unusualness.
type Score struct {
	Surprise float64 // seen about once in 10^Surprise points; 0: nothing of note
	Onset    float64 // the same where it is the beginning of something, 0 otherwise
	Channel  Channel
	Record   bool // outside of all that was ever seen
}

// AlarmScore is the onset from which on a point is worth telling: seen about
// once in 2,500 points.
const AlarmScore = 3.4

// What was found best on the public half of NAB, one threshold for all groups
// and each group left out in turn; see docs/anomaly.md.
const (
	recentSpan, pastSpan = 100, 2000
	fastSpan, slowSpan   = 288, 1000
	errorSpan            = 300
	seasonMargin         = 0.9 // a season must predict so much better to be used
	surpriseHalfLife     = 3000
	surpriseQuantile     = 0.995
	onsetFades           = 350 // points
	recordMargin         = 0.05
	recordBonus          = 0.5
	budgetFrom           = 4_000 // points from which on a long life is discounted
	budgetTo             = 20_000
	warmUp               = 10

	pseudoTail = 60.0 // points that the prior of a tail's exponent weighs
	levelAlpha = 6.0  // the prior exponents
	shapeAlpha = 4.0
)

// NewCalibrated returns a scorer that has seen nothing.
func NewCalibrated() *Calibrated {
	c := &Calibrated{
		fast: newEWMA(fastSpan), slow: newEWMA(slowSpan), recent: newEWMA(recentSpan), past: newEWMA(pastSpan),
		daily: newProfile(day, 96), weekly: newProfile(week, 672), low: math.Inf(1), high: math.Inf(-1),
	}
	c.shape.weight = 1
	for i := range c.channels {
		c.channels[i] = twoTails{newTail(surpriseHalfLife, surpriseQuantile), newTail(surpriseHalfLife, surpriseQuantile)}
	}
	return c
}

// Push scores the value x at t (ms) and learns it. NaN scores nothing.
func (c *Calibrated) Push(t int64, x float64) Score {
	if !present(x) {
		return Score{}
	}
	daily, haveDaily := c.daily.at(t)
	weekly, haveWeekly := c.weekly.at(t)
	s := Score{}
	if c.n >= warmUp {
		c.hear(&s, FromFastAverage, (x-c.fast.mean)/c.fast.deviation(), levelAlpha)
		c.hear(&s, FromSlowAverage, (x-c.slow.mean)/c.slow.deviation(), levelAlpha)
		expected, err := c.expect(x, daily, haveDaily, weekly, haveWeekly)
		c.hear(&s, FromSeason, (x-expected)/(1.25*err+floorOf(c.fast.mean)), levelAlpha)
		c.hear(&s, OfLevel, (c.recent.mean-c.past.mean)/c.past.deviation(), levelAlpha)
	}
	if c.n > 0 {
		if novelty, ok := c.shape.push((x - c.slow.mean) / c.slow.deviation()); ok {
			c.hear(&s, OfShape, novelty, shapeAlpha)
		}
	}
	if span := c.high - c.low; c.n > warmUp && (x > c.high+recordMargin*span || x < c.low-recordMargin*span) {
		s.Record = true
		s.Surprise += recordBonus * (1 + min(max(x-c.high, c.low-x)/(span+floorOf(x)), 2))
	}
	c.low, c.high = min(c.low, x), max(c.high, x)
	c.fast.learn(x)
	c.slow.learn(x)
	c.recent.learn(x)
	c.past.learn(x)
	c.daily.learn(x)
	c.weekly.learn(x)
	c.n++

	if n := min(float64(c.n), budgetTo); n > budgetFrom {
		s.Surprise = max(0, s.Surprise-math.Log10(n/budgetFrom))
	}
	c.onset -= c.onset / onsetFades
	if s.Surprise > c.onset {
		c.onset = s.Surprise
		s.Onset = s.Surprise
	}
	return s
}

// hear takes the surprise of a channel into the score.
func (c *Calibrated) hear(s *Score, ch Channel, z, alpha float64) {
	if surprise := channelWeights[ch] * c.channels[ch].surprise(z, alpha); surprise > s.Surprise {
		s.Surprise, s.Channel = surprise, ch
	}
}

// expect chooses between the level, the daily and the weekly season: the one
// that predicted best so far. err is its mean absolute error.
func (c *Calibrated) expect(x, daily float64, haveDaily bool, weekly float64, haveWeekly bool) (expected, err float64) {
	expected, err = c.fast.mean, c.errors[0]
	if haveDaily && c.errors[1] < seasonMargin*err {
		expected, err = daily, c.errors[1]
	}
	if haveWeekly && c.errors[2] > 0 && c.errors[2] < seasonMargin*err {
		expected, err = weekly, c.errors[2]
	}
	learn := func(i int, e float64) {
		if c.errors[i] == 0 {
			c.errors[i] = e
		} else {
			c.errors[i] += 2.0 / (errorSpan + 1) * (e - c.errors[i])
		}
	}
	learn(0, math.Abs(x-c.fast.mean))
	if haveDaily {
		learn(1, math.Abs(x-daily))
	}
	if haveWeekly {
		learn(2, math.Abs(x-weekly))
	}
	return expected, err
}

// twoTails are a channel's histograms, one for each sign.
type twoTails struct{ above, below tail }

// surprise is -log10 of the probability of a z so far out on its side, as
// learnt from those before; 0 inside the quantile. alpha is the exponent that a
// tail has until its own points tell.
func (t *twoTails) surprise(z, alpha float64) float64 {
	own, other := &t.above, &t.below
	if z < 0 {
		own, other = other, own
	}
	size, out := math.Abs(z), 0.0
	if own.total > 0 && size > own.edge {
		n, logs := own.beyondQuantile()
		alpha = (n + pseudoTail) / (logs + pseudoTail/alpha)
		p := max(own.beyond/(own.total+other.total), own.share/2)
		out = -math.Log10(p) + alpha*math.Log10(size/own.edge)
	}
	own.add(size)
	other.age()
	return out
}

// profile is what each quarter of an hour of a period usually is: an
// exponentially weighted mean over the periods.
type profile struct {
	period  int64
	means   []float32 // NaN: not known yet
	current int       // bucket; -1: none yet
	sum     float64
	n       int64
}

// profileLearns is the weight of a new period.
const profileLearns = 0.1

func newProfile(period int64, buckets int) profile {
	p := profile{period: period, means: make([]float32, buckets), current: -1}
	for i := range p.means {
		p.means[i] = float32(math.NaN())
	}
	return p
}

// at is what is usual at t.
func (p *profile) at(t int64) (usual float64, known bool) {
	b := int(mod(t, p.period) * int64(len(p.means)) / p.period)
	if b != p.current {
		if p.n > 0 {
			mean, before := p.sum/float64(p.n), float64(p.means[p.current])
			if before == before {
				mean = before + profileLearns*(mean-before)
			}
			p.means[p.current] = float32(mean)
		}
		p.current, p.sum, p.n = b, 0, 0
	}
	usual = float64(p.means[b])
	return usual, usual == usual
}

func (p *profile) learn(x float64) {
	p.sum += x
	p.n++
}

// shape counts how often points like the last few have been seen. Several
// grids of different widths and offsets cut the space of (x, x two points ago,
// x four points ago, ...) into cells, which share counters by their hash.
type shape struct {
	seen   int64
	cells  [shapeDepth][shapeGrids]int32 // a ring: the cells of the last values on each grid
	counts [shapeGrids][shapeCells]float32
	total  float64
	weight float64
}

const (
	shapeGrids    = 10
	shapeCells    = 128
	shapePoints   = 5
	shapeLag      = 2
	shapeDepth    = (shapePoints-1)*shapeLag + 1
	shapeHalfLife = 8000
	shapeWarmUp   = 30
)

var shapeGrowth = math.Exp2(1.0 / shapeHalfLife)

// The grids: inverse widths, in deviations from 0.7 to 4, and offsets, spread
// evenly so that no two are alike.
var shapeGrid = func() (grids [shapeGrids]struct{ scale, offset float64 }) {
	for g := range grids {
		spread := func(step float64) float64 { return math.Mod(float64(g)*step, 1) }
		grids[g].scale = 1 / (0.7 * math.Pow(4/0.7, spread(0.6180339887)))
		grids[g].offset = spread(0.7548776662)
	}
	return grids
}()

// push gives how new the shape that ends with z is: the root of how many times
// rarer than average its cells are, by their geometric mean.
func (s *shape) push(z float64) (novelty float64, ok bool) {
	z = math.Copysign(math.Log1p(math.Abs(z)), z)
	now := int(s.seen % shapeDepth)
	for g, grid := range shapeGrid {
		s.cells[now][g] = int32(math.Floor(z*grid.scale + grid.offset))
	}
	if s.seen++; s.seen <= shapeWarmUp {
		return 0, false
	}
	rarer := 1.0
	for g := range shapeGrids {
		hash := uint64(g+1) * 0x9e3779b97f4a7c15
		for i, at := 0, now; i < shapePoints; i++ {
			hash = (hash ^ uint64(uint32(s.cells[at][g]))) * 0xff51afd7ed558ccd
			hash ^= hash >> 32
			if at -= shapeLag; at < 0 {
				at += shapeDepth
			}
		}
		count := &s.counts[g][hash%shapeCells]
		rarer *= (s.total + s.weight) / (float64(*count) + s.weight)
		*count += float32(s.weight)
	}
	s.total += s.weight
	if s.weight *= shapeGrowth; s.weight > tailMost {
		for g := range s.counts {
			for i := range s.counts[g] {
				s.counts[g][i] /= float32(s.weight)
			}
		}
		s.total, s.weight = s.total/s.weight, 1
	}
	return math.Pow(rarer, 0.5/shapeGrids), true
}

// Odds says how rare a surprise is, for people: "seen about once in 2,500
// points of this series".
func Odds(surprise float64) string {
	switch {
	case surprise <= 1:
		return "nothing unusual for this series"
	case surprise >= 6:
		return "seen less than once in a million points of this series"
	}
	n := math.Pow(10, surprise)
	unit := math.Pow(10, math.Floor(surprise)) / 2
	return fmt.Sprintf("seen about once in %s points of this series", thousands(int(math.Round(n/unit)*unit)))
}

// String says what the channel looks at.
func (c Channel) String() string {
	switch c {
	case FromFastAverage, FromSlowAverage:
		return "far from its usual level"
	case FromSeason:
		return "unusual for this time"
	case OfLevel:
		return "its level has changed"
	}
	return "moves in a new way"
}
