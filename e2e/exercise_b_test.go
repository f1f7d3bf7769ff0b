package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
)

// The three graphs of the exercise.
var graphs = []struct{ title, query string }{
	{"My metric on one host", "avg:my_metric{host:thinkpad}"},
	{"Rows fetched", "anomalies(avg:postgresql.rows_fetched{*}, 'basic', 1.2)"},
	{"My metric per hour", "sum:my_metric{*}.rollup(sum, 3600)"},
}

// feedHistory submits an hour of my_metric and rows_fetched up to now; the
// latter jumps for five minutes, ten minutes before now.
func (s *server) feedHistory(now time.Time) {
	s.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var mine, rows []point
	for at := now.Add(-time.Hour).Truncate(10 * time.Second); at.Before(now); at = at.Add(10 * time.Second) {
		mine = append(mine, point{at, float64(random.IntN(1001))})
		value := 100 + 10*random.Float64()
		if ago := now.Sub(at); ago < 10*time.Minute && ago > 5*time.Minute {
			value += 900
		}
		rows = append(rows, point{at, value})
	}
	s.submit("my_metric", "thinkpad", []string{"env:test"}, mine...)
	s.submit("postgresql.rows_fetched", "thinkpad", []string{"db:shop"}, rows...)
}

func TestB1DashboardMadeByTheAPIOpensInTheBrowser(t *testing.T) {
	s := startServer(t)
	s.feedHistory(s.now())

	// The official client.
	ctx, client := s.api()
	var widgets []datadogV1.Widget
	for _, g := range graphs {
		definition := datadogV1.NewTimeseriesWidgetDefinition([]datadogV1.TimeseriesWidgetRequest{{Q: datadog.PtrString(g.query)}}, datadogV1.TIMESERIESWIDGETDEFINITIONTYPE_TIMESERIES)
		definition.SetTitle(g.title)
		widgets = append(widgets, *datadogV1.NewWidget(datadogV1.TimeseriesWidgetDefinitionAsWidgetDefinition(definition)))
	}
	dashboards := datadogV1.NewDashboardsApi(client)
	made, _, err := dashboards.CreateDashboard(ctx, *datadogV1.NewDashboard(datadogV1.DASHBOARDLAYOUTTYPE_ORDERED, "Exercise", widgets))
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := dashboards.GetDashboard(ctx, made.GetId())
	if err != nil {
		t.Fatal(err)
	}
	if len(read.GetWidgets()) != 3 || read.GetTitle() != "Exercise" {
		t.Errorf("read back %d widgets of %q, want 3 of Exercise", len(read.GetWidgets()), read.GetTitle())
	}
	read.SetDescription("three graphs")
	if _, _, err := dashboards.UpdateDashboard(ctx, made.GetId(), read); err != nil {
		t.Fatal(err)
	}
	if list, _, err := dashboards.ListDashboards(ctx); err != nil || len(list.GetDashboards()) != 1 {
		t.Errorf("list: got %d dashboards (error %v), want 1", len(list.GetDashboards()), err)
	}

	// The older call, as curl sends it.
	var old []map[string]any
	for _, g := range graphs {
		old = append(old, map[string]any{"title": g.title, "definition": map[string]any{"viz": "timeseries", "events": []any{}, "requests": []any{map[string]any{"q": g.query}}}})
	}
	var board struct {
		Dash struct{ ID string }
		URL  string
	}
	s.call("POST", "/api/v1/dash", map[string]any{"title": "Timeboard", "description": "old style", "graphs": old}, &board)
	var back struct {
		Dash struct{ Graphs []struct{ Title string } }
	}
	s.call("GET", "/api/v1/dash/"+board.Dash.ID, nil, &back)
	if len(back.Dash.Graphs) != 3 || back.Dash.Graphs[1].Title != "Rows fetched" {
		t.Errorf("timeboard read back: %+v", back)
	}

	// The hourly sum is the sum of the samples.
	now := s.now()
	hour := now.Truncate(time.Hour)
	sums := s.query(graphs[2].query, hour, now)
	raw := s.query("sum:my_metric{*}.rollup(sum, 10)", hour, now)
	if len(sums) != 1 || len(raw) != 1 {
		t.Fatalf("got %d and %d rows, want 1 and 1", len(sums), len(raw))
	}
	total := 0.0
	for _, v := range raw[0].values() {
		total += v
	}
	if values := sums[0].values(); len(values) == 0 || math.Abs(values[len(values)-1]-total) > 1e-6 {
		t.Errorf("hourly sum: got %v, want %v last", values, total)
	}

	b := openBrowser(t, s.url)
	for _, path := range []string{made.GetUrl(), board.URL} {
		b.open(path)
		b.see(graphs[0].title, graphs[1].title, graphs[2].title)
		b.until("three graphs are drawn", "document.querySelectorAll('canvas').length >= 3")
	}
	b.open(made.GetUrl())
	b.see("Exercise")
	b.inked("a curve of the series palette is drawn", 0x4c, 0x78, 0xe0, 20)
	b.screenshot("B1-dashboard")

	if _, _, err := dashboards.DeleteDashboard(ctx, made.GetId()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dashboards.GetDashboard(ctx, made.GetId()); err == nil {
		t.Error("a deleted dashboard can still be read")
	}
}

func TestB2SpikeIsOutsideTheBand(t *testing.T) {
	s := startServer(t)
	now := s.now()
	s.feedHistory(now)
	var answer struct {
		Frames []struct {
			Grid struct{ Start, Step int64 }
			Rows []struct {
				Values []*float64
				Band   *struct {
					Lower, Upper []*float64
					Anomalous    []bool
				}
			}
		}
	}
	s.call("GET", fmt.Sprintf("/api/ui/query?query=anomalies(avg:postgresql.rows_fetched%%7B*%%7D,'basic',2)&from=%d&to=%d", now.Add(-time.Hour).UnixMilli(), now.UnixMilli()), nil, &answer)
	if len(answer.Frames) != 1 || len(answer.Frames[0].Rows) != 1 || answer.Frames[0].Rows[0].Band == nil {
		raw, _ := json.Marshal(answer)
		t.Fatalf("got %.300s, want one row with a band", raw)
	}
	f, row := answer.Frames[0], answer.Frames[0].Rows[0]
	flagged, calm, calmFlagged := 0, 0, 0
	for i, v := range row.Values {
		if v == nil || row.Band.Upper[i] == nil {
			continue
		}
		ago := now.UnixMilli() - (f.Grid.Start + int64(i)*f.Grid.Step)
		switch {
		case *v > 900 && row.Band.Anomalous[i]:
			flagged++
		case ago > 15*60_000:
			calm++
			if row.Band.Anomalous[i] {
				calmFlagged++
			}
		}
	}
	if flagged == 0 {
		t.Error("no point of the spike is flagged")
	}
	if calm == 0 || calmFlagged > calm/10 {
		t.Errorf("%d of %d calm points are flagged", calmFlagged, calm)
	}

	b := openBrowser(t, s.url)
	b.open("/metrics/explorer?q=anomalies(avg:postgresql.rows_fetched%7B*%7D,'basic',2)")
	b.see("rows_fetched")
	b.inked("the points outside the band are red", 0xd9, 0x2d, 0x20, 5)
	b.screenshot("B2-anomaly")
}
