package web

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDeleteSeriesAsPrometheusDoes(t *testing.T) {
	end := time.Now().Add(-time.Minute).Truncate(time.Minute)
	url := serve(t, withSamples(t, end)) + "/prometheus/api/v1/"
	series := func() string {
		_, body := ask(t, "GET", url+"series?match[]=m", "")
		return body
	}
	for _, tt := range []struct {
		query  string
		status int
		want   string
	}{
		{"", 400, "at least one is required"},
		{"match[]=m{host=", 400, "match[]"},
		{"match[]=m&start=5&end=2", 400, "start must not be after end"},
		{"match[]=m{host=\"a\"}", 204, ""},
	} {
		if status, body := ask(t, "POST", url+"admin/tsdb/delete_series?"+tt.query, ""); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: got %d %s, want %d with %q", tt.query, status, body, tt.status, tt.want)
		}
	}
	if body := series(); strings.Contains(body, `"host":"a"`) || !strings.Contains(body, `"host":"b"`) {
		t.Errorf("the series are %s", body)
	}
	if status, body := ask(t, "PUT", fmt.Sprintf("%sadmin/tsdb/delete_series?match[]=m&start=%d&end=%d", url, end.Unix()-15, end.Unix()-5), ""); status != 204 {
		t.Errorf("got %d %s", status, body)
	}
	if _, body := ask(t, "GET", fmt.Sprintf("%squery?query=count_over_time(m[5m])&time=%d", url, end.Unix()), ""); !strings.Contains(body, `"2"`) {
		t.Errorf("after one of three samples is deleted: %s", body)
	}
}
