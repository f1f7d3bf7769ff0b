package presets

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/web/boards"
)

// sentByOthers are metrics that no collector of ours emits: those that client
// libraries send about themselves, and those that the guide asks training
// scripts for.
var sentByOthers = []string{
	"datadog.dogstatsd.client.aggregated_context", "datadog.dogstatsd.client.bytes_sent", "datadog.dogstatsd.client.events",
	"datadog.dogstatsd.client.metrics", "datadog.dogstatsd.client.metrics_by_type", "datadog.dogstatsd.client.packets_dropped",
	"datadog.dogstatsd.client.packets_dropped_queue", "datadog.dogstatsd.client.packets_dropped_writer",
	"datadog.dogstatsd.client.packets_sent", "datadog.dogstatsd.client.service_checks",
	"training.loss", "training.step_time",
}

type widget struct {
	Definition struct {
		Type     string
		Title    string
		Requests []boards.Request
		Widgets  []widget
	}
	Layout struct{ X, Y, Width, Height int }
}

var variable = regexp.MustCompile(`\$\w+`)

func TestPresetsAskForMetricsThatAreEmitted(t *testing.T) {
	emitted := texts(t, "../../ingest", "../../cmd/whippet")
	isEmitted := func(name string) bool {
		dot := strings.LastIndexByte(name, '.')
		return slices.Contains(sentByOthers, name) || emitted[name] ||
			emitted[name[dot+1:]] && (emitted[name[:dot]] || emitted[name[:dot+1]]) // put together of two
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 5 {
		t.Errorf("%d presets, want 5", len(all))
	}
	for _, p := range all {
		t.Run(p.ID, func(t *testing.T) {
			if p.Title == "" || p.Description == "" {
				t.Errorf("title %q, description %q", p.Title, p.Description)
			}
			for _, name := range p.Needs {
				if !isEmitted(name) {
					t.Errorf("needs: nothing emits %s", name)
				}
			}
			widgets := widgetsOf(t, p)
			standApart(t, widgets)
			asked := 0
			for _, w := range widgets {
				standApart(t, w.Definition.Widgets)
				for _, inner := range append([]widget{w}, w.Definition.Widgets...) {
					for _, r := range inner.Definition.Requests {
						questions, err := r.Questions()
						if err != nil {
							t.Errorf("%s: %v", inner.Definition.Title, err)
						}
						for _, q := range questions {
							asked++
							if _, err := datadog.Parse(variable.ReplaceAllString(q, "*")); err != nil {
								t.Errorf("%s: %v", inner.Definition.Title, err)
							}
							for _, m := range regexp.MustCompile(`\w:([a-z][\w.]*)\{`).FindAllStringSubmatch(q, -1) {
								if !isEmitted(m[1]) {
									t.Errorf("%s: nothing emits %s", inner.Definition.Title, m[1])
								}
							}
						}
					}
				}
			}
			if asked < 10 {
				t.Errorf("asks %d questions", asked)
			}
		})
	}
}

func TestPresetsAppearWithTheirMetrics(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range With(all, []string{"gpu.utilization", "whippet.store.series"}) {
		ids = append(ids, p.ID)
	}
	if want := []string{"builtin-gpu-training", "builtin-whippet"}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
	if got := With(all, nil); len(got) > 0 {
		t.Errorf("without metrics: %v", got)
	}
}

func widgetsOf(t *testing.T, p Preset) (widgets []widget) {
	t.Helper()
	if err := json.Unmarshal(p.Dashboard["widgets"], &widgets); err != nil {
		t.Fatal(err)
	}
	return widgets
}

// standApart fails if a widget is off the grid or on another one.
func standApart(t *testing.T, widgets []widget) {
	t.Helper()
	for i, w := range widgets {
		a := w.Layout
		if a.X < 0 || a.Y < 0 || a.Width < 1 || a.Height < 1 || a.X+a.Width > 12 {
			t.Errorf("%s: layout %+v", w.Definition.Title, a)
		}
		for _, other := range widgets[i+1:] {
			b := other.Layout
			if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				t.Errorf("%s stands on %s", w.Definition.Title, other.Definition.Title)
			}
		}
	}
}

// texts are the string literals of the sources below folders.
func texts(t *testing.T, folders ...string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						found[text] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
