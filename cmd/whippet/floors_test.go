package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// floors is the table of DESIGN: which rooms a package may import from. A room
// is a folder with all below it, except that the front ends of query are rooms
// of their own. Within a room everyone may import everyone.
var floors = []struct {
	room string
	may  []string
}{
	{"store", nil},
	{"anomaly", nil},
	{"ingest/payload", nil}, // what the protocols share
	{"ingest/histogram", []string{"store"}},
	{"ingest/*", []string{"store", "ingest/payload", "ingest/histogram"}},
	{"query", []string{"store", "anomaly"}},
	{"query/*", []string{"query", "store", "anomaly"}}, // the last two: their types are in query's own signatures
	{"alerting", []string{"query", "query/*", "store", "anomaly"}},
	{"web", []string{"alerting", "query", "query/*", "ingest/*", "store", "anomaly"}},
	{"cmd", []string{"web", "alerting", "query", "query/*", "ingest/*", "store", "anomaly"}},
	{"bench", []string{"web", "alerting", "query", "query/*", "ingest/*", "store", "anomaly"}},
}

// roomOf returns the room of a package, its path given below the module's, and
// the row of the table that holds for it.
func roomOf(pkg string) (room, row string) {
	first, rest, _ := strings.Cut(pkg, "/")
	second, _, _ := strings.Cut(rest, "/")
	if (first == "ingest" || first == "query") && second != "" {
		return first + "/" + second, first + "/*"
	}
	return first, first
}

// TestImportsRunDownwardsOnly reads the sources itself, and does not ask "go
// list": then the test's cached result is dropped when a source file changes.
func TestImportsRunDownwardsOnly(t *testing.T) {
	const module = "github.com/whippet-obs/whippet/"
	may := map[string]map[string]bool{}
	for _, f := range floors {
		may[f.room] = map[string]bool{}
		for _, room := range f.may {
			may[f.room][room] = true
		}
	}
	for pkg, imports := range importsBelow(t, "../..") {
		room, row := roomOf(pkg)
		if may[room] != nil {
			row = room
		}
		if may[row] == nil {
			t.Errorf("%s has no floor: give it a row in DESIGN's table and in this one", pkg)
			continue
		}
		for _, path := range imports {
			imported, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			if to, toRow := roomOf(imported); to != room && !may[row][to] && !may[row][toRow] {
				t.Errorf("%s imports %s: the floor of %s may import from %s only", pkg, imported, row, rooms(may[row]))
			}
		}
	}
}

// importsBelow returns what each package of the module at root imports, tests
// left out, by the package's path below root.
func importsBelow(t *testing.T, root string) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || isModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[pkg] = append(imports[pkg], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) < 10 {
		t.Fatalf("found %d packages below %s", len(imports), root)
	}
	return imports
}

// isModule reports whether dir is another module's root, as e2e is.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func rooms(may map[string]bool) string {
	var names []string
	for _, f := range floors {
		if may[f.room] {
			names = append(names, f.room)
		}
	}
	if len(names) == 0 {
		return "nothing of ours"
	}
	return strings.Join(names, ", ")
}
