package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/alerting/downtime"
)

// What "whippet apply" is about to do, and how it finds out. Every document that
// it makes carries a mark: which set of files it belongs to, its key there, and
// the document as the files had it. What differs between that and the server's
// document was changed by somebody else since: a conflict, unless the files say
// the same. What differs between the server's and the files' is the plan.

// markField is where the mark is, in the document itself.
const markField = "whippet_apply"

// mark is what apply writes into a document.
type mark struct {
	Set      string         `json:"set"`
	Key      string         `json:"key"`
	Document map[string]any `json:"document"`
}

// resource is a kind of document that can be applied.
type resource struct {
	kind string // "monitor"
	path string // of the API
	name string // the field that people call it by
}

var (
	monitors   = resource{"monitor", "/api/v1/monitor", "name"}
	downtimes  = resource{"downtime", "/api/v1/downtime", "message"}
	dashboards = resource{"dashboard", "/api/v1/dashboard", "title"}
)

// wanted is a document of the files.
type wanted struct {
	resource
	key string
	doc map[string]any
}

// present is a document of the server.
type present struct {
	resource
	id   string
	doc  map[string]any
	mark *mark // nil: not made by apply
}

// action is one line of a plan.
type action struct {
	wanted   *wanted
	present  *present
	verb     byte // '+' create, '~' change, '-' delete, '=' nothing, '!' conflict
	changes  []string
	conflict string
}

type plan []action

// wantedOf understands the documents of the files. Each needs a key, or else a
// name, that no other of its kind has.
func wantedOf(m *manifest) ([]*wanted, error) {
	var all []*wanted
	for _, list := range []struct {
		resource
		docs []json.RawMessage
	}{{monitors, m.Monitors}, {downtimes, m.Downtimes}, {dashboards, m.Dashboards}} {
		seen := map[string]bool{}
		for i, raw := range list.docs {
			w := &wanted{resource: list.resource}
			if err := json.Unmarshal(raw, &w.doc); err != nil {
				return nil, err
			}
			w.key, _ = w.doc["key"].(string)
			delete(w.doc, "key")
			if w.key == "" {
				w.key, _ = w.doc[list.name].(string)
			}
			if w.key == "" {
				return nil, fmt.Errorf("%ss[%d]: give it a key, by which it is known", list.kind, i)
			}
			if seen[w.key] {
				return nil, fmt.Errorf("%ss[%d]: there are two of %q: give them different keys", list.kind, i, w.key)
			}
			seen[w.key] = true
			if err := w.normalize(); err != nil {
				return nil, fmt.Errorf("%s %q: %w", w.kind, w.key, err)
			}
			all = append(all, w)
		}
	}
	// Composites refer to other monitors, and downtimes to monitors.
	slices.SortStableFunc(all, func(a, b *wanted) int { return a.order() - b.order() })
	return all, nil
}

func (w *wanted) order() int  { return w.resource.order(w.doc) }
func (p *present) order() int { return p.resource.order(p.doc) }

// order is what has to be made first.
func (r resource) order(doc map[string]any) int {
	switch {
	case r.kind == "monitor" && doc["type"] != "composite":
		return 0
	case r.kind == "monitor":
		return 1
	}
	return 2
}

// normalize writes what can be written in several ways as the server does.
func (w *wanted) normalize() error {
	if w.kind != "downtime" {
		return nil
	}
	if scope, ok := w.doc["scope"].(string); ok {
		w.doc["scope"] = []any{scope}
	}
	name, _ := w.doc["timezone"].(string)
	zone, err := time.LoadLocation(name)
	if err != nil {
		return fmt.Errorf("timezone: %q is no zone such as Europe/Berlin", name)
	}
	for _, key := range []string{"start", "end", "until"} {
		if text, ok := w.doc[key].(string); ok {
			t, err := downtime.ParseTime(text, zone)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			w.doc[key] = t.Unix()
		}
	}
	return nil
}

// link puts numbers in the place of keys: ${key} in the query of a composite,
// and monitor: key in a downtime. Those not made yet are 0.
func (w *wanted) link(ids map[string]string) (map[string]any, error) {
	doc := maps.Clone(w.doc)
	lookup := func(key string) (string, error) {
		id, ok := ids[key]
		if !ok {
			return "", fmt.Errorf("%s %q: there is no monitor with the key %q in these files", w.kind, w.key, key)
		}
		return id, nil
	}
	if key, ok := doc["monitor"].(string); ok && w.kind == "downtime" {
		id, err := lookup(key)
		if err != nil {
			return nil, err
		}
		delete(doc, "monitor")
		doc["monitor_id"] = json.Number(id)
	}
	query, _ := doc["query"].(string)
	if w.kind != "monitor" || doc["type"] != "composite" {
		return doc, nil
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(query, "${")
		out.WriteString(before)
		if !found {
			break
		}
		key, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("monitor %q: query: ${ is never closed", w.key)
		}
		id, err := lookup(key)
		if err != nil {
			return nil, err
		}
		out.WriteString(id)
		query = after
	}
	doc["query"] = out.String()
	return doc, nil
}

// options of a plan.
type planOptions struct {
	set   string
	prune bool // delete what the files no longer have
	adopt bool // take over documents of the same name that apply didn't make
	force bool // overwrite what others changed
}

// planOf compares.
func planOf(want []*wanted, have []*present, o planOptions) (plan, error) {
	ids := map[string]string{}
	marked := func(w *wanted) *present {
		i := slices.IndexFunc(have, func(p *present) bool {
			return p.kind == w.kind && p.mark != nil && p.mark.Set == o.set && p.mark.Key == w.key
		})
		if i < 0 {
			return nil
		}
		return have[i]
	}
	for _, w := range want {
		if w.kind == "monitor" {
			if ids[w.key] = "0"; marked(w) != nil {
				ids[w.key] = marked(w).id
			}
		}
	}
	var out plan
	used := map[*present]bool{}
	for _, w := range want {
		a := action{wanted: w, present: marked(w), verb: '+'}
		doc, err := w.link(ids)
		if err != nil {
			return nil, err
		}
		if a.present == nil {
			a.claim(have, o)
		}
		if a.present != nil && a.verb != '!' {
			a.compare(doc, o)
		}
		used[a.present] = true
		out = append(out, a)
	}
	// What is made of others, or about them, goes before them.
	have = slices.Clone(have)
	slices.SortStableFunc(have, func(a, b *present) int { return b.order() - a.order() })
	for _, p := range have {
		if used[p] || p.mark == nil || p.mark.Set != o.set {
			continue
		}
		if o.prune {
			out = append(out, action{present: p, verb: '-'})
		} else {
			out = append(out, action{present: p, verb: '=', conflict: "not in the files any more; --prune deletes it"})
		}
	}
	return out, nil
}

// claim looks for a document of the same name that apply didn't make.
func (a *action) claim(have []*present, o planOptions) {
	if a.wanted.kind == "downtime" {
		return
	}
	for _, p := range have {
		if p.kind != a.wanted.kind || p.doc[p.name] != a.wanted.doc[p.name] || p.mark != nil && p.mark.Set == o.set {
			continue
		}
		a.present = p
		switch {
		case p.mark != nil && !o.force:
			a.verb, a.conflict = '!', fmt.Sprintf("%s %s has this name and belongs to the set %q", p.kind, p.id, p.mark.Set)
		case p.mark == nil && !o.adopt:
			a.verb, a.conflict = '!', fmt.Sprintf("%s %s has this name already and wasn't made by apply; --adopt takes it over", p.kind, p.id)
		}
		return
	}
}

// compare finds what changes, and what somebody else changed.
func (a *action) compare(doc map[string]any, o planOptions) {
	p := a.present
	a.changes = difference(restrict(p.doc, doc), doc)
	var removed []string
	var last map[string]any
	if p.mark != nil {
		last = p.mark.Document
		for key := range last {
			if _, still := doc[key]; !still && p.doc[key] != nil {
				removed = append(removed, fmt.Sprintf("- %s: %s", key, written(p.doc[key])))
			}
		}
	}
	slices.Sort(removed)
	a.changes = append(a.changes, removed...)
	if len(a.changes) == 0 {
		a.verb = '='
		return
	}
	a.verb = '~'
	if last == nil || o.force {
		return
	}
	if drift := difference(last, restrict(p.doc, last)); len(drift) > 0 {
		a.verb = '!'
		a.conflict = "changed by somebody else since it was applied; put the change into the files, or overwrite it with --force:\n" + strings.Join(drift, "\n")
	}
}

func difference(a, b any) []string {
	rawA, errA := json.Marshal(a)
	rawB, errB := json.Marshal(b)
	if err := errors.Join(errA, errB); err != nil {
		return []string{err.Error()}
	}
	return alerting.Diff(rawA, rawB)
}

func written(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

// restrict is v as far as shape has its fields: the server fills in others.
func restrict(v, shape any) any {
	switch shape := shape.(type) {
	case map[string]any:
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		out := map[string]any{}
		for key, inner := range shape {
			if value, has := m[key]; has {
				out[key] = restrict(value, inner)
			}
		}
		return out
	case []any:
		list, ok := v.([]any)
		if !ok {
			return v
		}
		out := slices.Clone(list)
		for i := range min(len(out), len(shape)) {
			out[i] = restrict(out[i], shape[i])
		}
		return out
	}
	return v
}

// conflicts says whether p can't be carried out.
func (p plan) conflicts() bool {
	return slices.ContainsFunc(p, func(a action) bool { return a.verb == '!' })
}

// changes says whether there is anything to do.
func (p plan) changes() bool {
	return slices.ContainsFunc(p, func(a action) bool { return a.verb != '=' })
}

// write shows p to a person.
func (p plan) write(w io.Writer) {
	counts := map[byte]int{}
	for _, a := range p {
		counts[a.verb]++
		what := ""
		switch {
		case a.wanted != nil && a.present != nil:
			what = fmt.Sprintf("%s %q (%s)", a.wanted.kind, a.wanted.key, a.present.id)
		case a.wanted != nil:
			what = fmt.Sprintf("%s %q", a.wanted.kind, a.wanted.key)
		default:
			what = fmt.Sprintf("%s %q (%s)", a.present.kind, a.present.mark.Key, a.present.id)
		}
		if a.verb == '=' && a.conflict == "" {
			continue
		}
		fmt.Fprintf(w, "%c %s\n", a.verb, what)
		if a.conflict != "" {
			fmt.Fprintln(w, "    "+strings.ReplaceAll(a.conflict, "\n", "\n      "))
		}
		if a.verb == '~' {
			for _, change := range a.changes {
				fmt.Fprintln(w, "    "+change)
			}
		}
	}
	fmt.Fprintf(w, "Plan: %d to create, %d to change, %d to delete, %d unchanged", counts['+'], counts['~'], counts['-'], counts['='])
	if counts['!'] > 0 {
		fmt.Fprintf(w, ", %d in conflict", counts['!'])
	}
	fmt.Fprintln(w)
}
