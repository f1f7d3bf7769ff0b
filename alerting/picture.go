package alerting

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/whippet-obs/whippet/alerting/message"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/chart"
)

// The names of a mail's pictures within the mail: the same graph in the colours
// of light and of dark mails.
const (
	pictureCID = "graph@whippet"
	darkCID    = "graph-dark@whippet"
)

// picture is what to draw into a mail: the moment of the transition, described
// so that it can be drawn later, also after the monitor was edited or the
// process restarted. The samples are in the store.
type picture struct {
	Title   string      `json:"title"`
	Kind    string      `json:"kind"`             // the monitor's type
	Query   string      `json:"query"`            // the monitor query
	Groups  []string    `json:"groups,omitempty"` // names of those shown; empty: all
	From    int64       `json:"from"`
	To      int64       `json:"to"`
	BadFrom int64       `json:"bad_from"` // up to To is marked: the evaluated window, or the gap
	Status  Status      `json:"status"`
	Lines   []thresLine `json:"lines,omitempty"`
}

type thresLine struct {
	Value float64 `json:"value"`
	Warn  bool    `json:"warn,omitempty"`
	Below bool    `json:"below,omitempty"`
}

// pictured is the time that a mail shows: the window and an hour before it.
func (m *monitor) pictured(at int64) (from, to int64) {
	to = m.windowEnd(at)
	if m.query.ahead { // as much of the past as of what is to come
		ahead := m.query.window.Milliseconds()
		return to - ahead, to + ahead
	}
	return to - m.window - time.Hour.Milliseconds(), to
}

// picture describes the graph of groups at a moment.
func (s *Service) picture(m *monitor, title string, at int64, groups ...*Group) *picture {
	p := &picture{Title: title, Kind: m.kind, Query: m.queryText, Status: groups[0].Status}
	p.From, p.To = m.pictured(at)
	p.BadFrom = p.To - m.window
	if m.query.ahead {
		p.BadFrom = p.To - m.query.window.Milliseconds()
	}
	for _, g := range groups {
		if p.Status == NoData {
			p.BadFrom = max(p.From, min(p.BadFrom, g.LastData))
		}
		if !g.Unit && g.Name != everything && len(p.Groups) < digestRows {
			p.Groups = append(p.Groups, g.Name)
		}
	}
	if !m.query.direct {
		return p // the thresholds are shares of points, or changes, not values
	}
	below := m.comparator[0] == '<'
	p.Lines = append(p.Lines, thresLine{Value: m.critical, Below: below})
	if !math.IsNaN(m.warning) {
		p.Lines = append(p.Lines, thresLine{Value: m.warning, Warn: true, Below: below})
	}
	return p
}

// errNoPicture is a question without anything to see.
var errNoPicture = errors.New("there is nothing to draw")

// draw draws p from the store.
func (s *Service) draw(ctx context.Context, p *picture, themes ...chart.Theme) ([][]byte, error) {
	q, err := parseQuestion(cmp.Or(p.Kind, metricAlert), p.Query)
	if err != nil {
		return nil, err
	}
	frame, err := q.graph(ctx, s.world(), p.From, p.To)
	if err != nil {
		return nil, err
	}
	if frame == nil {
		return nil, errNoPicture
	}
	spec := chart.Spec{
		Title: p.Title, Subtitle: q.text, From: p.From, To: p.To, Grid: frame.Grid, Rows: frame.Rows, Zone: s.zone,
	}
	if len(p.Groups) > 0 {
		spec.Rows = slices.DeleteFunc(slices.Clone(frame.Rows), func(r query.Row) bool { return !slices.Contains(p.Groups, groupName(r.Tags)) })
	}
	for _, l := range p.Lines {
		t := chart.Threshold{Value: l.Value, Severity: chart.Alert, Below: l.Below, Label: "alert " + q.comparator + " " + message.Number(l.Value)}
		if l.Warn {
			t.Severity, t.Label = chart.Warn, "warn "+q.comparator+" "+message.Number(l.Value)
		}
		spec.Thresholds = append(spec.Thresholds, t)
	}
	switch p.Status {
	case Alert, NoData:
		spec.Bad = []chart.Span{{From: p.BadFrom, To: p.To, Severity: chart.Alert}}
	case Warn:
		spec.Bad = []chart.Span{{From: p.BadFrom, To: p.To, Severity: chart.Warn}}
	}
	var pictures [][]byte
	for _, spec.Theme = range themes {
		var b bytes.Buffer
		if err := chart.PNG(&b, spec); err != nil {
			return nil, err
		}
		pictures = append(pictures, b.Bytes())
	}
	return pictures, nil
}

var pictureTag = regexp.MustCompile(`(<picture>\s*<source[^>]*>)?<img[^>]*cid:` + regexp.QuoteMeta(pictureCID) + `[^>]*>(</picture>)?`)

// mostPictures bounds the bytes of both pictures: with them, a mail stays under
// 100 KB.
const mostPictures = 60 << 10

var darkSource = regexp.MustCompile(`<source[^>]*cid:` + regexp.QuoteMeta(darkCID) + `[^>]*>`)

// onlyLight takes the dark picture out of a mail's HTML.
func onlyLight(html string) string { return darkSource.ReplaceAllString(html, "") }

// withoutPicture takes the picture out of a mail's HTML.
func withoutPicture(html string) string { return pictureTag.ReplaceAllString(html, "") }
