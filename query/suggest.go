package query

import (
	"cmp"
	"slices"
	"strings"
)

// Suggestion is a way in which a query may go on at a cursor.
type Suggestion struct {
	Text string // what it is called
	Kind string // metric, tag, key, value, function, aggregator, method, keyword
	Note string // what it is, in a few words; "" when its kind says it
	From int    // offset in bytes

	Insert string // replaces the query's text from From up to the cursor; "" stands for Text
	Caret  int    // bytes of Insert before the cursor then; 0 stands for its end
}

// Called makes a suggestion the name of a function, with the cursor between its
// parentheses.
func (s Suggestion) Called() Suggestion {
	s.Insert, s.Caret = s.Text+"()", len(s.Text)+1
	return s
}

// order ranks kinds.
func (s Suggestion) order() int {
	switch s.Kind {
	case "aggregator":
		return 1
	case "function":
		return 2
	case "keyword":
		return 3
	}
	return 0
}

// maxSuggestions bounds how many are worth showing.
const maxSuggestions = 50

// Rank orders the candidates that match what was written, the likeliest first:
// those that begin with it, then those in which a word does, then those that
// contain it; among equals names of the data before words of the language, and
// the shorter. What matches nothing written keeps its order.
func Rank(written string, candidates []Suggestion) []Suggestion {
	written = strings.ToLower(written)
	type ranked struct {
		Suggestion
		class int
	}
	var found []ranked
	for _, c := range candidates {
		text := strings.ToLower(c.Text)
		at := strings.Index(text, written)
		switch {
		case at < 0:
			continue
		case at == 0:
			at = 0
		case strings.IndexByte("._:-/", text[at-1]) >= 0:
			at = 1
		default:
			at = 2
		}
		found = append(found, ranked{c, at})
	}
	slices.SortStableFunc(found, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.order(), b.order()), cmp.Compare(len(a.Text), len(b.Text))*min(1, len(written)), cmp.Compare(a.Text, b.Text)*min(1, len(written)))
	})
	out := make([]Suggestion, min(len(found), maxSuggestions))
	for i := range out {
		out[i] = found[i].Suggestion
	}
	return out
}

// Nearest is the candidate closest to what was written, if one is close; else "".
func Nearest(written string, candidates []string) string {
	best, distance := "", max(2, len(written)/3)+1
	for _, c := range candidates {
		if d := editDistance(written, c); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
