package alerting

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/downtime"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store/catalog"
)

// checkSource asks for service checks:
//
//	"postgres.can_connect".over("env:prod").exclude("role:spare").by("host").last(4).count_by_status()
//	"http.can_connect".over("*").by("url").last(2).pct_by_status()
//
// The first form judges each group by how many runs in a row had a status, the
// second by the share of a group's checks that are in it.
type checkSource struct {
	name       string
	over       downtime.Scope
	exclude    []downtime.Scope // any of them
	by         []string
	share      bool
	thresholds *checkThresholds
}

// checkThresholds are the runs in a row, or the percent, from which a status
// counts.
type checkThresholds struct{ ok, warning, critical, unknown float64 } // unknown: NaN when it doesn't matter

// checkLookback is how old the last run of a check may be. What has been
// silent for longer has no data.
const checkLookback = 5 * time.Minute

func parseCheck(text string) (*question, error) {
	c, err := parseChain(text)
	if err != nil {
		return nil, err
	}
	if c.head != "" || c.rest != "" {
		return nil, &chainError{0, "want a service check such as " + example(serviceCheck)}
	}
	if err := c.check("over", "exclude", "by", "last", "count_by_status", "pct_by_status"); err != nil {
		return nil, err
	}
	over, _ := c.of("over")
	by, _ := c.of("by")
	last, _ := c.of("last")
	_, count := c.of("count_by_status")
	_, share := c.of("pct_by_status")
	if count == share {
		return nil, &chainError{len(text), "want .count_by_status() or .pct_by_status() at the end"}
	}
	s := &checkSource{name: c.first, share: share}
	if by = slices.DeleteFunc(by, func(key string) bool { return key == "*" }); len(by) > 0 {
		s.by = slices.Compact(slices.Sorted(slices.Values(by)))
	}
	if len(over) == 0 {
		over = []string{everything}
	}
	if s.over, err = downtime.ParseScope(over...); err != nil {
		return nil, fmt.Errorf("over: %w", err)
	}
	excluded, _ := c.of("exclude")
	for _, text := range excluded {
		scope, err := downtime.ParseScope(text)
		if err != nil {
			return nil, fmt.Errorf("exclude: %w", err)
		}
		s.exclude = append(s.exclude, scope)
	}
	s.thresholds = &checkThresholds{1, 1, 1, math.NaN()}
	if len(last) > 0 {
		if n, err := strconv.Atoi(last[0]); err != nil || n < 1 || n > 100 {
			return nil, &chainError{strings.Index(text, ".last"), "last: want how many runs, from 1 to 100"}
		}
	}
	return &question{text: strings.TrimSpace(text), window: checkLookback, groupBy: s.by, source: s}, nil
}

func (s *checkSource) graph(context.Context, world, int64, int64) (*query.Frame, error) {
	return nil, nil
}

func (s *checkSource) ask(_ context.Context, w world, end int64) ([]Reading, error) {
	groups := map[string]*checkGroup{}
	hostTags := w.catalog.HostTags()
	add := func(run *catalog.Check) {
		if run.Name != s.name || end-run.Time >= checkLookback.Milliseconds() {
			return
		}
		tags := run.Tags
		if run.Host != "" {
			tags = slices.Concat(tags, []string{"host:" + run.Host}, hostTags.Of(run.Host))
		}
		if !s.over.Match(tags) || slices.ContainsFunc(s.exclude, func(e downtime.Scope) bool { return e.Match(tags) }) {
			return
		}
		name := s.group(tags)
		g := groups[groupName(name)]
		if g == nil {
			g = &checkGroup{tags: name}
			groups[groupName(name)] = g
		}
		g.runs = append(g.runs, run)
	}
	runs := w.catalog.Checks()
	known := map[string]bool{}
	for i := range runs {
		if add(&runs[i]); runs[i].Name == agentUp {
			known[runs[i].Host] = true
		}
	}
	if s.name == agentUp {
		// Not every agent sends the check; that it sends anything says the same.
		for _, h := range w.catalog.Hosts() {
			if h.AgentVersion != "" && !known[h.Name] {
				add(&catalog.Check{Name: agentUp, Host: h.Name, Time: h.LastSeen, Streak: 100})
			}
		}
	}
	readings := make([]Reading, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		readings = append(readings, groups[name].judge(s.thresholds, s.share))
	}
	return readings, nil
}

// agentUp is the check by which agents say that they run.
const agentUp = "datadog.agent.up"

// group is the tags that s groups by; of a key with several values, the first.
func (s *checkSource) group(tags []string) []string {
	var out []string
	for _, key := range s.by {
		value := "N/A"
		for _, tag := range tags {
			if k, v, _ := strings.Cut(tag, ":"); k == key {
				value = v
				break
			}
		}
		out = append(out, key+":"+value)
	}
	return out
}

type checkGroup struct {
	tags []string
	runs []*catalog.Check
}

// judge is the worst that can be said of g's checks. While a check has changed
// but not yet often enough in a row, the group stays in what it was.
func (g *checkGroup) judge(t *checkThresholds, share bool) Reading {
	r := Reading{Tags: g.tags, Value: math.NaN()}
	slices.SortStableFunc(g.runs, func(a, b *catalog.Check) int { return cmp.Compare(trouble(b.Status), trouble(a.Status)) })
	worst := g.runs[0]
	r.Vars = map[string]string{"check_message": clipped(worst.Message)}
	var counts [4]float64
	for _, run := range g.runs {
		r.Last = max(r.Last, run.Time)
		counts[run.Status&3]++
	}
	n := float64(len(g.runs))
	if share {
		critical, warning := 100*counts[2]/n, 100*(counts[1]+counts[2])/n
		switch r.Value, r.Status = critical, OK; {
		case critical >= t.critical:
			r.Status = Alert
		case warning >= t.warning && counts[1] > 0:
			r.Value, r.Status = warning, Warn
		}
		return r
	}
	for _, run := range g.runs {
		status, streak := OK, float64(max(run.Streak, 1))
		enough := streak >= t.ok
		switch run.Status & 3 {
		case 2:
			status, enough = Alert, streak >= t.critical
		case 1:
			status, enough = Warn, streak >= t.warning
		case 3:
			status, enough = NoData, streak >= t.unknown
		}
		switch {
		case !enough:
			r.Hold = true
		case status.severity() > r.Status.severity():
			r.Status, r.Value = status, streak
		}
	}
	// What is certain and bad is not held back by what isn't certain.
	r.Hold = r.Hold && (r.Status == "" || r.Status == OK)
	return r
}

// trouble orders the statuses of checks: critical, warning, unknown, OK.
func trouble(status int) int { return [4]int{0, 2, 3, 1}[status&3] }

// clipped is text from outside, short enough to be kept with a group's state.
func clipped(text string) string {
	const most = 2000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
