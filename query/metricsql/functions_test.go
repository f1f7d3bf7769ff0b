package metricsql

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	mql "github.com/VictoriaMetrics/metricsql"
	"pgregory.net/rapid"

	"github.com/whippet-obs/whippet/query"
)

// libraryNames reads the names in a table of functions of the parser's source.
func libraryNames(t *testing.T, file, table string) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/VictoriaMetrics/metricsql").Output()
	if err != nil {
		t.Fatalf("find the parser's source: %v", err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != table {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			name, err := strconv.Unquote(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return false
	})
	if len(names) < 30 {
		t.Fatalf("found %d names in %s of %s: has the parser's source changed?", len(names), table, file)
	}
	return names
}

// TestNoFunctionIsForgotten holds what is evaluated against the functions that
// the parser knows.
func TestNoFunctionIsForgotten(t *testing.T) {
	ev, err := begin(context.Background(), newFixture(t).engine, "", query.Grid{Start: 0, End: 0, Step: 1}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ev.run.End(nil)
	for _, name := range libraryNames(t, "rollup.go", "rollupFuncs") {
		c := &call{ev: ev, name: name, args: []mql.Expr{&mql.StringExpr{S: "min_over_time"}, &mql.StringExpr{S: "avg"}, &mql.StringExpr{}}}
		family, _ := (&rollupPlan{}).planFamily(c)
		if !family && rollupOf(name, make([][]float64, 3)) == nil {
			t.Errorf("the rollup function %s is missing", name)
		}
	}
	for _, name := range libraryNames(t, "transform.go", "transformFuncs") {
		if transformOf(name) == nil {
			t.Errorf("the function %s is missing", name)
		}
	}
	for _, name := range libraryNames(t, "aggr.go", "aggrFuncs") {
		if _, ok := groupFunctionOf(name); !ok && columnOf(name) == nil {
			t.Errorf("the aggregate %s is missing", name)
		}
	}
}

func TestAfterFindsTheFirstLaterTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOf(rapid.Int64Range(0, 60)).Draw(t, "times")
		slices.Sort(times)
		times = slices.Compact(times)
		i := rapid.IntRange(0, len(times)).Draw(t, "from")
		at, run := rapid.Int64Range(-1, 61).Draw(t, "at"), rapid.IntRange(0, 10).Draw(t, "run")
		want := i
		for want < len(times) && times[want] <= at {
			want++
		}
		if got := after(times, at, i, run); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
}
