// Package presets holds the built-in dashboards: documents as the API of
// dashboards has them, and the metric that makes each worth showing. They are
// read-only; who wants another clones one.
//
//	all, err := presets.All()
//	for _, p := range presets.With(all, metrics) { ... p.Document() ... }
package presets

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed documents/*.json
var documents embed.FS

// Preset is one built-in dashboard.
type Preset struct {
	ID          string                     // "builtin-host"
	Title       string                     // as in the dashboard
	Description string                     // as in the dashboard
	Needs       []string                   // metrics without which it shows nothing
	Dashboard   map[string]json.RawMessage // without the fields that a server adds
}

// prefix sets the ids of presets apart from those of dashboards people make.
const prefix = "builtin-"

// All returns every preset, by id.
func All() ([]Preset, error) {
	files, err := documents.ReadDir("documents")
	if err != nil {
		return nil, fmt.Errorf("list the built-in dashboards: %w", err)
	}
	all := make([]Preset, len(files))
	for i, f := range files {
		raw, err := documents.ReadFile(path.Join("documents", f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the built-in dashboard %s: %w", f.Name(), err)
		}
		p := &all[i]
		if err := json.Unmarshal(raw, p); err != nil {
			return nil, fmt.Errorf("read the built-in dashboard %s: %w", f.Name(), err)
		}
		p.ID = prefix + strings.TrimSuffix(f.Name(), ".json")
		for field, into := range map[string]*string{"title": &p.Title, "description": &p.Description} {
			if err := json.Unmarshal(p.Dashboard[field], into); err != nil {
				return nil, fmt.Errorf("read the %s of the built-in dashboard %s: %w", field, f.Name(), err)
			}
		}
	}
	return all, nil
}

// With returns those that need nothing but the metrics, which are sorted.
func With(all []Preset, metrics []string) []Preset {
	return slices.DeleteFunc(slices.Clone(all), func(p Preset) bool {
		return slices.ContainsFunc(p.Needs, func(name string) bool {
			_, found := slices.BinarySearch(metrics, name)
			return !found
		})
	})
}

// Document is the dashboard as the API answers it.
func (p *Preset) Document() map[string]any {
	doc := map[string]any{"id": p.ID, "url": "/dashboard/" + p.ID, "is_read_only": true, "author_handle": "whippet"}
	for field, raw := range p.Dashboard {
		doc[field] = raw
	}
	return doc
}

// Summary is the document without its widgets.
func (p *Preset) Summary() map[string]any {
	doc := p.Document()
	for _, field := range []string{"widgets", "template_variables", "notify_list", "reflow_type"} {
		delete(doc, field)
	}
	return doc
}
