package alerting

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Diff says in lines how a JSON document becomes another:
//
//	options.thresholds.critical: 800 → 900
//	tags: + "team:db"
//	+ priority: 2
//
// Fields that are null or missing are the same. Keys come sorted.
func Diff(before, after json.RawMessage) []string {
	var lines []string
	diffAt("", decoded(before), decoded(after), &lines)
	return lines
}

func decoded(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

func diffAt(path string, a, b any, lines *[]string) {
	if equal(a, b) {
		return
	}
	objectA, isA := a.(map[string]any)
	objectB, isB := b.(map[string]any)
	if isA && isB {
		keys := maps.Clone(objectA)
		maps.Copy(keys, objectB)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			diffAt(strings.TrimPrefix(path+"."+key, "."), objectA[key], objectB[key], lines)
		}
		return
	}
	listA, isA := a.([]any)
	listB, isB := b.([]any)
	if isA && isB && plain(listA) && plain(listB) {
		var parts []string
		for _, v := range listA {
			if !slices.ContainsFunc(listB, func(w any) bool { return equal(v, w) }) {
				parts = append(parts, "- "+written(v))
			}
		}
		for _, v := range listB {
			if !slices.ContainsFunc(listA, func(w any) bool { return equal(v, w) }) {
				parts = append(parts, "+ "+written(v))
			}
		}
		if len(parts) > 0 {
			*lines = append(*lines, path+": "+strings.Join(parts, ", "))
			return
		}
	}
	if isA && isB && len(listA) == len(listB) {
		for i := range listA {
			diffAt(fmt.Sprintf("%s[%d]", path, i), listA[i], listB[i], lines)
		}
		return
	}
	switch {
	case a == nil:
		*lines = append(*lines, fmt.Sprintf("+ %s: %s", path, written(b)))
	case b == nil:
		*lines = append(*lines, fmt.Sprintf("- %s: %s", path, written(a)))
	default:
		*lines = append(*lines, fmt.Sprintf("%s: %s → %s", path, written(a), written(b)))
	}
}

// plain says whether a list holds no objects and no lists.
func plain(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		switch v.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
}

// equal compares decoded JSON; 1 and 1.0 are the same number.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, errX := a.Float64()
		y, errY := b.Float64()
		return a == b || errX == nil && errY == nil && x == y
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for key := range a {
			if !equal(a[key], b[key]) {
				return false
			}
		}
		for key := range b {
			if _, has := a[key]; !has && b[key] != nil {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	}
	switch b.(type) {
	case json.Number, map[string]any, []any:
		return false
	}
	return a == b
}

func written(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return fmt.Sprint(v)
	}
	const most = 300
	text := strings.TrimSpace(b.String())
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
