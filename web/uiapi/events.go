package uiapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/alerting/search"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Bounds of what is read and told of events.
const (
	mostEvents    = 500
	mostCounted   = 100_000 // read to count them; the rest of a longer range is left out
	mostFacets    = 20      // tag keys
	mostOfAFacet  = 12      // values
	histogramBars = 60
)

// eventsOf reads the range and the search of a request.
func (a *API) eventsOf(c *fiber.Ctx) (from, to int64, keep func(*catalog.Event) bool, err error) {
	if from, to, err = a.timeRange(c); err != nil {
		return 0, 0, nil, err
	}
	q, err := search.Parse(c.Query("q"))
	if err != nil {
		return 0, 0, nil, fiber.NewError(fiber.StatusBadRequest, err.Error())
	}
	return from, to, func(e *catalog.Event) bool { return alerting.MatchEvent(q, e, a.Catalog) }, nil
}

// events lists the events of the range that a search finds, newest first.
func (a *API) events(c *fiber.Ctx) error {
	from, to, keep, err := a.eventsOf(c)
	if err != nil {
		return err
	}
	found, err := a.Catalog.Events(from, to, keep, mostEvents)
	if err != nil {
		return err
	}
	if found == nil {
		found = []catalog.Event{}
	}
	return c.JSON(fiber.Map{"events": found})
}

// facet is a property of events with its commonest values.
type facet struct {
	Key    string  `json:"key"` // as a search names it
	Values []count `json:"values"`
	Total  int     `json:"total"` // values
}

type count struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// bar is how many events there were in a part of the range, by alert type.
type bar struct {
	At      int64 `json:"at"` // ms, where it begins
	Error   int   `json:"error"`
	Warning int   `json:"warning"`
	Success int   `json:"success"`
	Info    int   `json:"info"`
}

// eventFacets counts the events of the range that a search finds: over time, and
// by source, status, priority and each tag key.
func (a *API) eventFacets(c *fiber.Ctx) error {
	from, to, keep, err := a.eventsOf(c)
	if err != nil {
		return err
	}
	tally := newTally(from, to)
	read := 0
	_, err = a.Catalog.Events(from, to, func(e *catalog.Event) bool {
		if read++; read > mostCounted {
			return true // found one, which ends it
		}
		if keep(e) {
			tally.add(e)
		}
		return false
	}, 1)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"total": tally.total, "partial": read > mostCounted, "step": tally.step, "bars": tally.bars, "facets": tally.facets()})
}

type tally struct {
	from, step int64
	bars       []bar
	total      int
	values     map[string]map[string]int // by key
}

func newTally(from, to int64) *tally {
	t := &tally{from: from, step: max(1, (to-from+histogramBars-1)/histogramBars), values: map[string]map[string]int{}}
	t.bars = make([]bar, histogramBars)
	for i := range t.bars {
		t.bars[i].At = from + int64(i)*t.step
	}
	return t
}

func (t *tally) add(e *catalog.Event) {
	t.total++
	b := &t.bars[min(int((e.Time-t.from)/t.step), len(t.bars)-1)]
	switch e.AlertType {
	case "error":
		b.Error++
	case "warning":
		b.Warning++
	case "success":
		b.Success++
	default:
		b.Info++
	}
	t.count("source", e.SourceType)
	t.count("status", e.AlertType)
	t.count("priority", e.Priority)
	t.count("host", e.Host)
	for _, tag := range e.Tags {
		if key, value, _ := strings.Cut(tag, ":"); key != "host" || value != e.Host {
			t.count(key, value)
		}
	}
}

func (t *tally) count(key, value string) {
	if value == "" {
		return
	}
	if t.values[key] == nil {
		t.values[key] = map[string]int{}
	}
	t.values[key][value]++
}

// facets are the event's own properties, then the tag keys, the commonest first.
func (t *tally) facets() []facet {
	own := []string{"source", "status", "priority", "host"}
	all := []facet{}
	weight := map[string]int{}
	for key, values := range t.values {
		f := facet{Key: key, Total: len(values)}
		for value, n := range values {
			f.Values = append(f.Values, count{value, n})
			weight[key] += n
		}
		slices.SortFunc(f.Values, func(x, y count) int { return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Value, y.Value)) })
		f.Values = f.Values[:min(len(f.Values), mostOfAFacet)]
		all = append(all, f)
	}
	place := func(key string) int {
		if i := slices.Index(own, key); i >= 0 {
			return i
		}
		return len(own)
	}
	slices.SortFunc(all, func(x, y facet) int {
		return cmp.Or(cmp.Compare(place(x.Key), place(y.Key)), cmp.Compare(weight[y.Key], weight[x.Key]), strings.Compare(x.Key, y.Key))
	})
	return all[:min(len(all), mostFacets)]
}
