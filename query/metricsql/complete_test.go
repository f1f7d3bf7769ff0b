package metricsql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	mql "github.com/VictoriaMetrics/metricsql"

	"github.com/whippet-obs/whippet/store"
)

// TestCompletion has the cursor where the bar stands.
func TestCompletion(t *testing.T) {
	f := newFixture(t)
	f.fill()
	for _, tt := range []struct{ text, want string }{
		{"|", "g total"},
		{"sys|", "system_cpu_user"},
		{"cpu|", "system_cpu_user"}, // a word within
		{"ra|", "rate"},
		{"sum(to|", "total"},
		{"g{|", "env host team"},
		{"g{ho|}", "host"},
		{`g{host="|"}`, "a b"},
		{`g{host=~"a|`, "a"},
		{`g{env="prod",host="|`, "a b"},
		{`{__name__="tot|`, "total"},
		{"sum(g) by (|", "env host"},
		{"g / on(ho|", "host"},
		{"g off|", "offset"},
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

func TestEveryFunctionIsSuggested(t *testing.T) {
	for file, table := range map[string]string{"rollup.go": "rollupFuncs", "transform.go": "transformFuncs", "aggr.go": "aggrFuncs"} {
		for _, name := range libraryNames(t, file, table) {
			if name != "" && !slices.Contains(functionNames, name) {
				t.Errorf("%s is not suggested", name)
			}
		}
	}
	for _, name := range functionNames {
		if !mql.IsSupportedFunction(name) && !slices.Contains([]string{"alias", "ru", "ttf", "range_median"}, name) { // templates
			t.Errorf("%s is suggested, and is no function", name)
		}
	}
}

func FuzzComplete(f *testing.F) {
	f.Add(`sum(g{host="a"}) by (env)`, 9)
	f.Add("_\xdb{", 73) // no name that is text
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
			series := store.Series{Name: fmt.Sprint("metric_", m), Tags: store.NewTags([]string{fmt.Sprint("host:", h), fmt.Sprint("env:", h%5)})}
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
	for _, text := range []string{"metric_5", "metric_500{ho", `metric_500{host="`, "sum(metric_500) by (", `{host="`} {
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
