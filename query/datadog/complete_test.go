package datadog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/store"
)

// TestCompletion has the cursor where the bar stands.
func TestCompletion(t *testing.T) {
	f := newFixture(t)
	f.fill()
	f.put(gauge("system.cpu.user", "host:a", "env:prod"), 10, 1)
	f.put(gauge("system.load.1", "host:a"), 10, 1)
	for _, tt := range []struct{ text, want string }{
		{"|", "avg sum"},
		{"av|", "avg"},
		{"avg:sys|", "system.cpu.user system.load.1"},
		{"avg:load|", "system.load.1"}, // a word within
		{"avg:system.cpu.user{|", "env: host: team:"},
		{"avg:system.cpu.user{h|}", "host:"},
		{"avg:system.cpu.user{host:|}", "a"},
		{"avg:g{host:a, env:|}", "prod test"},
		{"avg:g{!ho|", "host:"},
		{"avg:g{*} by {|", "bare env host nice team"},
		{"avg:g{*} by {host, e|}", "env"},
		{"avg:g{*} |", "by"},
		{"avg:g{*}.r|", "rollup"},
		{"avg:g{*}.|", "fill rollup"},
		{"moving_|", "moving_rollup"},
		{"abs(su|", "sum"},
		{"avg:g{*} + ma|", "max"},
		{"zzz|", ""},
	} {
		cursor := strings.IndexByte(tt.text, '|')
		text := strings.Replace(tt.text, "|", "", 1)
		found, err := Complete(context.Background(), f.db, text, cursor, t0.UnixMilli()-3600_000, t0.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range found {
			got = append(got, s.Text)
			if s.From < 0 || s.From > cursor {
				t.Errorf("%s: %q replaces from %d", tt.text, s.Text, s.From)
			}
		}
		for _, want := range strings.Fields(tt.want) {
			if !slices.Contains(got, want) {
				t.Errorf("%s: got %q, want %s among them", tt.text, got, want)
			}
		}
		if tt.want == "" && len(got) > 0 {
			t.Errorf("%s: got %q, want none", tt.text, got)
		}
	}
}

func FuzzComplete(f *testing.F) {
	f.Add("avg:g{host:a} by {env}", 10)
	fx := newFixture(f)
	fx.fill()
	f.Fuzz(func(t *testing.T, text string, cursor int) {
		Complete(context.Background(), fx.db, text, cursor, 0, t0.UnixMilli())
	})
}

// BenchmarkComplete suggests among 100,000 series. The goal is 20 ms.
func BenchmarkComplete(b *testing.B) {
	f := newFixture(b)
	for m := range 1000 {
		var batch store.Batch
		for h := range 100 {
			series := gauge(fmt.Sprint("metric_", m), fmt.Sprint("host:", h), fmt.Sprint("env:", h%5))
			series.Tags = store.NewTags(series.Tags)
			ref, err := f.db.Intern(series)
			if err != nil {
				b.Fatal(err)
			}
			batch.Samples = append(batch.Samples, store.Sample{Ref: ref, Time: t0.UnixMilli() - 60_000, Value: 1})
		}
		if _, err := f.db.Append(context.Background(), &batch); err != nil {
			b.Fatal(err)
		}
	}
	for _, text := range []string{"avg:metric_5", "avg:metric_500{ho", "avg:metric_500{host:", "avg:metric_500{*} by {", "me"} {
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				found, err := Complete(context.Background(), f.db, text, len(text), t0.UnixMilli()-86_400_000, t0.UnixMilli())
				if err != nil || len(found) == 0 {
					b.Fatal(found, err)
				}
			}
		})
	}
}
