package alerting

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/downtime"
)

// options is a monitor's options beyond what decides its states.
type options struct {
	evaluationDelay int64 // ms
	includeTags     bool
	notifyAudit     bool
	escalation      string
	silenced        map[string]int64 // scope to end in s; 0: without end
	hideQuery       bool
	hideHandles     bool
	hideFooter      bool
	hideBody        bool // show only the picture
	// custom says when the monitor is evaluated, by its starts; nil: all the time.
	custom *downtime.Schedule
}

// foreign are options of other types of monitor. Official clients fill some of
// them with defaults for every type; they are kept, and mean nothing here just
// as they mean nothing to a metric monitor at Datadog.
//
//	aggregation, device_ids, enable_logs_sample, enable_samples,
//	groupby_simple_monitor, min_failure_duration, min_location_failed,
//	synthetics_check_id
//
// locked and restricted_roles name who may edit: the creator and admins, which
// is everybody who can reach an installation without users.

// readOptions checks the options of a monitor and derives its rules. What
// belongs to the question is put into it.
func readOptions(top *reader, q *question) (options, rules, error) {
	r := top.into("options")
	if top.err != nil {
		return options{}, rules{}, top.err
	}
	o := options{includeTags: true}
	w := q.window.Milliseconds()
	if q.ahead {
		w = time.Hour.Milliseconds() // looked back on, in the sense of missing data
	}
	u := rules{
		comparator: q.comparator, shares: q.anomaly, window: w, grouped: len(q.groupBy) > 0 || q.anyGroups, retention: 24 * time.Hour.Milliseconds(),
	}
	readThresholds(r, q, &u)
	readMissing(r, q, &u)

	const seconds = "a number of seconds from 0 to 86400"
	o.evaluationDelay = 1000 * r.number("evaluation_delay", 0, 86400, seconds)
	u.groupDelay = 1000 * r.number("new_group_delay", 0, 86400, seconds)
	u.hostDelay = 1000 * r.number("new_host_delay", 0, 86400, seconds)
	r.get("require_full_window", "true or false", &u.fullWindow)
	u.timeout = r.number("timeout_h", 0, 24, "hours from 0 (never) to 24") * time.Hour.Milliseconds()

	u.renotifyEvery = r.number("renotify_interval", 0, 44640, "minutes from 0 (never) to 44640") * time.Minute.Milliseconds()
	u.renotifyMax = int(r.number("renotify_occurrences", 0, 1000, "how many reminders, from 0 (no limit) to 1000"))
	u.renotifyOn = []Status{Alert, NoData}
	var statuses []string
	if r.get("renotify_statuses", `a list of "alert", "warn" and "no data"`, &statuses) {
		u.renotifyOn = r.statuses("renotify_statuses", statuses)
	}
	if u.renotifyEvery == 0 && (u.renotifyMax > 0 || len(statuses) > 0) {
		r.refuse(firstOf(r, "renotify_occurrences", "renotify_statuses"), "nothing without renotify_interval")
	}

	r.get("notify_by", "a list of keys that the query groups by, or [\"*\"]", &u.notifyBy)
	for _, key := range u.notifyBy {
		all := key == "*" && len(u.notifyBy) == 1
		r.check(u.grouped && (all || q.anyGroups || slices.Contains(q.groupBy, key)), "notify_by",
			`["*"], or some of the keys that the query groups by: `+strings.Join(q.groupBy, ", "))
	}

	r.get("include_tags", "true or false", &o.includeTags)
	r.get("notify_audit", "true or false", &o.notifyAudit)
	var locked bool
	r.get("locked", "true or false", &locked)
	r.get("escalation_message", "a text", &o.escalation)
	readPreset(r, &o)
	readSilenced(r, &o)

	schedule := r.into("scheduling_options")
	readCumulation(schedule, q)
	o.custom = readCustomSchedule(schedule)
	windows := r.into("threshold_windows")
	if source, ok := q.source.(*verdictSource); ok && q.anomaly {
		readWindows(windows, source)
	} else {
		windows.refuseAll("nothing: only anomaly monitors have it", "trigger_window", "recovery_window")
	}
	r.refuseAll("nothing: formula variables are not evaluated, write the formula into the query", "variables")
	for _, inner := range []*reader{r, schedule, windows} {
		if inner.err != nil {
			return o, u, inner.err
		}
	}
	return o, u, nil
}

// readThresholds reads the four lines, each on its right side.
func readThresholds(r *reader, q *question, u *rules) {
	t := r.into("thresholds")
	u.critical, u.warning, u.criticalRecovery, u.warningRecovery = q.threshold, math.NaN(), math.NaN(), math.NaN()
	switch s := q.source.(type) {
	case *checkSource:
		u.critical = math.NaN()
		readRuns(t, s)
		if r.err == nil {
			r.err = t.err
		}
		return
	case *compositeSource:
		u.critical = math.NaN()
		t.refuseAll("nothing: a composite has the statuses of its monitors", "critical", "warning", "critical_recovery", "warning_recovery", "ok", "unknown")
		if r.err == nil {
			r.err = t.err
		}
		return
	}
	const allowed = "a number"
	t.get("critical", allowed, &u.critical)
	t.get("warning", allowed, &u.warning)
	t.get("critical_recovery", allowed, &u.criticalRecovery)
	t.get("warning_recovery", allowed, &u.warningRecovery)
	t.refuseAll("nothing: only service checks have it", "unknown")
	var ok float64
	t.get("ok", allowed, &ok) // Terraform's provider sends it of any monitor; it means nothing
	t.refuseAll("nothing: thresholds that are queries are not evaluated", "critical_query", "critical_recovery_query")

	t.check(u.critical == q.threshold, "critical", number(q.threshold)+", the threshold in the query")
	above := strings.HasPrefix(q.comparator, ">")
	// milder says whether a lies strictly on the good side of b; absent ones do.
	milder := func(a, b float64) bool {
		return math.IsNaN(a) || math.IsNaN(b) || above && a < b || !above && a > b
	}
	side := map[bool]string{true: "below ", false: "above "}[above]
	t.check(milder(u.warning, u.critical), "warning", "a number "+side+"critical, "+number(u.critical))
	t.check(milder(u.criticalRecovery, u.critical), "critical_recovery", "a number "+side+"critical, "+number(u.critical))
	t.check(milder(u.warningRecovery, u.warning), "warning_recovery", "a number "+side+"warning, "+number(u.warning))
	t.check(math.IsNaN(u.warningRecovery) || !math.IsNaN(u.warning), "warning_recovery", "nothing without warning")
	if r.err == nil {
		r.err = t.err
	}
}

// readRuns reads from how many runs in a row, or from what percent, a service
// check's status counts.
func readRuns(t *reader, s *checkSource) {
	allowed, least := "how many runs in a row, from 1 to 100", 1.0
	if s.share {
		allowed, least = "a percentage from 0 to 100", 0
	}
	// What is read belongs to this understanding of the document.
	read := *s.thresholds
	for key, target := range map[string]*float64{"ok": &read.ok, "warning": &read.warning, "critical": &read.critical, "unknown": &read.unknown} {
		if t.get(key, allowed, target) {
			t.check(*target >= least && *target <= 100 && (s.share || *target == math.Trunc(*target)), key, allowed)
		}
	}
	t.refuseAll("nothing: a service check recovers by its ok threshold", "critical_recovery", "warning_recovery")
	*s.thresholds = read
}

// readMissing reads what becomes of groups without data: either the pair
// notify_no_data and no_data_timeframe, or on_missing_data.
func readMissing(r *reader, q *question, u *rules) {
	var notify bool
	r.get("notify_no_data", "true or false", &notify)
	u.missing, u.missingAfter = missingShow, max(2*u.window, minuteMillis)
	if _, counts := q.source.(*eventSource); counts && !r.has("no_data_timeframe") {
		u.missing, u.missingAfter = missingZero, 0 // what isn't found didn't happen
	}
	if notify {
		u.missing = missingNotify
	}
	if minutes := r.number("no_data_timeframe", 1, 44640, "minutes from 1 to 44640"); minutes > 0 {
		u.missingAfter = minutes * time.Minute.Milliseconds()
	}
	var mode string
	if r.get("on_missing_data", "a text", &mode) {
		r.check(!notify && !r.has("no_data_timeframe"), "on_missing_data", "nothing beside notify_no_data and no_data_timeframe")
		u.missingAfter = u.window
		switch mode {
		case "show_no_data":
			u.missing = missingShow
		case "show_and_notify_no_data":
			u.missing = missingNotify
		case "resolve":
			u.missing = missingResolve
		case "default":
			u.missing = missingKeep
			if q.zero {
				u.missing = missingZero
			}
		default:
			r.refuse("on_missing_data", "show_no_data, show_and_notify_no_data, resolve or default")
		}
	}
	var retention string
	if r.get("group_retention_duration", "a text", &retention) {
		d, ok := parseRetention(retention)
		r.check(ok && d >= time.Hour && d <= 72*time.Hour, "group_retention_duration", `from "60m" to "72h"`)
		u.retention = d.Milliseconds()
	}
	u.retention = max(u.retention, u.missingAfter)
}

// parseRetention reads "60m", "1h" or "2d".
func parseRetention(text string) (time.Duration, bool) {
	if len(text) < 2 {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	return time.Duration(n) * unit, ok && err == nil && n > 0 && n <= 72*60
}

// presets are Datadog's names for which parts of a mail are left out.
var presets = []string{"show_all", "hide_query", "hide_handles", "hide_all", "hide_query_and_handles", "show_only_snapshot", "hide_handles_and_footer"}

func readPreset(r *reader, o *options) {
	var preset string
	if !r.get("notification_preset_name", "a text", &preset) {
		return
	}
	switch preset {
	case "show_all":
	case "hide_query":
		o.hideQuery = true
	case "hide_handles":
		o.hideHandles = true
	case "hide_query_and_handles":
		o.hideQuery, o.hideHandles = true, true
	case "hide_handles_and_footer":
		o.hideHandles, o.hideFooter = true, true
	case "hide_all":
		o.hideQuery, o.hideHandles, o.hideFooter = true, true, true
	case "show_only_snapshot":
		o.hideQuery, o.hideFooter, o.hideBody = true, true, true
	default:
		r.refuse("notification_preset_name", strings.Join(presets, ", "))
	}
}

func readSilenced(r *reader, o *options) {
	var silenced map[string]*float64
	if !r.get("silenced", "an object of groups (or *) to the time in seconds at which each is heard again, or null", &silenced) {
		return
	}
	o.silenced = make(map[string]int64, len(silenced))
	for scope, end := range silenced {
		o.silenced[scope] = 0
		if end != nil {
			r.check(*end >= 0 && *end < 1<<40, "silenced", "times in seconds since the epoch")
			o.silenced[scope] = int64(*end)
		}
	}
}

// readCumulation reads where the windows of current_1h, current_1d and
// current_1mo begin.
func readCumulation(schedule *reader, q *question) {
	if !schedule.has("evaluation_window") {
		return
	}
	r := schedule.into("evaluation_window")
	defer func() {
		if schedule.err == nil {
			schedule.err = r.err
		}
	}()
	s, ok := q.source.(*metricSource)
	if !ok || s.current == nil {
		schedule.refuse("evaluation_window", "nothing, unless the query's window is current_1h, current_1d or current_1mo")
		return
	}
	c := *s.current
	var day, zone string
	if r.get("timezone", `an IANA name such as "Europe/Berlin"`, &zone) {
		loaded, err := time.LoadLocation(zone)
		if r.check(err == nil && zone != "" && zone != "Local", "timezone", `an IANA name such as "Europe/Berlin"`); err == nil {
			c.zone = loaded
		}
	}
	keys := map[string]string{"1h": "hour_starts", "1d": "day_starts", "1mo": "month_starts"}
	for unit, key := range keys {
		if unit != c.unit && !(unit == "1d" && c.unit == "1mo") { // a month begins as its first day does
			r.refuseAll("nothing: the window in the query is current_"+c.unit, key)
		}
	}
	switch c.unit {
	case "1h":
		c.minute = int(r.number("hour_starts", 0, 59, "a minute from 0 to 59"))
	case "1d", "1mo":
		if r.get("day_starts", `a time of day such as "04:00"`, &day) {
			at, err := time.Parse("15:04", day)
			r.check(err == nil, "day_starts", `a time of day such as "04:00"`)
			c.minute = at.Hour()*60 + at.Minute()
		}
	}
	if c.unit == "1mo" {
		r.number("month_starts", 1, 1, "1, the first day")
	}
	s.current = &c
}

// readCustomSchedule reads when a monitor is evaluated, if not all the time.
func readCustomSchedule(schedule *reader) *downtime.Schedule {
	if !schedule.has("custom_schedule") {
		return nil
	}
	r := schedule.into("custom_schedule")
	var recurrences []struct{ RRule, Start, Timezone string }
	r.get("recurrences", "a list of one recurrence: rrule, start, timezone", &recurrences)
	if r.check(len(recurrences) == 1, "recurrences", "a list of one recurrence: rrule, start, timezone"); r.err != nil {
		schedule.err = r.err
		return nil
	}
	rule := recurrences[0]
	zone, err := time.LoadLocation(rule.Timezone)
	if err != nil {
		r.refuse("recurrences", `an IANA name as timezone, such as "Europe/Berlin"`)
		schedule.err = r.err
		return nil
	}
	// A rule counts from its start; without one, from a day that any rule knows.
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, zone)
	if rule.Start != "" {
		if start, err = downtime.ParseTime(rule.Start, zone); err != nil {
			r.refuse("recurrences", "a start such as 2026-11-23T09:00:00")
			schedule.err = r.err
			return nil
		}
	}
	s, err := downtime.New(downtime.Spec{Zone: rule.Timezone, Start: start.UnixMilli(), RRule: rule.RRule, Duration: 366 * 24 * time.Hour})
	if err != nil {
		schedule.err = fieldError(r.path+"recurrences.", err)
		return nil
	}
	return s
}

// number reads a whole number from lo to hi; 0 when there is none.
func (r *reader) number(key string, lo, hi int64, allowed string) int64 {
	var v float64
	if !r.get(key, allowed, &v) {
		return 0
	}
	if v != math.Trunc(v) || v < float64(lo) || v > float64(hi) {
		r.refuse(key, allowed)
		return 0
	}
	return int64(v)
}

// statuses reads the API's words for bad statuses.
func (r *reader) statuses(key string, words []string) []Status {
	out := make([]Status, 0, len(words))
	for _, word := range words {
		switch strings.ToLower(word) {
		case "alert":
			out = append(out, Alert)
		case "warn":
			out = append(out, Warn)
		case "no data":
			out = append(out, NoData)
		default:
			r.refuse(key, `a list of "alert", "warn" and "no data"`)
		}
	}
	return out
}

func firstOf(r *reader, keys ...string) string {
	for _, key := range keys {
		if r.has(key) {
			return key
		}
	}
	return keys[0]
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
