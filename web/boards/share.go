package boards

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/query/datadog"
	"github.com/whippet-obs/whippet/store/catalog"
)

// Share is a link by which anybody sees one dashboard, without a login, until it
// is revoked, paused or over. In JSON it is as Datadog's API has it
// (https://docs.datadoghq.com/api/latest/dashboards/#create-a-shared-dashboard).
type Share struct {
	Token       string          `json:"token"`
	DashboardID string          `json:"dashboard_id"`
	Type        string          `json:"dashboard_type"`
	Title       string          `json:"title"`
	Author      Author          `json:"author"`
	Created     time.Time       `json:"created"`
	Expiration  *time.Time      `json:"expiration"`
	Status      string          `json:"status"` // active or paused
	ShareType   string          `json:"share_type"`
	Time        *GlobalTime     `json:"global_time"`
	FreeTime    bool            `json:"global_time_selectable_enabled"`
	Variables   []Selectable    `json:"selectable_template_vars"`
	Preferences json.RawMessage `json:"viewing_preferences,omitempty"`
}

// Author is who made a share.
type Author struct {
	Handle string `json:"handle"`
	Name   string `json:"name"`
}

// GlobalTime is the time range that a shared dashboard begins with.
type GlobalTime struct {
	LiveSpan string `json:"live_span"`
}

// Selectable is a template variable that readers may set.
type Selectable struct {
	Name    string   `json:"name"`
	Prefix  string   `json:"prefix"`
	Default string   `json:"default_value"`
	Type    *string  `json:"type"`
	Visible []string `json:"visible_tags"` // values that may be chosen; none: all
}

// InvalidError is a share that can't be as it was asked for.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// usualSpan is the time range of a share that names none.
const usualSpan = "1h"

// NewToken is a new share's token: 128 bits.
func NewToken() string {
	var random [16]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// Check fills in what is not said, and refuses what is not to be had here.
func (s *Share) Check(now time.Time) error {
	s.ShareType, s.Status = cmp.Or(s.ShareType, "open"), cmp.Or(s.Status, "active")
	if s.Time == nil || s.Time.LiveSpan == "" {
		s.Time = &GlobalTime{usualSpan}
	}
	if s.Variables == nil {
		s.Variables = []Selectable{}
	}
	switch {
	case s.ShareType != "open":
		return &InvalidError{"share_type", fmt.Sprintf("%q is not to be had here: a dashboard is shared by a link that anybody can open (open)", s.ShareType)}
	case s.Status != "active" && s.Status != "paused":
		return &InvalidError{"status", fmt.Sprintf("%q is not one of active, paused", s.Status)}
	case s.Expiration != nil && !s.Expiration.After(now):
		return &InvalidError{"expiration", "it lies in the past"}
	case len(s.Variables) > 100:
		return &InvalidError{"selectable_template_vars", "at most 100"}
	case len(s.Preferences) > 1000:
		return &InvalidError{"viewing_preferences", "at most 1000 bytes"}
	}
	if _, err := spanOf(s.Time.LiveSpan); err != nil {
		return &InvalidError{"global_time.live_span", err.Error()}
	}
	return nil
}

var span = regexp.MustCompile(`^([1-9][0-9]{0,3})(m|mi|h|d|w|mo|y)$`)

// spanOf reads "15m", "4h", "1d", "2w", "3mo" or "1y".
func spanOf(text string) (time.Duration, error) {
	parts := span.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("want a span such as 15m, 4h, 1d, 1w, 1mo, got %q", text)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, err
	}
	day := 24 * time.Hour
	unit := map[string]time.Duration{"m": time.Minute, "mi": time.Minute, "h": time.Hour, "d": day, "w": 7 * day, "mo": 31 * day, "y": 366 * day}[parts[2]]
	return time.Duration(n) * unit, nil
}

// ErrNotShared is asked of a link that shows nothing: unknown, revoked, paused,
// over, or of a dashboard that is gone.
var ErrNotShared = errors.New("this link shows nothing: it was revoked, or its time is over")

// Put keeps a share.
func (s *Share) Put(tx *catalog.Tx) error { return tx.Put(catalog.Shares, s.Token, s) }

// ShareOf finds a share by its token, in force or not.
func ShareOf(tx *catalog.Tx, token string) (s Share, found bool, err error) {
	found, err = tx.Get(catalog.Shares, token, &s)
	return s, found, err
}

// EachShare calls fn for every share.
func EachShare(tx *catalog.Tx, fn func(*Share) error) error {
	return tx.Each(catalog.Shares, "", func(token string, raw json.RawMessage) error {
		var s Share
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("read a share: %w", err)
		}
		return fn(&s)
	})
}

// Shared is the dashboards that have a link.
func Shared(tx *catalog.Tx) (map[string]bool, error) {
	shared := map[string]bool{}
	err := EachShare(tx, func(s *Share) error {
		shared[s.DashboardID] = true
		return nil
	})
	return shared, err
}

// Unshare revokes all links of a dashboard.
func Unshare(tx *catalog.Tx, dashboard string) error {
	var tokens []string
	err := EachShare(tx, func(s *Share) error {
		if s.DashboardID == dashboard {
			tokens = append(tokens, s.Token)
		}
		return nil
	})
	for _, token := range tokens {
		if err == nil {
			err = tx.Delete(catalog.Shares, token)
		}
	}
	return err
}

// Public is a shared dashboard as its readers get it.
type Public struct {
	Share     Share
	Dashboard map[string]json.RawMessage // without what is of no use to them
	board     board
}

// board is what a shared dashboard's questions are read from.
type board struct {
	Variables []variable `json:"template_variables"`
	Widgets   []widget   `json:"widgets"`
}

type variable struct {
	Name     string   `json:"name"`
	Prefix   *string  `json:"prefix"`
	Default  *string  `json:"default"`
	Defaults []string `json:"defaults"`
	Type     string   `json:"type"` // "group": the key of a grouping, not a tag
}

type widget struct {
	Definition struct {
		Type     string          `json:"type"`
		Requests json.RawMessage `json:"requests"`
		Widgets  []widget        `json:"widgets"`
		Time     ownTime         `json:"time"`
	} `json:"definition"`
}

// ownTime is a widget's time range, in the place of the page's.
type ownTime struct {
	LiveSpan string `json:"live_span"`
	Type     string `json:"type"` // live: value and unit; fixed: from and to
	Value    int64  `json:"value"`
	Unit     string `json:"unit"`
	From     int64  `json:"from"` // s
}

// length is how far back a widget looks at now; 0: as the page does.
func (t *ownTime) length(now time.Time) time.Duration {
	day := 24 * time.Hour
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": day, "week": 7 * day, "month": 31 * day, "year": 366 * day}
	switch {
	case t.Type == "live" && t.Value > 0 && t.Value < 10_000:
		return time.Duration(t.Value) * units[t.Unit]
	case t.Type == "fixed" && t.From > 0:
		return max(0, now.Sub(time.Unix(t.From, 0)))
	case t.LiveSpan == "week_to_date":
		return 8 * day
	case t.LiveSpan == "month_to_date":
		return 32 * day
	}
	span, err := spanOf(t.LiveSpan)
	if err != nil {
		return 0
	}
	return span
}

// shownFields is what readers of a link see of a dashboard's document.
var shownFields = []string{"title", "description", "layout_type", "reflow_type", "widgets", "template_variables"}

// Open finds what a link shows. The error is ErrNotShared when it shows nothing.
func Open(tx *catalog.Tx, token string, now time.Time) (*Public, error) {
	s, found, err := ShareOf(tx, token)
	if err != nil {
		return nil, err
	}
	if !found || s.Status != "active" || s.Expiration != nil && now.After(*s.Expiration) {
		return nil, ErrNotShared
	}
	var doc map[string]json.RawMessage
	if found, err = tx.Get(catalog.Dashboards, s.DashboardID, &doc); err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotShared
	}
	p := &Public{Share: s, Dashboard: map[string]json.RawMessage{"id": json.RawMessage(`"shared"`), "url": json.RawMessage(`""`)}}
	for _, field := range shownFields {
		if raw, ok := doc[field]; ok {
			p.Dashboard[field] = raw
		}
	}
	// Requests have many forms; what is of another one asks nothing.
	_ = json.Unmarshal(doc["template_variables"], &p.board.Variables)
	_ = json.Unmarshal(doc["widgets"], &p.board.Widgets)
	return p, p.setDefaults()
}

// setDefaults puts the link's own defaults of variables in the place of the
// dashboard's.
func (p *Public) setDefaults() error {
	var variables []map[string]any
	if json.Unmarshal(p.Dashboard["template_variables"], &variables) != nil {
		return nil // none
	}
	for i, v := range variables {
		name, _ := v["name"].(string)
		if s, ok := p.selectable(name); ok && s.Default != "" && i < len(p.board.Variables) {
			v["defaults"], p.board.Variables[i].Defaults = []string{s.Default}, []string{s.Default}
		}
	}
	raw, err := json.Marshal(variables)
	if err != nil {
		return fmt.Errorf("show the variables of a shared dashboard: %w", err)
	}
	p.Dashboard["template_variables"] = raw
	return nil
}

// Selectable says whether readers may set a variable, and to which values;
// none: to any.
func (p *Public) selectable(name string) (s Selectable, ok bool) {
	i := slices.IndexFunc(p.Share.Variables, func(s Selectable) bool { return s.Name == name })
	if i < 0 {
		return s, false
	}
	return p.Share.Variables[i], true
}

// values is what the variables of the dashboard stand for when a reader has
// chosen: by name, whole tags. A choice that isn't the reader's to make is an
// *InvalidError.
func (p *Public) values(chosen map[string][]string) (map[string][]string, error) {
	out := map[string][]string{}
	for _, v := range p.board.Variables {
		values, picked := chosen[v.Name]
		selectable, may := p.selectable(v.Name)
		usual := v.Defaults
		if len(usual) == 0 && v.Default != nil {
			usual = []string{*v.Default}
		}
		if len(usual) == 0 {
			usual = []string{"*"}
		}
		switch {
		case !picked || slices.Equal(values, usual):
			values = usual
		case !may:
			return nil, &InvalidError{v.Name, "this link does not let it be chosen"}
		case len(selectable.Visible) > 0:
			for _, value := range values {
				if !slices.Contains(selectable.Visible, value) && !slices.Contains(usual, value) {
					return nil, &InvalidError{v.Name, fmt.Sprintf("%q is not one of %s", value, strings.Join(selectable.Visible, ", "))}
				}
			}
		}
		for _, value := range values {
			if !plain.MatchString(value) {
				return nil, &InvalidError{v.Name, fmt.Sprintf("%q is no value of a tag", value)}
			}
		}
		tags := make([]string, len(values))
		for i, value := range values {
			tags[i] = value
			if value != "*" && v.Type != "group" && v.Prefix != nil && *v.Prefix != "" && !strings.HasPrefix(value, *v.Prefix+":") {
				tags[i] = *v.Prefix + ":" + value
			}
		}
		out[v.Name] = tags
	}
	return out, nil
}

// plain is a value that can stand in a query and be nothing but a value.
var plain = regexp.MustCompile(`^[^\s,{}()!$'"]{1,200}$`)

// Question is what a reader's page wants to know.
type Question struct {
	Text      string              // in the query language
	From, To  int64               // ms
	Variables map[string][]string // what the reader chose
}

// Allow checks that a question is one of the dashboard's own, over a time that
// the link shows. The error is an *InvalidError, or of the query language.
func (p *Public) Allow(q Question, now time.Time) error {
	values, err := p.values(q.Variables)
	if err != nil {
		return err
	}
	asked, err := datadog.Parse(q.Text)
	if err != nil {
		return err
	}
	if !asked.Within(p.questions(values)) {
		return &InvalidError{"query", "this dashboard does not ask it"}
	}
	if p.Share.FreeTime {
		return nil
	}
	longest, back := p.reach(now)
	const slack = 2 * time.Minute // a page's clock, and the time that a question takes
	switch {
	case q.To-q.From > (longest + slack).Milliseconds():
		return &InvalidError{"from", fmt.Sprintf("this link shows %v at most", longest)}
	case q.From < now.Add(-longest-back-slack).UnixMilli():
		return &InvalidError{"from", fmt.Sprintf("this link shows the last %v", longest)}
	}
	return nil
}

// reach is the longest time that the dashboard shows, and how far before it its
// comparisons look.
func (p *Public) reach(now time.Time) (longest, back time.Duration) {
	longest, _ = spanOf(p.Share.Time.LiveSpan)
	day := 24 * time.Hour
	shifts := map[string]time.Duration{"hour_before": time.Hour, "day_before": day, "week_before": 7 * day, "month_before": 31 * day}
	eachWidget(p.board.Widgets, func(w *widget) {
		longest = max(longest, w.Definition.Time.length(now))
		var requests []struct {
			CompareTo string `json:"compare_to"`
		}
		if json.Unmarshal(w.Definition.Requests, &requests) == nil {
			for _, r := range requests {
				back = max(back, shifts[r.CompareTo])
			}
		}
	})
	return longest, back
}

// questions is all that the dashboard asks, parsed. What can't be read asks
// nothing.
func (p *Public) questions(values map[string][]string) []*datadog.Query {
	var all []*datadog.Query
	var keys []string
	for _, v := range p.board.Variables {
		if v.Type == "group" {
			keys = append(keys, "$"+v.Name+".value", strings.Join(values[v.Name], ", "), "$"+v.Name, strings.Join(values[v.Name], ", "))
		}
	}
	groups := strings.NewReplacer(keys...)
	add := func(text string) {
		text = groups.Replace(text)
		if q, err := datadog.ParseWith(text, values); err == nil {
			all = append(all, q)
		}
	}
	eachWidget(p.board.Widgets, func(w *widget) {
		for _, r := range requestsOf(w.Definition.Requests) {
			texts, err := r.Questions()
			if err != nil {
				continue
			}
			for _, text := range texts {
				add(text)
			}
			for _, q := range r.Queries {
				add(q.Query)
			}
		}
	})
	return all
}

// requestsOf reads a widget's requests: a list, or by role, as host maps and
// scatter plots have them.
func requestsOf(raw json.RawMessage) []Request {
	var list []Request
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var byRole map[string]json.RawMessage
	if json.Unmarshal(raw, &byRole) != nil {
		return nil
	}
	for _, raw := range byRole {
		var r Request
		if json.Unmarshal(raw, &r) == nil {
			list = append(list, r)
		}
	}
	return list
}

func eachWidget(widgets []widget, fn func(*widget)) {
	for i := range widgets {
		fn(&widgets[i])
		eachWidget(widgets[i].Definition.Widgets, fn)
	}
}
