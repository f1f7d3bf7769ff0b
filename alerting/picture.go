package alerting

import (
	"bytes"
	"context"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/chart"
	"github.com/whippet-obs/whippet/query/datadog"
)

// pictureCID is the name of a mail's picture within the mail.
const pictureCID = "graph@whippet"

// picture is what to draw into a mail: the moment of the transition, described
// so that it can be drawn later, also after the monitor was edited or the
// process restarted. The samples are in the store.
type picture struct {
	Title      string      `json:"title"`
	Query      string      `json:"query"` // the monitor query
	Tags       []string    `json:"tags,omitempty"`
	From       int64       `json:"from"`
	To         int64       `json:"to"`
	WindowFrom int64       `json:"window_from"` // the evaluated window, marked
	Status     Status      `json:"status"`
	Lines      []thresLine `json:"lines,omitempty"`
}

type thresLine struct {
	Value float64 `json:"value"`
	Warn  bool    `json:"warn,omitempty"`
	Below bool    `json:"below,omitempty"`
}

// pictured is the time that a mail shows: the window and an hour before it.
func (m *monitor) pictured(at int64) (from, to int64) {
	to = m.windowEnd(at)
	return to - m.window - time.Hour.Milliseconds(), to
}

// picture describes the graph of one group at a moment; g nil: of all groups.
func (s *Service) picture(m *monitor, title string, g *Group, at int64) *picture {
	p := &picture{Title: title, Query: m.queryText}
	p.From, p.To = m.pictured(at)
	p.WindowFrom = p.To - m.window
	if g != nil {
		p.Status = g.Status
		if !g.Unit {
			p.Tags = g.Tags
		}
	}
	if m.query.Anomaly {
		return p // the thresholds are shares of points, not values
	}
	below := m.comparator[0] == '<'
	p.Lines = append(p.Lines, thresLine{Value: m.critical, Below: below})
	if !math.IsNaN(m.warning) {
		p.Lines = append(p.Lines, thresLine{Value: m.warning, Warn: true, Below: below})
	}
	return p
}

// draw draws p from the store.
func (s *Service) draw(ctx context.Context, p *picture) ([]byte, error) {
	m, err := datadog.ParseMonitor(p.Query)
	if err != nil {
		return nil, err
	}
	frame, err := m.Range(ctx, s.engine, p.From, p.To)
	if err != nil {
		return nil, err
	}
	spec := chart.Spec{
		Title: p.Title, Subtitle: m.QueryText, From: p.From, To: p.To, Grid: frame.Grid, Rows: frame.Rows, Zone: s.zone,
	}
	if len(p.Tags) > 0 {
		spec.Rows = slices.DeleteFunc(slices.Clone(frame.Rows), func(r query.Row) bool { return groupName(r.Tags) != groupName(p.Tags) })
	}
	for _, l := range p.Lines {
		t := chart.Threshold{Value: l.Value, Severity: chart.Alert, Below: l.Below}
		if l.Warn {
			t.Severity = chart.Warn
		}
		spec.Thresholds = append(spec.Thresholds, t)
	}
	switch p.Status {
	case Alert, NoData:
		spec.Bad = []chart.Span{{From: p.WindowFrom, To: p.To, Severity: chart.Alert}}
	case Warn:
		spec.Bad = []chart.Span{{From: p.WindowFrom, To: p.To, Severity: chart.Warn}}
	}
	var b bytes.Buffer
	if err := chart.PNG(&b, spec); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var pictureTag = regexp.MustCompile(`<img[^>]*cid:` + regexp.QuoteMeta(pictureCID) + `[^>]*>`)

// withoutPicture takes the picture out of a mail's HTML.
func withoutPicture(html string) string { return pictureTag.ReplaceAllString(html, "") }
