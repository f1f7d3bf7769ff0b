package alerting

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/alerting/message"
	"github.com/whippet-obs/whippet/store/catalog"
)

// word names what a transition tells, as it stands in front of a subject.
func (t *Transition) word() string {
	if t.Forgotten {
		return "Forgotten"
	}
	word := map[Status]string{Alert: "Triggered", Warn: "Warn", NoData: "No Data", OK: "Recovered"}[t.Group.Status]
	if t.Renotify {
		return "Re-" + word
	}
	return word
}

// subject is a mail's subject and an event's title: "[Triggered] name on
// {host:thinkpad}".
func (m *monitor) subject(word, title string, tags []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] ", word)
	if m.priority > 0 {
		fmt.Fprintf(&b, "[P%d] ", m.priority)
	}
	b.WriteString(title)
	if m.includeTags && len(tags) > 0 {
		fmt.Fprintf(&b, " on {%s}", strings.Join(tags, ","))
	}
	return b.String()
}

// eventTypes are the types of monitors' events, as Datadog names them.
var eventTypes = map[string]string{
	metricAlert: "metric_alert_monitor", queryAlert: "query_alert_monitor", serviceCheck: "service_check",
	eventAlert: "event_alert", eventV2Alert: "event_v2_alert", composite: "composite_monitor",
}

// event is a transition as it stands in the event log.
func (s *Service) event(m *monitor, t *Transition) catalog.Event {
	g := &t.Group
	e := catalog.Event{
		Title: m.subject(t.word(), m.title.RenderTitle(s.data(m, t)), g.Tags),
		Text:  m.account(t), Time: t.At, Tags: eventTags(m, g), Priority: "normal",
		AggregationKey: threadName(m.id, g.Name, t.Began), SourceType: "monitor",
		EventType: eventTypes[m.kind], MonitorID: m.id, Group: g.Name, From: string(t.From), To: string(g.Status),
	}
	for _, tag := range g.Tags {
		if host, ok := strings.CutPrefix(tag, "host:"); ok {
			e.Host = host
		}
	}
	switch {
	case t.Forgotten:
		e.AlertType = "warning"
	case g.Status == Alert:
		e.AlertType = "error"
	case g.Status == OK:
		e.AlertType = "success"
	default:
		e.AlertType = "warning"
	}
	return e
}

// account says in words what happened.
func (m *monitor) account(t *Transition) string {
	g := &t.Group
	var b strings.Builder
	switch {
	case t.Forgotten:
		fmt.Fprintf(&b, "%s without data for so long that the group is no longer looked for.", t.From)
		return b.String()
	case t.Changed:
		fmt.Fprintf(&b, "%s → %s.", t.From, g.Status)
	case t.Renotify:
		fmt.Fprintf(&b, "Still %s.", g.Status)
	default:
		fmt.Fprintf(&b, "%s, told now that nothing mutes it any more.", g.Status)
	}
	if v := m.verdict(g); v != "" {
		b.WriteString(" " + v + ".")
	}
	if t.Muted != "" {
		b.WriteString(" No mail: muted by " + t.Muted + ".")
	}
	return b.String()
}

// verdict compares the value with the threshold that decided: "902 > 800".
func (m *monitor) verdict(g *Group) string {
	if m.comparator == "" {
		return m.statement(g)
	}
	v := message.Number(float64(g.Value))
	compare := func(limit float64) string {
		return fmt.Sprintf("%s over the last %s %s %s", m.query.aggregator, windowText(m.query.window), v, m.comparator+" "+message.Number(limit))
	}
	switch g.Status {
	case Alert:
		if m.breaches(float64(g.Value), m.critical) {
			return compare(m.critical)
		}
		return v + ", not yet back past " + message.Number(m.criticalRecovery)
	case Warn:
		if m.breaches(float64(g.Value), m.warning) {
			return compare(m.warning)
		}
		return v + ", not yet back past " + message.Number(m.warningRecovery)
	case NoData:
		return "no data for " + windowText(max(0, msDuration(g.Since-g.LastData)))
	}
	if math.IsNaN(float64(g.Value)) {
		return ""
	}
	return v
}

// statement is what is known of a group whose status comes without a value to
// compare.
func (m *monitor) statement(g *Group) string {
	if text := g.Vars["check_message"]; text != "" && g.Status != NoData {
		line, _, _ := strings.Cut(text, "\n")
		return strings.TrimRight(line, ".")
	}
	if _, joins := m.query.source.(*compositeSource); joins {
		return m.queryText
	}
	if g.Status == NoData {
		return "no run for " + windowText(max(0, msDuration(g.Since-g.LastData)))
	}
	return m.value(g)
}

// eventTags is the tags of a group and of its monitor, each once.
func eventTags(m *monitor, g *Group) []string {
	tags := slices.Concat(g.Tags, m.scope, m.tags, []string{"monitor"})
	slices.Sort(tags)
	return slices.Compact(tags)
}

// threadName tells incidents apart: all mails and events of one share it.
func threadName(monitor int64, group string, began int64) string {
	return fmt.Sprintf("monitor-%d-%s-%d", monitor, hash(group), began)
}
