package message

import (
	"fmt"
	"html"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// plainText writes a Markdown tree as text that reads well without a renderer:
// emphasis goes, links show where they lead, lists and quotes keep their marks.
func plainText(tree ast.Node, source []byte) string {
	p := plain{source: source}
	return strings.TrimSpace(strings.Join(p.blocks(tree), "\n\n"))
}

type plain struct{ source []byte }

// blocks returns the paragraphs under n, each without a blank line around it.
func (p *plain) blocks(n ast.Node) []string {
	var out []string
	add := func(text string) {
		if text = strings.Trim(text, "\n"); strings.TrimSpace(text) != "" {
			out = append(out, text)
		}
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Blockquote:
			add(indent(strings.Join(p.blocks(c), "\n\n"), "> ", "> "))
		case *ast.List:
			add(p.list(c))
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			add(indent(p.lines(c), "    ", "    "))
		case *ast.ThematicBreak:
			add("---")
		case *ast.HTMLBlock:
		case *extast.Table:
			add(p.table(c))
		default:
			add(p.inline(c))
		}
	}
	return out
}

func (p *plain) list(list *ast.List) string {
	var items []string
	number := list.Start
	for c := list.FirstChild(); c != nil; c = c.NextSibling() {
		mark := "- "
		if list.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		between := "\n"
		if !list.IsTight {
			between = "\n\n"
		}
		items = append(items, indent(strings.Join(p.blocks(c), between), mark, strings.Repeat(" ", len(mark))))
	}
	return strings.Join(items, "\n")
}

func (p *plain) table(table ast.Node) string {
	var rows []string
	for row := table.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, p.inline(cell))
		}
		rows = append(rows, strings.Join(cells, " | "))
	}
	return strings.Join(rows, "\n")
}

func (p *plain) lines(n ast.Node) string {
	return string(n.Lines().Value(p.source))
}

// inline returns the text of a paragraph, a heading or a cell.
func (p *plain) inline(n ast.Node) string {
	var b strings.Builder
	p.write(&b, n)
	return b.String()
}

func (p *plain) write(b *strings.Builder, n ast.Node) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			if c.IsRaw() {
				b.Write(c.Segment.Value(p.source))
			} else {
				b.WriteString(unescape(c.Segment.Value(p.source)))
			}
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte('\n')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.RawHTML:
		case *ast.AutoLink:
			b.Write(c.Label(p.source))
		case *ast.Link:
			text, to := p.inline(c), string(c.Destination)
			writeLink(b, text, to)
		case *ast.Image:
			writeLink(b, p.inline(c), string(c.Destination))
		default:
			p.write(b, c)
		}
	}
}

func writeLink(b *strings.Builder, text, to string) {
	switch {
	case text == "" || text == to || "mailto:"+text == to:
		b.WriteString(to)
	case to == "":
		b.WriteString(text)
	default:
		b.WriteString(text + " (" + to + ")")
	}
}

// unescape takes the backslash from escaped punctuation and reads entities, as
// Markdown does.
func unescape(text []byte) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", text[i+1]) >= 0 {
			i++
		}
		b.WriteByte(text[i])
	}
	return html.UnescapeString(b.String())
}

// indent puts first before the first line of text, and rest before the others.
func indent(text, first, rest string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		lines[i] = strings.TrimRight(prefix+lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
