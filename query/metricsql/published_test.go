package metricsql

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/query"
)

// TestPublishedExamples evaluates the queries of VictoriaMetrics' own execution
// test and compares with the results that stand there. The file is not part of
// this repository: WHIPPET_VM_EXEC_TEST is the path of
// app/vmselect/promql/exec_test.go of a checkout.
func TestPublishedExamples(t *testing.T) {
	path := os.Getenv("WHIPPET_VM_EXEC_TEST")
	if path == "" {
		t.Skip("WHIPPET_VM_EXEC_TEST is not set")
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	engine := newFixture(t).engine
	grid := query.Grid{Start: 1_000_000, End: 2_000_000, Step: 200_000}
	n, wrong := 0, 0
	ast.Inspect(file, func(node ast.Node) bool {
		fn, ok := node.(*ast.FuncLit)
		if !ok {
			return true
		}
		p := readExample(fn.Body)
		if p == nil {
			return true
		}
		n++
		frame, err := Range(context.Background(), engine, p.query, grid, Options{})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = showRows(frame)
		}
		if deliberate[p.query] || len(p.rows) != len(distinctTexts(p.rows)) || strings.Contains(strings.Join(p.rows, ""), "?") {
			return false // on the list of docs/metricsql.md, or not understood by this test
		}
		if want := strings.Join(p.rows, "\n"); got != want {
			wrong++
			t.Errorf("%s\n got  %s\n want %s", p.query, got, want)
		}
		return false
	})
	t.Logf("%d of %d published examples differ", wrong, n)
}

func distinctTexts(texts []string) map[string]bool {
	set := map[string]bool{}
	for _, text := range texts {
		set[text] = true
	}
	return set
}

// deliberate are queries that are refused here: docs/metricsql.md says why.
var deliberate = map[string]bool{
	`"foobar"`: true, `1+"foobar"*2%9`: true, `median_over_time("foo")`: true,
	`{}`: true, `rate({})`: true, `median_over_time({})`: true, `rate({}[:5s])`: true,
}

type example struct {
	query string
	rows  []string
}

// readExample reads the statements of one case; nil when they are not a case.
func readExample(body *ast.BlockStmt) *example {
	rows := map[string]*query.Row{}
	var p *example
	for _, s := range body.List {
		a, ok := s.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 1 {
			continue
		}
		if name, ok := a.Lhs[0].(*ast.Ident); ok {
			if name.Name == "inf" {
				return nil // its own meaning of a name that numberOf knows
			}
			switch v := a.Rhs[0].(type) {
			case *ast.BasicLit:
				if name.Name == "q" {
					text, _ := strconv.Unquote(v.Value)
					p = &example{query: text}
				}
			case *ast.CompositeLit:
				if list, ok := v.Type.(*ast.ArrayType); ok && list.Len == nil && name.Name != "resultExpected" {
					return nil // cases made in a loop
				}
				if sel, ok := v.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Result" {
					r := &query.Row{}
					for _, e := range v.Elts {
						kv := e.(*ast.KeyValueExpr)
						if _, ok := kv.Value.(*ast.CompositeLit); ok && kv.Key.(*ast.Ident).Name == "MetricName" {
							return nil
						}
						if kv.Key.(*ast.Ident).Name == "Values" {
							for _, x := range kv.Value.(*ast.CompositeLit).Elts {
								r.Values = append(r.Values, numberOf(x))
							}
						}
					}
					rows[name.Name] = r
				}
				if _, ok := v.Type.(*ast.ArrayType); ok && name.Name == "resultExpected" && p != nil {
					for _, e := range v.Elts {
						if id, ok := e.(*ast.Ident); ok && rows[id.Name] != nil {
							p.rows = append(p.rows, showRow(*rows[id.Name]))
						}
					}
				}
			}
			continue
		}
		sel, ok := a.Lhs[0].(*ast.SelectorExpr)
		if !ok {
			continue
		}
		inner, ok := sel.X.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		id, ok := inner.X.(*ast.Ident)
		if !ok || rows[id.Name] == nil {
			continue
		}
		switch sel.Sel.Name {
		case "MetricGroup":
			rows[id.Name].Metric = bytesOf(a.Rhs[0])
		case "Tags":
			for _, tag := range a.Rhs[0].(*ast.CompositeLit).Elts {
				var key, value string
				for _, kv := range tag.(*ast.CompositeLit).Elts {
					kv := kv.(*ast.KeyValueExpr)
					if kv.Key.(*ast.Ident).Name == "Key" {
						key = bytesOf(kv.Value)
					} else {
						value = bytesOf(kv.Value)
					}
				}
				rows[id.Name].Tags = append(rows[id.Name].Tags, key+":"+value)
			}
		}
	}
	return p
}

func bytesOf(e ast.Expr) string {
	if c, ok := e.(*ast.CallExpr); ok && len(c.Args) == 1 {
		if lit, ok := c.Args[0].(*ast.BasicLit); ok {
			text, _ := strconv.Unquote(lit.Value)
			return text
		}
	}
	return "?"
}

func numberOf(e ast.Expr) float64 {
	switch e := e.(type) {
	case *ast.BasicLit:
		v, _ := strconv.ParseFloat(strings.ReplaceAll(e.Value, "_", ""), 64)
		return v
	case *ast.UnaryExpr:
		return -numberOf(e.X)
	case *ast.Ident:
		switch e.Name {
		case "nan":
			return math.NaN()
		case "inf":
			return math.Inf(1)
		}
	case *ast.BinaryExpr:
		a, b := numberOf(e.X), numberOf(e.Y)
		switch e.Op {
		case token.ADD:
			return a + b
		case token.SUB:
			return a - b
		case token.MUL:
			return a * b
		case token.SHL:
			return a * math.Pow(2, b)
		case token.QUO:
			return a / b
		}
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			if sel, ok := e.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Inf" {
				return math.Inf(int(numberOf(e.Args[0])))
			}
		}
	case *ast.SelectorExpr:
		if e.Sel.Name == "Pi" {
			return math.Pi
		}
	case *ast.ParenExpr:
		return numberOf(e.X)
	}
	return unknown
}

// unknown stands for a number that this test can't read.
const unknown = -123456789

func showRows(f *query.Frame) string {
	var rows []string
	for _, r := range f.Rows {
		rows = append(rows, showRow(r))
	}
	return strings.Join(rows, "\n")
}

func showRow(r query.Row) string {
	sort.Strings(r.Tags)
	text := r.Metric + "{" + strings.Join(r.Tags, ",") + "}"
	for _, v := range r.Values {
		if v == unknown {
			return "?"
		}
		text += fmt.Sprintf(" %.9g", v+0) // no -0
	}
	return text
}
