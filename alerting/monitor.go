package alerting

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/message"
)

// monitor is a monitor's document, understood. It is never changed: an edit
// makes a new one.
type monitor struct {
	id  int64
	doc object // as it is kept: the client's fields and id, created, modified, creator

	name     string
	kind     string
	tags     []string
	priority int // 0: none
	draft    bool
	modified int64 // ms

	query      *question
	queryText  string // whole, with window and threshold
	title      *message.Template
	body       *message.Template
	escalation *message.Template // nil: none
	scope      []string          // tags that the query filters by

	options
	rules
}

// parseMonitor understands a monitor's document. The error is a *FieldError.
func parseMonitor(doc object) (*monitor, error) {
	r := &reader{object: doc}
	m := &monitor{doc: doc}
	var id, priority float64
	r.get("id", "a number", &id)
	m.id = int64(id)
	if r.get("type", "a text", &m.kind); r.err == nil && !slices.Contains(kinds, m.kind) {
		r.refuse("type", `"`+strings.Join(kinds, `", "`)+`"`)
	}
	r.get("query", "a text", &m.queryText)
	r.check(strings.TrimSpace(m.queryText) != "", "query", "a query such as "+example(m.kind))
	r.get("name", "a text", &m.name)
	r.check(len(m.name) <= 1000, "name", "at most 1000 bytes")
	r.get("tags", "a list of texts", &m.tags)
	if r.get("priority", "a number from 1 to 5, or null", &priority) {
		m.priority = int(priority)
		r.check(priority == float64(m.priority) && m.priority >= 1 && m.priority <= 5, "priority", "a number from 1 to 5, or null")
	}
	var text, draft string
	r.get("message", "a text", &text)
	if r.get("draft_status", "a text", &draft) {
		r.check(draft == "draft" || draft == "published", "draft_status", "draft or published")
		m.draft = draft == "draft"
	}
	var modified time.Time
	r.get("modified", "a time", &modified)
	m.modified = modified.UnixMilli()
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if m.query, err = parseQuestion(m.kind, m.queryText); err != nil {
		return nil, &FieldError{Field: "query", Value: m.queryText, Allowed: "a query such as " + example(m.kind), Err: err}
	}
	if m.kind == metricAlert || m.kind == queryAlert {
		m.scope = scopeTags(m.query.text)
	}
	if m.options, m.rules, err = readOptions(r, m.query); err != nil {
		return nil, err
	}
	if m.name == "" {
		m.name = m.queryText
	}
	if m.title, err = m.template("name", m.name); err != nil {
		return nil, err
	}
	if m.body, err = m.template("message", text); err != nil {
		return nil, err
	}
	if m.options.escalation != "" {
		if m.escalation, err = m.template("options.escalation_message", m.options.escalation); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// template parses one of the monitor's texts and checks the names in it.
func (m *monitor) template(field, text string) (*message.Template, error) {
	t, err := message.Parse(text)
	if err != nil {
		return nil, &FieldError{Field: field, Value: short([]byte(text)), Allowed: "a message", Err: err}
	}
	// What the query asks for, every group has: {host:db1} gives host.name too.
	known := message.Known{Groups: slices.Clone(m.query.groupBy)}
	for key := range tagValues(m.scope) {
		known.Groups = append(known.Groups, key)
	}
	switch m.query.source.(type) {
	case *eventSource:
		known.Vars = append(known.Vars, "event.*")
	case *verdictSource:
		known.Vars = append(known.Vars, "explanation")
	}
	if m.query.anyGroups {
		known.Vars = append(known.Vars, "*.name", "host.*")
	}
	problems := t.Check(known)
	if len(problems) == 0 {
		return t, nil
	}
	var errs []string
	for _, p := range problems {
		line := fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Message)
		if p.Suggestion != "" && !strings.Contains(p.Message, p.Suggestion) {
			line += fmt.Sprintf(" (did you mean %s?)", p.Suggestion)
		}
		errs = append(errs, line)
	}
	allowed := "a known variable"
	if problems[0].Suggestion != "" {
		allowed = problems[0].Suggestion
	}
	return nil, &FieldError{Field: field, Value: problems[0].Read, Allowed: allowed, Err: errors.New(strings.Join(errs, "; "))}
}

// interval is how often the monitor is evaluated, in ms.
func (m *monitor) interval() int64 {
	switch w := m.query.window; {
	case m.query.comparator == "":
		return 15_000 // statuses are at hand
	case w <= time.Minute:
		return 10_000
	case w <= 24*time.Hour:
		return 60_000
	case w < 48*time.Hour:
		return 600_000
	default:
		return 1_800_000
	}
}

// bucket is the width of the samples that DogStatsD clients and agents send,
// and settle how long after its end a bucket has surely arrived.
const (
	bucket = int64(10_000)
	settle = int64(4_000)
)

// windowEnd is where the window of an evaluation that is due at at ends. The
// newest bucket would be half filled (it is flushed 10 to 12 s after its
// start), so the window ends with the last one that is complete.
func (m *monitor) windowEnd(at int64) int64 {
	if m.kind != metricAlert && m.kind != queryAlert {
		return at - m.evaluationDelay // nothing comes in buckets
	}
	return (at - m.evaluationDelay - settle) / bucket * bucket
}

// filters finds the braces of a query's filters, not those of "by".
var filters = regexp.MustCompile(`(by\s*)?\{([^}]*)\}`)

var plainTag = regexp.MustCompile(`^[\pL_][^\s!*$()]*$`)

// scopeTags is the tags that every series of the query's first term carries
// because it asks for them. Downtimes and mails know a group by them too.
func scopeTags(text string) []string {
	var tags []string
	for _, match := range filters.FindAllStringSubmatch(text, -1) {
		if match[1] != "" {
			continue
		}
		if strings.ContainsAny(match[2], "()") || strings.Contains(match[2], " OR ") {
			break
		}
		for _, part := range strings.Split(strings.ReplaceAll(match[2], " AND ", ","), ",") {
			if part = strings.TrimSpace(part); plainTag.MatchString(part) {
				tags = append(tags, part)
			}
		}
		break // of several terms, the first names what the monitor is about
	}
	return tags
}
