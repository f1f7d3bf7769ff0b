package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store"
)

// Group is the series that share the values of some tag keys.
type Group struct {
	Tags    []string // "key:value", one per key, sorted; empty when there is no key
	Members []int    // indexes of series
}

// GroupBy groups series by tag keys. A series with several values of a key is
// in several groups; one without the key is in the group "key:N/A". The tags of
// its hosts count as a series' own. Groups come sorted by their tags.
func GroupBy(series []store.SeriesInfo, keys []string) []Group {
	if len(keys) == 0 {
		all := Group{Tags: []string{}, Members: make([]int, len(series))}
		for i := range series {
			all.Members[i] = i
		}
		return []Group{all}
	}
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	index := map[string]int{}
	var groups []Group
	for i := range series {
		for _, tags := range combinations(&series[i], keys) {
			id := strings.Join(tags, "\x00")
			g, ok := index[id]
			if !ok {
				g = len(groups)
				index[id] = g
				groups = append(groups, Group{Tags: tags})
			}
			groups[g].Members = append(groups[g].Members, i)
		}
	}
	slices.SortFunc(groups, func(a, b Group) int { return slices.CompareFunc(a.Tags, b.Tags, cmp.Compare[string]) })
	return groups
}

// maxCombinations bounds the groups one series may be in.
const maxCombinations = 64

// combinations gives every choice of one value per key.
func combinations(s *store.SeriesInfo, keys []string) [][]string {
	choices := [][]string{{}}
	for _, key := range keys {
		values := s.Tags.Values(key)
		values = append(values, s.HostTags.Values(key)...)
		if len(values) == 0 {
			values = []string{"N/A"}
		}
		var longer [][]string
		for _, choice := range choices {
			for _, value := range values {
				if len(longer) < maxCombinations {
					longer = append(longer, append(slices.Clone(choice), key+":"+value))
				}
			}
		}
		choices = longer
	}
	return choices
}
