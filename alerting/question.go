package alerting

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store/catalog"
)

// The types of monitor that are evaluated, as Datadog's API names them.
const (
	metricAlert  = "metric alert"
	queryAlert   = "query alert" // the same: Datadog tells simple and composed queries apart
	serviceCheck = "service check"
	eventAlert   = "event alert"
	eventV2Alert = "event-v2 alert" // the same, in the newer search syntax
	composite    = "composite"
)

var kinds = []string{metricAlert, queryAlert, serviceCheck, eventAlert, eventV2Alert, composite}

// question is what a monitor asks, taken from its query.
type question struct {
	text       string // the query proper, without window and threshold
	aggregator string // avg, sum, ...; "" when nothing is aggregated
	window     time.Duration
	groupBy    []string // tag keys; empty: one group
	anyGroups  bool     // groups by whatever tags there are

	// Of questions that answer with values: the line in the query. Without a
	// comparator, the answers are statuses.
	comparator string
	threshold  float64

	direct  bool // the values are those of the graph, so that thresholds can be drawn in it
	zero    bool // no data means 0: what is asked for is a count
	anomaly bool // the values are shares of points, 0 to 1
	ahead   bool // the window lies in the future

	source
}

// source answers questions of one kind.
type source interface {
	// ask answers for the window that ends at end (ms).
	ask(ctx context.Context, w world, end int64) ([]Reading, error)
	// graph is what there is to see in [from, to]; nil: nothing.
	graph(ctx context.Context, w world, from, to int64) (*query.Frame, error)
}

// world is where answers come from. Tests and backtests have others than the
// scheduler.
type world struct {
	engine  *query.Engine
	catalog *catalog.Catalog
	// states gives what composite monitors are made of.
	states func(id int64) (State, bool)
}

// parseQuestion reads the query of a monitor of type kind.
func parseQuestion(kind, text string) (*question, error) {
	switch kind {
	case serviceCheck:
		return parseCheck(text)
	case eventAlert, eventV2Alert:
		return parseEventCount(text)
	case composite:
		return parseComposite(text)
	}
	return parseMetric(text)
}

// example is a query of each kind, for those who wrote none.
func example(kind string) string {
	switch kind {
	case serviceCheck:
		return `"postgres.can_connect".over("env:prod").by("host").last(4).count_by_status()`
	case eventAlert, eventV2Alert:
		return `events("source:deploy status:error").rollup("count").by("service").last("15m") > 3`
	case composite:
		return `12 && !13, with the numbers of other monitors`
	}
	return "avg(last_5m):avg:system.load.1{*} by {host} > 4"
}

// lookback reads "5m", "4h", "2d" or "1w", up to 35 days.
func lookback(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if len(text) < 2 || len(text) > 8 {
		return 0, false
	}
	unit, known := units[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	d := time.Duration(n) * unit
	return d, known && err == nil && n > 0 && d <= 35*24*time.Hour
}

// lastWindow reads "last_5m".
func lastWindow(text string) (time.Duration, bool) {
	text, ok := strings.CutPrefix(text, "last_")
	d, fine := lookback(text)
	return d, ok && fine
}

var comparison = regexp.MustCompile(`^(>=|<=|>|<)\s*(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)$`)

// visible says whether there is a graph to see.
func (q *question) visible() bool {
	switch q.source.(type) {
	case *checkSource, *compositeSource:
		return false
	}
	return true
}

// readComparison reads the "> 3" at the end of a query.
func (q *question) readComparison(text string) error {
	m := comparison.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return fmt.Errorf("want a comparison with a threshold at the end, such as > 3, found %q", short([]byte(text)))
	}
	var err error
	q.comparator = m[1]
	q.threshold, err = strconv.ParseFloat(m[2], 64)
	return err
}

// same says whether q and p ask the same, so that answers to one carry on
// those to the other.
func (q *question) same(p *question) bool {
	return q.text == p.text && q.aggregator == p.aggregator && q.window == p.window && q.comparator == "" == (p.comparator == "")
}

// errNoWindow is a query without a place to look at.
var errNoWindow = errors.New(`want a window from last("1m") to last("35d")`)
