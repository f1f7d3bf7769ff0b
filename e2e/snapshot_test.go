package e2e

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
)

func TestB3SnapshotIsDrawnOnAndMailed(t *testing.T) {
	mails := startMailServer(t)
	s := startServer(t, "--smtp", mails.addr, "--smtp-tls", "none", "--mail-only", "example.com", "--statsd", "", "--traces", "")
	now := s.now().Truncate(time.Second)
	s.feedHistory(now)
	const title, query = "Rows fetched", "avg:postgresql.rows_fetched{*}"
	var board struct{ ID, URL string }
	s.call("POST", "/api/v1/dashboard", map[string]any{"title": "Shop", "layout_type": "ordered", "widgets": []any{
		map[string]any{"definition": map[string]any{"type": "timeseries", "title": title, "requests": []any{map[string]any{"q": query}}}},
	}}, &board)

	// The spike's five minutes, as they look after a drag over the graph.
	from, to := now.Add(-11*time.Minute), now.Add(-4*time.Minute)
	view := fmt.Sprintf("%s?from_ts=%d&to_ts=%d&live=false", board.URL, from.UnixMilli(), to.UnixMilli())
	b := openBrowser(t, s.url)
	b.open(view)
	b.see(title)
	b.press("What to do with " + title)
	b.click("Send snapshot…")
	b.until("the picture is there", "document.querySelector('.snapshot-picture img')?.complete")
	b.drag(".snapshot-picture svg", 0.45, 0.35, 0.75, 0.7)
	b.see("Marked ")
	b.fill(".snapshot input", "@ada@example.com, bo@example.com")
	b.fill(".snapshot textarea", "What happened here?\n\nThe night job is not due.")
	b.screenshot("B3-snapshot")
	b.click("Send")
	b.see("On its way to @ada@example.com")

	got := mails.wait(1)[0]
	if got.Subject != "[Snapshot] "+title || fmt.Sprint(got.To) != "[ada@example.com bo@example.com]" {
		t.Errorf("the mail is %q to %v", got.Subject, got.To)
	}
	for _, want := range []string{"What happened here?", "The night job is not due.", query, "Marked:", s.url + board.URL, fmt.Sprintf("from_ts=%d", from.UnixMilli())} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, got.Text)
		}
	}
	if len(got.PNGs) == 0 {
		t.Fatal("the mail has no picture")
	}
	if n := pixelsLike(t, got.PNGs[0], color.RGBA{0x3b, 0x5b, 0xdb, 0xff}); n < 500 {
		t.Errorf("%d pixels of the picture have the colour of marks", n)
	}

	// Without a mark, the API's picture is the same.
	s.call("POST", "/api/ui/snapshots/send", map[string]any{
		"title": title, "queries": []any{map[string]any{"query": query}}, "from": from.UnixMilli(), "to": to.UnixMilli(), "receivers": "ada@example.com",
	}, nil)
	plain := mails.wait(1)[0]
	ctx, client := s.api()
	api := datadogV1.NewSnapshotsApi(client)
	taken, _, err := api.GetGraphSnapshot(ctx, from.Unix(), to.Unix(), *datadogV1.NewGetGraphSnapshotOptionalParameters().WithMetricQuery(query).WithTitle(title))
	if err != nil {
		t.Fatal(err)
	}
	if taken.GetMetricQuery() != query {
		t.Errorf("the answer is %+v", taken)
	}
	at, err := url.Parse(taken.GetSnapshotUrl())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := s.try("GET", at.Path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(plain.PNGs) == 0 || !bytes.Equal(picture, plain.PNGs[0]) {
		t.Errorf("the API's picture (%d bytes) is not the one in the mail", len(picture))
	}
	if _, err := s.try("POST", "/api/ui/snapshots/send", nil, []byte(`{"receivers":"ada@example.org","title":"t","queries":[{"query":"avg:m{*}"}],"from":1000,"to":2000}`)); err == nil || !strings.Contains(err.Error(), "--mail-only") {
		t.Errorf("to somebody whom the settings leave out: %v", err)
	}
}

func pixelsLike(t *testing.T, picture []byte, like color.RGBA) int {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for y := range img.Bounds().Max.Y {
		for x := range img.Bounds().Max.X {
			if c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA); near(c.R, like.R) && near(c.G, like.G) && near(c.B, like.B) {
				n++
			}
		}
	}
	return n
}

func near(a, b uint8) bool { return max(a, b)-min(a, b) < 12 }
