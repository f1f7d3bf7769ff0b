package downtime

import (
	"strings"
	"time"
)

// wall is what a clock on the wall shows, as the seconds since the epoch that
// it would be if the zone were UTC. All calendar arithmetic is done on it, where
// every day has 24 hours.
type wall int64

func wallAt(day int64, sec int32) wall { return wall(day*86400 + int64(sec)) }

// day is the number of days since 1970-01-01 on the wall.
func (w wall) day() int64 { return floorDiv(int64(w), 86400) }

// wallOf is what the wall shows at t, whole seconds.
func wallOf(t time.Time, zone *time.Location) wall {
	sec := clamp(t.Unix())
	return wall(sec + offset(sec, zone))
}

// in returns the earliest instant at which the wall shows w or something later.
// It never decreases as w grows.
func (w wall) in(zone *time.Location) time.Time {
	from, to := int64(w)-farthest, int64(w)+farthest
	sec := from
	for _, p := range periods(from, to, zone) {
		if sec = max(p.from, int64(w)-p.offset); sec < p.to {
			break
		}
	}
	return time.Unix(sec, 0).In(zone)
}

// latestWall is the latest that the wall has shown up to and at t, which is
// more than it shows now if the clocks have just been put back: w.in(zone) <= t
// exactly when w <= latestWall(t).
func latestWall(t time.Time, zone *time.Location) wall {
	now := clamp(t.Unix())
	latest := now - farthest
	for _, p := range periods(now-farthest, now+1, zone) {
		latest = max(latest, p.to-1+p.offset)
	}
	return wall(latest)
}

// period is a time of one offset from UTC, from <= t < to, in seconds.
type period struct{ from, to, offset int64 }

// periods cuts [from, to), which is at most a few days, where the clocks
// change. It asks for the offset at single moments only: the bounds that
// time.Time.ZoneBounds returns for years past the end of the zone's table are
// those of the year when no change is near, and in a leap year not even those.
// Changes are weeks apart, so equal offsets on three days mean that there was
// none between.
func periods(from, to int64, zone *time.Location) []period {
	first, middle, last := offset(from, zone), offset((from+to)/2, zone), offset(to-1, zone)
	if first == middle && middle == last {
		return []period{{from, to, first}}
	}
	const step = 3 * 3600
	var out []period
	current := period{from: from, offset: first}
	for sec := from; sec < to-1; {
		next := min(sec+step, to-1)
		if offset(next, zone) != current.offset {
			before, after := sec, next
			for after-before > 1 {
				if mid := (before + after) / 2; offset(mid, zone) == current.offset {
					before = mid
				} else {
					after = mid
				}
			}
			current.to = after
			out = append(out, current)
			current = period{from: after, offset: offset(after, zone)}
			next = after
		}
		sec = next
	}
	current.to = to
	return append(out, current)
}

// offset is the seconds by which the zone's clocks are ahead of UTC at sec.
func offset(sec int64, zone *time.Location) int64 {
	_, ahead := time.Unix(sec, 0).In(zone).Zone()
	return int64(ahead)
}

// farthest is longer than any offset from UTC and any change of the clocks, in
// seconds.
const farthest = 30 * 3600

// clamp keeps a time from the year 1900 to 2300, seconds since the epoch.
func clamp(sec int64) int64 { return min(max(sec, -2208988800), lastWall) }

func loadZone(name string) (*time.Location, error) {
	wrong := &FieldError{"timezone", clip(name), `a name of the IANA time zone database, such as "Europe/Berlin", or "UTC"`}
	// "Local" and "localtime" are whatever this machine is set to; "right/..."
	// counts leap seconds, which our clocks don't.
	if name == "Local" || name == "localtime" || strings.HasPrefix(name, "right/") || len(name) > 64 {
		return nil, wrong
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, wrong
	}
	return zone, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
