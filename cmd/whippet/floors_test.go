package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
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
	{"ingest/*", []string{"store"}},
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

func TestImportsRunDownwardsOnly(t *testing.T) {
	const module = "github.com/whippet-obs/whippet/"
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	may := map[string]map[string]bool{}
	for _, f := range floors {
		may[f.room] = map[string]bool{}
		for _, room := range f.may {
			may[f.room][room] = true
		}
	}
	packages := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; packages++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkg := strings.TrimPrefix(p.ImportPath, module)
		room, row := roomOf(pkg)
		if may[row] == nil {
			t.Errorf("%s has no floor: give it a row in DESIGN's table and in this one", pkg)
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			if to, toRow := roomOf(imported); to != room && !may[row][toRow] {
				t.Errorf("%s imports %s: the floor of %s may import from %s only", pkg, imported, row, rooms(may[row]))
			}
		}
	}
	if packages < 10 {
		t.Errorf("go list found %d packages", packages)
	}
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
