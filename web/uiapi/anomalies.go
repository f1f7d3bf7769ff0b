package uiapi

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/datadog"
)

type band struct {
	Lower     floats   `json:"lower"`
	Middle    floats   `json:"middle"`
	Upper     floats   `json:"upper"`
	Anomalous []bool   `json:"anomalous"`
	Forecast  bool     `json:"forecast"`
	Algorithm string   `json:"algorithm"`
	Summary   string   `json:"summary"`
	Notes     []note   `json:"notes"`
	Changes   []change `json:"changes"`
}

type note struct {
	At   int64  `json:"at"`
	Text string `json:"text"`
}

type change struct {
	At     int64   `json:"at"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

func bandOf(b *query.Band) *band {
	if b == nil {
		return nil
	}
	out := &band{
		Lower: b.Lower, Middle: b.Middle, Upper: b.Upper, Anomalous: b.Anomalous, Forecast: b.Forecast,
		Algorithm: b.Algorithm, Summary: b.Summary, Notes: []note{}, Changes: []change{},
	}
	for _, n := range b.Notes {
		out.Notes = append(out.Notes, note(n))
	}
	for _, c := range b.Changes {
		out.Changes = append(out.Changes, change(c))
	}
	return out
}

type cell struct {
	Bounds float64 `json:"bounds"`
	Window int64   `json:"window"`
	Alerts int     `json:"alerts"`
	Found  int     `json:"found"`
	Noise  int     `json:"noise"`
}

type pastAlert struct {
	Tags   []string `json:"tags"`
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Severe bool     `json:"severe"`
	Peak   float64  `json:"peak"`
}

// alertsMost bounds the alerts that an answer lists.
const alertsMost = 500

// backtestAnomalies tries an anomaly monitor that is being edited on the past.
func (a *API) backtestAnomalies(c *fiber.Ctx) error {
	var r struct {
		Monitor json.RawMessage `json:"monitor"`
		From    int64           `json:"from"`
		To      int64           `json:"to"`
		Marks   []struct {
			From int64 `json:"from"`
			To   int64 `json:"to"`
			Real bool  `json:"real"`
		} `json:"marks"`
	}
	if err := request(c, &r); err != nil {
		return err
	}
	if r.From >= r.To || r.From < 0 {
		return fiber.NewError(fiber.StatusBadRequest, "from must be before to")
	}
	marks := make([]anomaly.Mark, len(r.Marks))
	for i, m := range r.Marks {
		marks[i] = anomaly.Mark(m)
	}
	b, err := a.Alerting.BacktestAnomalies(c.UserContext(), slices.Clone(r.Monitor), r.From, r.To, marks)
	if err != nil {
		return err
	}
	alerts, table := []pastAlert{}, []cell{}
	for _, alert := range b.Alerts[:min(len(b.Alerts), alertsMost)] {
		alerts = append(alerts, pastAlert{b.Groups[alert.Group], alert.From, alert.To, alert.Severe, alert.Peak})
	}
	for _, t := range b.Table {
		table = append(table, cell(t))
	}
	return c.JSON(fiber.Map{
		"from": b.From, "to": b.To, "step": b.Step, "line": b.Line, "notes": append([]string{}, b.Notes...), "judged": b.Judged,
		"count": len(b.Alerts), "alerts": alerts, "table": table, "best": b.Best, "algorithm": b.Algorithm, "suggested": b.Suggestion.Algorithm,
	})
}

type unusual struct {
	Metric string   `json:"metric"`
	Tags   []string `json:"tags"`
	Query  string   `json:"query"`
	Unit   string   `json:"unit"`
	At     int64    `json:"at"`
	Value  float64  `json:"value"`
	Score  float64  `json:"score"`
	Alarm  bool     `json:"alarm"`
	Odds   string   `json:"odds"`
	What   string   `json:"what"`
}

// mostUnusual ranks the rows of ?query, or all that monitors watch, by how
// unusual they became in [from, to].
func (a *API) mostUnusual(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	from = max(from, to-7*24*time.Hour.Milliseconds())
	var found []datadog.Unusual
	if text := c.Query("query"); text != "" {
		q, err := datadog.Parse(text)
		if err != nil {
			return err
		}
		found, err = q.Unusual(c.UserContext(), a.Engine, from, to)
		if err != nil {
			return err
		}
	} else if found, err = a.Alerting.Unusual(c.UserContext(), from, to); err != nil {
		return err
	}
	rows := []unusual{}
	for _, u := range found {
		if u.Tags == nil {
			u.Tags = []string{}
		}
		rows = append(rows, unusual(u))
	}
	return c.JSON(fiber.Map{"series": rows})
}
