package message

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Render writes the message for data.
func (t *Template) Render(data Data) (Rendered, error) {
	w := &writer{data: &data}
	w.nodes(t.nodes)
	w.mark()
	receivers := w.receivers()
	text, html, err := w.format()
	if err != nil {
		return Rendered{}, fmt.Errorf("message: %w", err)
	}
	return Rendered{Text: text, HTML: html, Receivers: receivers}, nil
}

// RenderTitle writes a one-line text such as a monitor's name: variables and
// sections work, Markdown and receivers don't.
func (t *Template) RenderTitle(data Data) string {
	w := &writer{data: &data}
	w.nodes(t.nodes)
	var b strings.Builder
	for _, p := range w.pieces {
		b.WriteString(p.text)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Receivers returns everybody the message names in any state, as far as they
// don't depend on variables.
func (t *Template) Receivers() Receivers {
	w := &writer{}
	var walk func(nodes []node)
	walk = func(nodes []node) {
		for i := range nodes {
			switch n := &nodes[i]; n.kind {
			case literal:
				w.pieces = append(w.pieces, piece{text: n.text})
			case section:
				// Neighbouring texts of different states are no one text.
				for _, part := range [][]node{n.body, n.other} {
					w.pieces = append(w.pieces, piece{text: " "})
					walk(part)
				}
				w.pieces = append(w.pieces, piece{text: " "})
			default:
				w.pieces = append(w.pieces, piece{text: unknown, value: true})
			}
		}
	}
	walk(t.nodes)
	w.mark()
	return w.receivers()
}

// piece is some text of the rendered message: the author's, or a value.
type piece struct {
	text  string
	value bool
}

// writer renders a message: first into pieces, then, with a mark in the place
// of every value, into Markdown.
type writer struct {
	data   *Data
	pieces []piece
	spent  int // bytes of values

	markdown string
	values   []string // by the number in their mark
	prefix   string   // of marks
}

func (w *writer) nodes(nodes []node) {
	for i := range nodes {
		switch n := &nodes[i]; n.kind {
		case literal:
			w.pieces = append(w.pieces, piece{text: n.text})
		case variable:
			w.value(w.data.text(n.name))
		case eval:
			if v := n.expr.eval(w.data.number); !math.IsNaN(v) && !math.IsInf(v, 0) {
				w.value(Number(v))
			}
		case localTime:
			at, ok := w.data.Times[n.args[0]]
			zone, err := time.LoadLocation(n.args[1])
			if ok && err == nil {
				w.value(at.In(zone).Format("Mon Jan 2 2006, 15:04:05 MST"))
			}
		case section:
			if w.data.holds(n) {
				w.nodes(n.body)
			} else {
				w.nodes(n.other)
			}
		}
	}
}

// value adds a value, without control characters and not too long.
func (w *writer) value(text string) {
	limit := max(0, min(maxValue, maxValues-w.spent))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || r == unicode.ReplacementChar || isBidi(r) {
			return -1
		}
		return r
	}, text)
	w.spent += len(text)
	if text != "" {
		w.pieces = append(w.pieces, piece{text: text, value: true})
	}
}

// isBidi says whether r reorders the text around it, with which a value could
// make a mail read other than it is.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func (d *Data) text(name string) string {
	if text, ok := d.Vars[name]; ok {
		return text
	}
	if v, ok := d.Numbers[name]; ok && !math.IsNaN(v) {
		return Number(v)
	}
	return ""
}

func (d *Data) number(name string) float64 {
	if v, ok := d.Numbers[name]; ok {
		return v
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(d.Vars[name]), 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// holds says whether a section's body is shown. An unknown condition never
// holds, with # or with ^.
func (d *Data) holds(n *node) bool {
	var holds bool
	switch n.name {
	case "is_priority":
		holds = slices.ContainsFunc(n.args, func(arg string) bool {
			p, ok := priority(arg)
			return ok && p == d.Priority
		})
	case "is_match", "is_exact_match":
		if len(n.args) == 0 {
			return false
		}
		text := d.text(plainName(n.args[0]))
		holds = slices.ContainsFunc(n.args[1:], func(arg string) bool {
			if n.name == "is_match" && arg != "" {
				return strings.Contains(text, arg)
			}
			return text == arg
		})
	default:
		condition, ok := conditions[n.name]
		if !ok {
			return false
		}
		holds = condition(d)
	}
	return holds != n.negate
}

// priority reads P1 to P5.
func priority(text string) (int, bool) {
	if len(text) == 2 && (text[0] == 'P' || text[0] == 'p') && text[1] >= '1' && text[1] <= '5' {
		return int(text[1] - '0'), true
	}
	return 0, false
}

// mark writes the Markdown with marks for values. A mark is a word of small
// letters and digits, which Markdown and HTML leave alone wherever it stands,
// also in a link, and which the author's text doesn't hold.
func (w *writer) mark() {
	var author strings.Builder
	for _, p := range w.pieces {
		if !p.value {
			author.WriteString(p.text)
			author.WriteByte(' ') // a mark can't be made up of neighbours
		}
	}
	joined := author.String()
	w.prefix = "xvaluex"
	for n := 0; strings.Contains(joined, w.prefix); n++ {
		w.prefix = "xvalue" + strconv.Itoa(n) + "x"
	}
	var b strings.Builder
	for _, p := range w.pieces {
		if !p.value {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(w.prefix + strconv.Itoa(len(w.values)) + "x")
		w.values = append(w.values, p.text)
	}
	w.markdown = b.String()
}

// nextMark finds the first mark in text. Without one, start is len(text).
func (w *writer) nextMark(text string) (start, end, index int) {
	for from := 0; ; {
		at := strings.Index(text[from:], w.prefix)
		if at < 0 {
			return len(text), len(text), -1
		}
		start = from + at
		digits := start + len(w.prefix)
		end = digits
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(text[digits:end])
		if err == nil && n < len(w.values) && end < len(text) && text[end] == 'x' {
			return start, end + 1, n
		}
		from = digits
	}
}

// fill puts values, as write makes them, in the places of their marks. write
// also gets what stands before.
func (w *writer) fill(text string, write func(before, value string) string) string {
	var b strings.Builder
	for {
		start, end, index := w.nextMark(text)
		b.WriteString(text[:start])
		if index < 0 {
			return b.String()
		}
		b.WriteString(write(b.String(), w.values[index]))
		text = text[end:]
	}
}
