package downtime

import "time"

// Calendar is several schedules as one: whenever any of them is active. Windows
// that touch or overlap are one window.
type Calendar []*Schedule

// joins bounds the windows that are joined to one.
const joins = 1000

// Active returns the window that at lies in, as (*Schedule).Active does.
func (c Calendar) Active(at time.Time) (start, end time.Time, ok bool) {
	if len(c) == 1 {
		return c[0].Active(at)
	}
	if start, end, ok = c.active(at); !ok {
		return start, end, false
	}
	for range joins {
		earlier, _, more := c.active(start.Add(-time.Millisecond))
		if !more || !earlier.Before(start) {
			break
		}
		start = earlier
	}
	for range joins {
		if end.IsZero() {
			break
		}
		_, later, more := c.active(end)
		if !more {
			break
		}
		if end = later; later.IsZero() {
			break
		}
	}
	return start, end, true
}

// active is the earliest start and the latest end of the windows that hold at.
func (c Calendar) active(at time.Time) (start, end time.Time, ok bool) {
	for _, s := range c {
		from, to, active := s.Active(at)
		if !active {
			continue
		}
		if !ok || from.Before(start) {
			start = from
		}
		if !ok || to.IsZero() || !end.IsZero() && to.After(end) {
			end = to
		}
		ok = true
	}
	return start, end, ok
}

// Next returns the first window that starts after the instant given, as
// (*Schedule).Next does.
func (c Calendar) Next(after time.Time) (start, end time.Time, ok bool) {
	if len(c) == 1 {
		return c[0].Next(after)
	}
	if _, running, active := c.Active(after); active {
		if running.IsZero() {
			return time.Time{}, time.Time{}, false
		}
		after = running
	}
	for _, s := range c {
		if from, _, more := s.Next(after); more && (!ok || from.Before(start)) {
			start, ok = from, true
		}
	}
	if !ok {
		return start, end, false
	}
	_, end, _ = c.Active(start)
	return start, end, true
}

// Recurring says whether there is more than one window.
func (c Calendar) Recurring() bool { return len(c) > 1 || len(c) == 1 && c[0].Recurring() }

// Upcoming returns up to n windows that start after the instant given, at most
// 1000.
func (c Calendar) Upcoming(after time.Time, n int) []Window {
	var out []Window
	for len(out) < min(n, 1000) {
		start, end, ok := c.Next(after)
		if !ok {
			break
		}
		out = append(out, Window{start, end})
		after = start
	}
	return out
}
