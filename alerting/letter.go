package alerting

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"html"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/alerting/message"
)

// digestFrom is from how many groups on, moving the same way in one
// evaluation, one mail lists them instead of a mail each.
const digestFrom = 5

// digestRows bounds the list in a digest.
const digestRows = 100

// letters writes the mails about an evaluation's transitions.
func (s *Service) letters(m *monitor, transitions []Transition, at int64) []letter {
	type bundle struct {
		word, to    string
		transitions []*Transition
		rendered    []message.Rendered
	}
	var out []letter
	var bundles []*bundle
	byKey := map[[2]string]*bundle{}
	for i := range transitions {
		t := &transitions[i]
		if !t.Mail {
			continue
		}
		rendered, err := s.render(m, t)
		if err != nil {
			s.log.Error("a monitor's message cannot be written", "monitor", m.id, "err", err)
			continue
		}
		for _, name := range rendered.Webhooks {
			out = append(out, s.call(m, t, rendered, name, at))
		}
		if len(rendered.To) == 0 {
			continue // the message names nobody for this state
		}
		key := [2]string{t.word(), strings.Join(rendered.To, ",")}
		b := byKey[key]
		if b == nil {
			b = &bundle{word: key[0], to: key[1]}
			byKey[key] = b
			bundles = append(bundles, b)
		}
		b.transitions = append(b.transitions, t)
		b.rendered = append(b.rendered, rendered)
	}
	for _, b := range bundles {
		if len(b.transitions) >= digestFrom {
			out = append(out, s.digest(m, b.transitions, b.rendered, at))
			continue
		}
		for i, t := range b.transitions {
			out = append(out, s.letter(m, t, b.rendered[i], at))
		}
	}
	return out
}

// render writes a monitor's message for a transition, and finds its receivers.
func (s *Service) render(m *monitor, t *Transition) (message.Rendered, error) {
	data := s.data(m, t)
	r, err := m.body.Render(data)
	if err != nil {
		return r, err
	}
	if r.All {
		r.To = union(r.To, s.all)
	}
	if !t.Renotify || m.options.escalation == "" {
		return r, nil
	}
	more, err := m.escalation.Render(data)
	if err != nil {
		return r, err
	}
	r.Text = strings.TrimSpace(more.Text + "\n\n" + r.Text)
	r.HTML = more.HTML + r.HTML
	r.To, r.Webhooks = union(r.To, more.To), union(r.Webhooks, more.Webhooks)
	if more.All {
		r.To = union(r.To, s.all)
	}
	return r, nil
}

// union is a and what else b has.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.ContainsFunc(a, func(have string) bool { return strings.EqualFold(have, s) }) {
			a = append(slices.Clip(a), s)
		}
	}
	return a
}

// letter is the mail about one group.
func (s *Service) letter(m *monitor, t *Transition, body message.Rendered, at int64) letter {
	g := &t.Group
	title := m.title.RenderTitle(s.data(m, t))
	c := s.frame(m, t.word(), title, body)
	c.State, c.Word = looks(t)
	c.Since = "since " + s.clock(g.Since)
	if g.Status == OK && t.Began > 0 {
		c.Since = "after " + windowText(msDuration(at-t.Began))
	}
	facts := []mail.Fact{
		{Name: "Value", Value: m.measured(g)},
		{Name: "Group", Value: strings.Join(g.Tags, ", ")},
		{Name: "Why", Value: g.Vars["explanation"]},
		{Name: "Check", Value: g.Vars["check_message"]},
		{Name: "Event", Value: g.Vars["event.title"]},
		{Name: "Monitors", Value: s.memberNames(m)},
	}
	if len(t.Members) > 0 {
		facts = append(facts, mail.Fact{Name: "Affected", Value: members(t.Members)})
	}
	c.Facts = slices.Concat(facts, s.hostFacts(hostOf(slices.Concat(g.Tags, m.scope))), c.Facts)
	links := s.links(m, at)
	if host := hostOf(g.Tags); host != "" && s.url != "" {
		links = append(links, mail.Link{Text: "Host " + host, URL: s.url + "/infrastructure/" + url.PathEscape(host)})
	}
	c.Links = links
	if g.Status.bad() {
		c.Actions = s.muteLinks(m, muteScope(g), at)
	}

	l := letter{}
	if m.query.visible() {
		l.Picture = s.picture(m, title, at, g)
		c.ImageCID, c.DarkCID, c.ImageAlt = pictureCID, darkCID, fmt.Sprintf("%s from %s to %s", m.query.text, s.clock(l.Picture.From), s.clock(l.Picture.To))
	}
	l.Subject, l.To, l.status = m.subject(t.word(), title, g.Tags), body.To, g.Status
	thread := threadName(m.id, g.Name, t.Thread)
	unique := thread
	if !t.First {
		unique = fmt.Sprintf("%s-%s-%d", thread, slug(t.word()), t.At)
		l.References = []string{mail.NewMessageID(thread, s.from)}
	}
	s.seal(&l, m, c, unique)
	return l
}

// muteScope is what "mute this group" means for g, which may be a bundle.
func muteScope(g *Group) string { return groupName(g.Tags) }

// digest is one mail about many groups that moved the same way.
func (s *Service) digest(m *monitor, ts []*Transition, bodies []message.Rendered, at int64) letter {
	worst := 0
	for i, t := range ts {
		if m.farther(float64(t.Group.Value), float64(ts[worst].Group.Value)) {
			worst = i
		}
	}
	t := ts[worst]
	title := m.title.RenderTitle(s.data(m, t))
	c := s.frame(m, t.word(), title, bodies[worst])
	c.State, c.Word = looks(t)
	c.Since = s.clock(t.At)
	c.Facts = append([]mail.Fact{{Name: "Groups", Value: fmt.Sprint(len(ts))}, {Name: "Thresholds", Value: m.limits()}}, c.Facts...)
	groups := make([]*Group, len(ts))
	for i, t := range ts {
		groups[i] = &t.Group
	}

	var text, table strings.Builder
	table.WriteString(`<table cellpadding="4">`)
	for i, t := range ts {
		if i == digestRows {
			fmt.Fprintf(&text, "and %d more\n", len(ts)-i)
			fmt.Fprintf(&table, `<tr><td colspan="2">and %d more</td></tr>`, len(ts)-i)
			break
		}
		name, value := strings.TrimSpace(t.Group.Name), m.value(&t.Group)
		fmt.Fprintf(&text, "%s: %s\n", name, value)
		fmt.Fprintf(&table, "<tr><td><b>%s</b></td><td>%s</td></tr>", html.EscapeString(name), html.EscapeString(value))
	}
	table.WriteString("</table>")
	about := "The message for " + strings.Join(t.Group.Tags, ", ") + ":"
	c.BodyText = text.String() + "\n" + about + "\n" + c.BodyText
	c.BodyHTML = table.String() + "<p>" + html.EscapeString(about) + "</p>" + c.BodyHTML
	c.Links = s.links(m, at)
	if t.Group.Status.bad() {
		c.Actions = s.muteLinks(m, everything, at)
	}

	l := letter{}
	if m.query.visible() {
		l.Picture = s.picture(m, title, at, groups...)
		c.ImageCID, c.DarkCID, c.ImageAlt = pictureCID, darkCID, m.query.text
	}
	l.Subject = m.subject(t.word(), title, []string{fmt.Sprintf("%d groups", len(ts))})
	if !m.includeTags {
		l.Subject += fmt.Sprintf(" (%d groups)", len(ts))
	}
	l.To, l.status = bodies[worst].To, t.Group.Status
	// Each group's later mails refer to its thread, and so does this one.
	for i, t := range ts {
		if i == 20 {
			break
		}
		l.References = append(l.References, mail.NewMessageID(threadName(m.id, t.Group.Name, t.Thread), s.from))
	}
	unique := fmt.Sprintf("monitor-%d-digest-%s-%d", m.id, slug(t.word())+"-"+hash(strings.Join(l.To, ",")), t.At)
	s.seal(&l, m, c, unique)
	return l
}

// seal lays a letter out and gives it its identity. What a monitor says to the
// same receivers arrives in order.
func (s *Service) seal(l *letter, m *monitor, c mail.Content, unique string) {
	l.HTML, l.Text = mail.Layout(c)
	l.MonitorID, l.Created, l.MessageID = m.id, s.ms(), mail.NewMessageID(unique, s.from)
	l.Line = fmt.Sprintf("monitor-%d-%s", m.id, hash(strings.Join(l.To, ",")))
}

// frame is what all mails of a monitor show.
func (s *Service) frame(m *monitor, word, title string, body message.Rendered) mail.Content {
	c := mail.Content{Title: title, BodyHTML: body.HTML, BodyText: body.Text}
	if m.hideHandles {
		c.BodyHTML, c.BodyText = withoutHandles(body.HTML, body), withoutHandles(body.Text, body)
	}
	if m.hideBody {
		c.BodyHTML, c.BodyText = "", ""
	}
	if !m.hideQuery {
		c.Facts = append(c.Facts, mail.Fact{Name: "Query", Value: m.queryText, Code: true})
	}
	if m.priority > 0 {
		c.Facts = append(c.Facts, mail.Fact{Name: "Priority", Value: fmt.Sprintf("P%d", m.priority)})
	}
	c.Facts = append(c.Facts, mail.Fact{Name: "Tags", Value: strings.Join(m.tags, ", ")})
	if !m.hideFooter {
		c.Footer = fmt.Sprintf("You get this because the message of monitor %q names your address.", m.name)
	}
	return c
}

// withoutHandles takes the receivers out of a rendered message.
func withoutHandles(text string, r message.Rendered) string {
	handles := slices.Concat(r.To, r.Others)
	for _, name := range r.Webhooks {
		handles = append(handles, "webhook-"+name)
	}
	slices.SortFunc(handles, func(a, b string) int { return len(b) - len(a) })
	for _, handle := range handles {
		text = strings.ReplaceAll(text, "@"+handle, "")
		text = strings.ReplaceAll(text, "@"+html.EscapeString(handle), "")
	}
	return text
}

func (s *Service) links(m *monitor, at int64) []mail.Link {
	if s.url == "" {
		return nil
	}
	from, to := m.pictured(at)
	span := fmt.Sprintf("from_ts=%d&to_ts=%d&live=false", from, to)
	links := []mail.Link{
		{Text: "Monitor", URL: fmt.Sprintf("%s/monitors/%d?%s", s.url, m.id, span)},
	}
	switch m.query.source.(type) {
	case *metricSource, *changeSource:
		links = append(links, mail.Link{Text: "Graph at that time", URL: fmt.Sprintf("%s/metrics/explorer?q=%s&%s", s.url, url.QueryEscape(m.query.text), span)})
	case *mqlSource:
		links = append(links, mail.Link{Text: "Graph at that time", URL: fmt.Sprintf("%s/metrics/explorer?lang=metricsql&q=%s&%s", s.url, url.QueryEscape(m.query.text), span)})
	case *eventSource:
		links = append(links, mail.Link{Text: "Events", URL: s.url + "/events?" + span})
	}
	return links
}

// hostFacts is what is known of a host.
func (s *Service) hostFacts(name string) []mail.Fact {
	h, ok := s.catalog.Host(name)
	if !ok {
		return nil
	}
	facts := []mail.Fact{
		{Name: "Host", Value: h.Name}, {Name: "IP", Value: cmp.Or(h.IP, h.IPv6)}, {Name: "Platform", Value: h.Platform},
		{Name: "Host tags", Value: strings.Join(s.catalog.HostTags().Of(name), ", ")},
	}
	return facts
}

// measured is a group's value against its thresholds, as a mail shows it.
func (m *monitor) measured(g *Group) string {
	v := m.value(g)
	if v == "" || g.Status == NoData || m.limits() == "" {
		return v
	}
	return v + " (" + m.limits() + ")"
}

// value is a group's value, or that there is none.
func (m *monitor) value(g *Group) string {
	if g.Status == NoData {
		return m.verdict(g)
	}
	if math.IsNaN(float64(g.Value)) {
		return ""
	}
	v := message.Number(float64(g.Value))
	if c, ok := m.query.source.(*checkSource); ok {
		if c.share {
			return v + " % of the checks"
		}
		return plural(int(g.Value), "run") + " in a row"
	}
	if m.query.anomaly {
		return v + " of the points are anomalous"
	}
	return v
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

// memberNames lists the monitors that a composite is made of.
func (s *Service) memberNames(m *monitor) string {
	c, ok := m.query.source.(*compositeSource)
	if !ok {
		return ""
	}
	var lines []string
	for _, id := range c.members {
		if w, err := s.watch(id); err == nil {
			member, state := w.snapshot()
			status, _ := state.overall()
			lines = append(lines, fmt.Sprintf("%d: %s (%s)", id, member.name, status))
		}
	}
	return strings.Join(lines, "\n")
}

// limits is the monitor's thresholds: "alert > 800, warn > 500".
func (m *monitor) limits() string {
	if m.comparator == "" {
		return ""
	}
	limits := "alert " + m.comparator + " " + message.Number(m.critical)
	if !math.IsNaN(m.warning) {
		limits += ", warn " + m.comparator + " " + message.Number(m.warning)
	}
	return limits
}

// farther says whether a lies more on the bad side than b.
func (m *monitor) farther(a, b float64) bool {
	if strings.HasPrefix(m.comparator, "<") {
		return a < b
	}
	return a > b
}

// data is what a monitor's texts are rendered with.
func (s *Service) data(m *monitor, t *Transition) message.Data {
	g := &t.Group
	began := cmp.Or(t.Began, g.Triggered, t.At)
	last := cmp.Or(g.LastTriggered, g.LastNoData, t.At)
	d := message.Data{
		From: words[t.FromTold], To: words[g.Status], Renotify: t.Renotify, Priority: m.priority,
		Vars: map[string]string{
			"comparator":         m.comparator,
			"first_triggered_at": s.clock(began),
			"last_triggered_at":  s.clock(last),
		},
		Numbers: map[string]float64{
			"triggered_duration_sec":   float64(max(0, t.At-began) / 1000),
			"first_triggered_at_epoch": float64(began / 1000),
			"last_triggered_at_epoch":  float64(last / 1000),
		},
		Times: map[string]time.Time{
			"first_triggered_at": time.UnixMilli(began).In(s.zone), "last_triggered_at": time.UnixMilli(last).In(s.zone),
		},
	}
	if t.Renotify {
		d.From = d.To
	}
	numbers := map[string]float64{"value": float64(g.Value), "threshold": m.critical, "warn_threshold": m.warning, "ok_threshold": m.criticalRecovery}
	if c, ok := m.query.source.(*checkSource); ok {
		numbers["threshold"], numbers["warn_threshold"], numbers["ok_threshold"] = c.thresholds.critical, c.thresholds.warning, c.thresholds.ok
	}
	for name, v := range numbers {
		if !math.IsNaN(v) {
			d.Numbers[name] = v
		}
	}
	maps.Copy(d.Vars, g.Vars)
	known := slices.Concat(g.Tags, m.scope)
	for key, values := range tagValues(known) {
		d.Vars[key+".name"] = strings.Join(values, ", ")
	}
	host := hostOf(known)
	if host == "" {
		return d
	}
	for key, values := range tagValues(s.catalog.HostTags().Of(host)) {
		d.Vars["host."+key] = strings.Join(values, ", ")
	}
	d.Vars["host.name"] = host
	if h, ok := s.catalog.Host(host); ok {
		maps.Copy(d.Vars, map[string]string{
			"host.ip": cmp.Or(h.IP, h.IPv6), "host.platform": h.Platform, "host.agent_version": h.AgentVersion,
		})
	}
	return d
}

// words are the statuses as the message language knows them.
var words = map[Status]message.State{OK: message.OK, Warn: message.Warn, Alert: message.Alert, NoData: message.NoData}

// looks is the colour and the word on top of a mail.
func looks(t *Transition) (mail.State, string) {
	if t.Renotify {
		return mail.Renotify, string(t.Group.Status)
	}
	return map[Status]mail.State{OK: mail.Recovered, Warn: mail.Warn, Alert: mail.Alert, NoData: mail.NoData}[t.Group.Status], ""
}

// clock writes a moment as people of the installation's zone read it.
func (s *Service) clock(ms int64) string {
	return time.UnixMilli(ms).In(s.zone).Format("Mon Jan 2 2006, 15:04:05 MST")
}

// tagValues groups the values of tags by key; a bare tag has the value "true".
func tagValues(tags []string) map[string][]string {
	out := map[string][]string{}
	for _, tag := range tags {
		key, value, ok := strings.Cut(tag, ":")
		if !ok {
			value = "true"
		}
		out[key] = append(out[key], value)
	}
	return out
}

func hostOf(tags []string) string {
	for _, tag := range tags {
		if host, ok := strings.CutPrefix(tag, "host:"); ok {
			return host
		}
	}
	return ""
}

// members lists the groups of a bundle that are in a bad way.
func members(groups []Group) string {
	var names []string
	for i, g := range groups {
		if i == 20 {
			names = append(names, fmt.Sprintf("and %d more", len(groups)-i))
			break
		}
		names = append(names, g.Name+" ("+string(g.Status)+")")
	}
	return strings.Join(names, ", ")
}

func slug(word string) string { return strings.ToLower(strings.ReplaceAll(word, " ", "-")) }

// hash is a short stable name for text that may hold anything.
func hash(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	return fmt.Sprintf("%016x", h.Sum64())
}

func msDuration(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// windowText writes a duration as people say it: "5m", "1h30m", "2d".
func windowText(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= 2*time.Minute {
		d = d.Truncate(time.Minute)
	}
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
