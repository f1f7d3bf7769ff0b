package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestChangesTellWhatCameOutOfOrder(t *testing.T) {
	db := openTest(t, t.TempDir(), Options{})
	a, b := intern(t, db, "m", "n:a"), intern(t, db, "m", "n:b")
	at := start.UnixMilli() - 600_000
	keep := func(samples ...Sample) {
		t.Helper()
		if _, err := db.Append(context.Background(), &Batch{Samples: samples}); err != nil {
			t.Fatal(err)
		}
	}
	told := func(since Mark) string {
		var all []string
		if !db.Changes(since, func(ref Ref, ms int64) { all = append(all, fmt.Sprint(ref == a, ms-at)) }) {
			return "anything"
		}
		return strings.Join(all, ", ")
	}
	keep(Sample{a, at, 1}, Sample{a, at + 10, 1}, Sample{b, at + 5, 1})
	first := db.Mark()
	keep(Sample{a, at + 20, 1}, Sample{b, at + 15, 1})
	if got := told(first); got != "" {
		t.Errorf("samples in order: got %q", got)
	}
	keep(Sample{a, at + 20, 2}) // it takes the place of one
	second := db.Mark()
	keep(Sample{b, at + 7, 1}) // it comes between two
	if got := told(first); got != "true 20, false 7" {
		t.Errorf("since the first mark: got %q", got)
	}
	if got := told(second); got != "false 7" {
		t.Errorf("since the second mark: got %q", got)
	}
	if _, err := db.Delete(context.Background(), Filter{Op: MatchTag, Value: "n:b"}, at, at+10); err != nil {
		t.Fatal(err)
	}
	if got := told(second); got != "anything" {
		t.Errorf("since before a deletion: got %q", got)
	}
	third := db.Mark()
	if got := told(third); got != "" {
		t.Errorf("since after it: got %q", got)
	}
	many := make([]Sample, changesKept+1)
	for i := range many {
		many[i] = Sample{a, at + int64(i%7), 1}
	}
	keep(many...)
	if got := told(third); got != "anything" {
		t.Errorf("since more changes than are remembered: got %.40q", got)
	}
}
