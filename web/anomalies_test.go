package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// withHabits keeps five days of m, with a daily wave and one incident.
func withHabits(t *testing.T, end time.Time) func(*Config) {
	return func(c *Config) {
		r := rand.New(rand.NewPCG(1, 2))
		ref, err := c.DB.Intern(store.Series{Name: "m", Tags: store.Tags{"host:a"}})
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		for i := 5 * 1440; i > 0; i-- {
			v := 100 + 30*math.Sin(float64(i)/720*math.Pi) + r.NormFloat64()
			if i >= 30 && i < 42 {
				v += 300
			}
			b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: end.UnixMilli() - int64(i)*60_000, Value: v})
		}
		if _, err := c.DB.Append(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnomaliesAreExplainedBacktestedAndRanked(t *testing.T) {
	end := time.Now().Truncate(time.Minute)
	base := serve(t, withHabits(t, end))
	from := end.Add(-2 * time.Hour).UnixMilli()

	q := url.Values{"query": {"anomalies(avg:m{*}, 'agile', 3, seasonality='daily')"}, "from": {fmt.Sprint(from)}, "to": {fmt.Sprint(end.UnixMilli())}}
	_, body := ask(t, "GET", base+"/api/ui/query?"+q.Encode(), "")
	var answer struct {
		Frames []struct {
			Rows []struct {
				Band struct {
					Lower, Middle, Upper []*float64
					Anomalous            []bool
					Summary, Algorithm   string
					Notes                []struct {
						At   int64
						Text string
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Frames) != 1 || len(answer.Frames[0].Rows) != 1 {
		t.Fatalf("%v in %.500s", err, body)
	}
	band := answer.Frames[0].Rows[0].Band
	if len(band.Middle) != len(band.Upper) || band.Middle[0] == nil || len(band.Notes) < 12 {
		t.Fatalf("band: %d middles, %d notes", len(band.Middle), len(band.Notes))
	}
	if !strings.Contains(band.Notes[len(band.Notes)-1].Text, "going by the same time on the days before") || !strings.Contains(band.Summary, "fell outside") {
		t.Errorf("%s\n%s", band.Notes[0].Text, band.Summary)
	}

	monitor := `{"type": "query alert", "name": "m", "message": "", "query": "avg(last_1h):anomalies(avg:m{*}, 'agile', 3, alert_window='last_5m', seasonality='daily') >= 0.6"}`
	request := func(marks string) string {
		return fmt.Sprintf(`{"monitor": %s, "from": %d, "to": %d, "marks": [%s]}`, monitor, end.Add(-24*time.Hour).UnixMilli(), end.UnixMilli(), marks)
	}
	status, body := ask(t, "POST", base+"/api/ui/anomalies/backtest", request(fmt.Sprintf(`{"from": %d, "to": %d, "real": true}`, end.Add(-42*time.Minute).UnixMilli(), end.Add(-30*time.Minute).UnixMilli())), "Content-Type", "application/json")
	var backtest struct {
		Line   string
		Count  int
		Best   int
		Judged int
		Alerts []struct {
			From, To int64
			Peak     float64
		}
		Table []struct {
			Bounds float64
			Window int64
			Alerts int
			Found  int
		}
	}
	if err := json.Unmarshal([]byte(body), &backtest); err != nil || status != 200 {
		t.Fatalf("%d, %v: %.500s", status, err, body)
	}
	if backtest.Count < 1 || len(backtest.Table) != 18 || backtest.Best < 0 || backtest.Table[backtest.Best].Found != 1 || backtest.Judged < 1300 {
		t.Errorf("%+v", backtest)
	}
	if !strings.HasPrefix(backtest.Line, "Last 1 d: ") {
		t.Errorf("line: %s", backtest.Line)
	}
	status, body = ask(t, "POST", base+"/api/ui/anomalies/backtest", `{"monitor": {"type": "metric alert", "query": "avg(last_5m):avg:m{*} > 3"}, "from": 1, "to": 2}`, "Content-Type", "application/json")
	if status != 400 || !strings.Contains(body, "anomalies") {
		t.Errorf("a monitor without anomalies: %d %s", status, body)
	}

	if status, body := ask(t, "POST", base+"/api/v1/monitor", monitor, "Content-Type", "application/json"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for _, which := range []string{"", "avg:m{*} by {host}"} {
		_, body = ask(t, "GET", base+"/api/ui/anomalies/unusual?"+url.Values{"query": {which}}.Encode(), "")
		var ranked struct {
			Series []struct {
				Query, Odds, What string
				At                int64
				Value             float64
				Alarm             bool
			}
		}
		if err := json.Unmarshal([]byte(body), &ranked); err != nil || len(ranked.Series) != 1 {
			t.Fatalf("%q: %v in %s", which, err, body)
		}
		if s := ranked.Series[0]; !s.Alarm || s.Value < 200 || !strings.HasPrefix(s.Odds, "seen ") {
			t.Errorf("%q: %+v", which, s)
		}
	}
}
