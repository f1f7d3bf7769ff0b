package downtime

import (
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// parseCron reads a cron expression. The parser gives sets of minutes, hours
// and so on; walking over days is done here, since days must be walked backward
// too, and since the parser's own Next looks at zones.
func parseCron(text string) (pattern, error) {
	wrong := func(why string) error {
		return &FieldError{"cron", clip(text), `minute, hour, day of month, month, day of week, such as "0 19 * * MON-FRI", or @daily (` + why + ")"}
	}
	spec := strings.TrimSpace(text)
	switch {
	case len(spec) > maxText:
		return nil, wrong("this has more than 4096 bytes")
	case strings.Contains(spec, "TZ="):
		return nil, wrong("the zone has its own field, timezone")
	case strings.HasPrefix(strings.ToLower(spec), "@every"):
		return nil, wrong("@every has no place on the clock")
	}
	if fields := strings.Fields(spec); len(fields) == 5 {
		fields[4] = sundayIsZero(fields[4])
		spec = strings.Join(fields, " ")
	}
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(spec)
	if err != nil {
		return nil, wrong(err.Error())
	}
	set, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, wrong("this has no place on the clock")
	}
	var starts []int32
	for hour := range int32(24) {
		for minute := range int32(60) {
			if set.Hour&(1<<hour) != 0 && set.Minute&(1<<minute) != 0 {
				starts = append(starts, hour*3600+minute*60)
			}
		}
	}
	scan := func(day int64) []int32 {
		if cronDay(set, time.Unix(day*86400, 0).UTC()) {
			return starts
		}
		return nil
	}
	return func() func(int64) []int32 { return scan }, nil
}

// cronDay says whether the expression chooses the day. As cron has always had
// it, a day of month and a day of week that are both restricted are joined by
// or.
func cronDay(set *cron.SpecSchedule, date time.Time) bool {
	const star = 1 << 63 // the parser's mark for a field that says nothing
	if set.Month&(1<<uint(date.Month())) == 0 {
		return false
	}
	dom := set.Dom&(1<<uint(date.Day())) != 0
	dow := set.Dow&(1<<uint(date.Weekday())) != 0
	if set.Dom&star != 0 || set.Dow&star != 0 {
		return dom && dow
	}
	return dom || dow
}

// sundayIsZero rewrites a day-of-week field in which Sunday is 7, which cron
// allows and the parser doesn't.
func sundayIsZero(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		days, step, stepped := strings.Cut(part, "/")
		from, to, ranged := strings.Cut(days, "-")
		switch {
		case from == "7" && !ranged && !stepped:
			parts[i] = "0"
		case ranged && to == "7":
			n, err := strconv.Atoi(from)
			every := 1
			if stepped {
				every, _ = strconv.Atoi(step)
			}
			if err != nil || n < 0 || n > 7 || every < 1 {
				continue // for the parser to complain about
			}
			var list []string
			for ; n <= 7; n += every {
				list = append(list, strconv.Itoa(n%7))
			}
			parts[i] = strings.Join(list, ",")
		}
	}
	return strings.Join(parts, ",")
}
