package anomaly

import "math"

// Change is a moment from which on a series has another level.
type Change struct {
	At            int64   // ms
	Before, After float64 // medians of the values on the two sides
}

// What a change is: the short average off the long one by so many deviations,
// for so many points; its place is looked for so many points back.
const (
	changeShort, changeLong = 60, 3000
	changeBeyond            = 4
	changeStays             = 30
	changeLooksBack         = 60
)

// Changes finds where the level of a series changed and stayed. They are marks
// for the eye, found after the fact, and not a reason to wake somebody.
func Changes(s Series) []Change {
	var out []Change
	short, long := newEWMA(changeShort), newEWMA(changeLong)
	beyond, at, told := 0, make([]int, 0, len(s.Values)), false
	for i, x := range s.Values {
		if !present(x) {
			continue
		}
		at = append(at, i)
		if short.n >= changeShort {
			if math.Abs(short.mean-long.mean) > changeBeyond*long.deviation() {
				beyond++
			} else {
				beyond, told = 0, false
			}
			if beyond >= changeStays && !told {
				told = true
				out = append(out, s.place(at))
			}
		}
		short.learn(x)
		// The long average looks at the past alone for as long as the level is
		// in doubt, and takes the new one over at once when it is not. What is
		// far off must not widen the measure that it is held against.
		if beyond == 0 {
			limit := math.Inf(1)
			if long.n >= changeShort {
				limit = clipAt * long.deviation()
			}
			long.learn(max(long.mean-limit, min(long.mean+limit, x)))
		} else if told {
			long = ewma{alpha: long.alpha, mean: out[len(out)-1].After, variance: long.variance, n: long.n}
			short.mean = long.mean
			beyond, told = 0, false
		}
	}
	return out
}

// place finds where, among the last present points, the medians of the two
// sides differ most.
func (s Series) place(at []int) Change {
	side := changeLooksBack / 2
	begin := max(0, len(at)-2*changeLooksBack)
	recent := make([]float64, len(at)-begin)
	for i, j := range at[begin:] {
		recent[i] = s.Values[j]
	}
	best, change := -1.0, Change{}
	buffer := make([]float64, side)
	medianOf := func(from, to int) float64 {
		n := copy(buffer, recent[from:to])
		return selectMedian(buffer[:n])
	}
	for split := 5; split <= len(recent)-5; split++ {
		before, after := medianOf(max(0, split-side), split), medianOf(split, min(len(recent), split+side))
		if d := math.Abs(after - before); d > best {
			best = d
			change = Change{s.Start + int64(at[begin+split])*s.Step, before, after}
		}
	}
	return change
}
