package main

import (
	"fmt"
	"log"
	"strings"
)

// table is printed in Markdown once it is whole.
type table struct {
	title   string
	columns []string
	rows    [][]string
}

func newTable(title string, columns ...string) *table {
	return &table{title: title, columns: columns}
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// failed adds a row for what could not be measured.
func (t *table) failed(err error, cells ...string) {
	log.Printf("%s: %s: %v", t.title, strings.Join(cells, ", "), err)
	t.row(append(cells, "fails")...)
}

func (t *table) print() {
	fmt.Printf("\n### %s\n\n| %s |\n|%s\n", t.title, strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, cells := range t.rows {
		for len(cells) < len(t.columns) {
			cells = append(cells, "")
		}
		fmt.Printf("| %s |\n", strings.Join(cells, " | "))
	}
}
