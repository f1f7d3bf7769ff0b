package uiapi

import (
	"slices"
	"testing"

	"github.com/whippet-obs/whippet/store/catalog"
)

func TestEventsAreCountedOverTimeAndByWhatTheyHave(t *testing.T) {
	tally := newTally(1_000, 61_000)
	for _, e := range []catalog.Event{
		{Time: 1_000, AlertType: "error", SourceType: "nagios", Priority: "normal", Host: "a", Tags: []string{"env:prod", "host:a", "bare"}},
		{Time: 1_999, AlertType: "info", SourceType: "chef", Priority: "low", Tags: []string{"env:prod"}},
		{Time: 61_000, AlertType: "success", SourceType: "chef", Priority: "normal", Host: "b", Tags: []string{"env:test", "team:web"}},
	} {
		tally.add(&e)
	}
	if tally.total != 3 || tally.bars[0] != (bar{At: 1_000, Error: 1, Info: 1}) || tally.bars[histogramBars-1] != (bar{At: 60_000, Success: 1}) {
		t.Errorf("%d events, first bar %+v, last %+v", tally.total, tally.bars[0], tally.bars[histogramBars-1])
	}
	var keys []string
	facets := tally.facets()
	for _, f := range facets {
		keys = append(keys, f.Key)
	}
	if want := []string{"source", "status", "priority", "host", "env", "team"}; !slices.Equal(keys, want) {
		t.Errorf("facets %q, want %q", keys, want)
	}
	if want := []count{{"prod", 2}, {"test", 1}}; !slices.Equal(facets[4].Values, want) {
		t.Errorf("env: %v, want %v", facets[4].Values, want)
	}
	if want := []count{{"a", 1}, {"b", 1}}; !slices.Equal(facets[3].Values, want) {
		t.Errorf("host: %v, want %v: a tag that says the event's own host counts once", facets[3].Values, want)
	}
}
