package uiapi

import (
	"slices"
	"testing"
)

func TestTheBestAnswerComesFirst(t *testing.T) {
	all := []thing{
		{Kind: "metric", Title: "system.load.1"},
		{Kind: "metric", Title: "payload.size"},
		{Kind: "metric", Title: "load"},
		{Kind: "dashboard", Title: "Load of the fleet"},
		{Kind: "monitor", Title: "Load is high", Detail: "avg(last_5m):avg:system.load.1{*} > 8 team:web"},
		{Kind: "monitor", Title: "Disk is full", Detail: "team:web"},
		{Kind: "host", Title: "web-1", Detail: "env:prod"},
	}
	for _, c := range []struct {
		words []string
		want  []string
	}{
		{[]string{"load"}, []string{"load", "Load of the fleet", "Load is high", "system.load.1", "payload.size"}},
		{[]string{"load", "high"}, []string{"Load is high"}},
		{[]string{"web"}, []string{"web-1", "Disk is full", "Load is high"}},
		{[]string{"prod"}, []string{"web-1"}},
		{[]string{"none"}, nil},
	} {
		var found []thing
		for _, one := range all {
			if one.rank = rank(c.words, one.Title, one.Detail); one.rank > 0 {
				found = append(found, one)
			}
		}
		var got []string
		for _, one := range best(found) {
			got = append(got, one.Title)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.words, got, c.want)
		}
	}
}

func TestNoKindFillsTheAnswer(t *testing.T) {
	var found []thing
	for range 100 {
		found = append(found, thing{Kind: "metric", Title: "a", rank: 100})
	}
	found = append(found, thing{Kind: "host", Title: "ab", rank: 60})
	kept := best(found)
	if len(kept) != mostOfAKind+1 || kept[mostOfAKind].Kind != "host" {
		t.Errorf("kept %d, the last is %+v", len(kept), kept[len(kept)-1])
	}
}
