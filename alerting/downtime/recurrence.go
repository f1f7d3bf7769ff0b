package downtime

import (
	"strconv"
	"strings"
	"time"
)

// rule reads a v1 recurrence as the RRULE it stands for.
func (rec *Recurrence) rule() (*rule, error) {
	wrong := func(field, value, allowed string) error {
		return &FieldError{"recurrence." + field, clip(value), allowed}
	}
	if rec.Type == "rrule" {
		return parseRule("recurrence.rrule", rec.RRule)
	}
	r := &rule{interval: int64(rec.Period), count: rec.UntilOccurrences}
	switch rec.Type {
	case "days":
		r.freq = daily
	case "weeks":
		r.freq = weekly
	case "months":
		r.freq = monthly
	case "years":
		r.freq = yearly
	default:
		return nil, wrong("type", rec.Type, "days, weeks, months, years or rrule")
	}
	switch {
	case rec.RRule != "":
		return nil, wrong("rrule", rec.RRule, "nothing, unless type is rrule")
	case rec.Period < 1 || rec.Period > 1000:
		return nil, wrong("period", strconv.Itoa(rec.Period), "1 to 1000")
	case rec.UntilOccurrences < 0 || rec.UntilOccurrences > maxCount:
		return nil, wrong("until_occurrences", strconv.Itoa(rec.UntilOccurrences), "1 to "+strconv.Itoa(maxCount))
	case rec.UntilDate < 0 || rec.UntilDate > maxInput/1000:
		return nil, wrong("until_date", strconv.FormatInt(rec.UntilDate, 10), "seconds since the epoch, before 2200")
	case rec.UntilDate > 0 && rec.UntilOccurrences > 0:
		return nil, wrong("until_occurrences", strconv.Itoa(rec.UntilOccurrences), "until_date or until_occurrences, not both")
	case len(rec.WeekDays) > 0 && r.freq != weekly:
		return nil, wrong("week_days", strings.Join(rec.WeekDays, ","), "nothing, unless type is weeks")
	case len(rec.WeekDays) > 7:
		return nil, wrong("week_days", strings.Join(rec.WeekDays, ","), "each day once")
	}
	if rec.UntilDate > 0 {
		r.until, r.untilUTC = time.Unix(rec.UntilDate, 0), true
	}
	for _, name := range rec.WeekDays {
		d, ok := nthDay{}, false
		if len(name) >= 3 {
			d, ok = parseNthDay(strings.ToUpper(name[:2]))
		}
		if !ok || !strings.HasPrefix(strings.ToLower(time.Weekday((d.day+1)%7).String()), strings.ToLower(name)) {
			return nil, wrong("week_days", name, "Mon, Tue, Wed, Thu, Fri, Sat, Sun")
		}
		r.byDay = append(r.byDay, d)
	}
	return r, nil
}
