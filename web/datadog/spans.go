package datadog

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/query/apm"
	"github.com/whippet-obs/whippet/store/span"
)

// spansFilter is what searches and aggregations have in common.
type spansFilter struct {
	Query string `json:"query"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// read gives the range in ns and the filter. The default range is the last 15
// minutes.
func (f *spansFilter) read(now time.Time) (from, to int64, filter span.Filter, err error) {
	if from, err = moment(f.From, now, now.Add(-15*time.Minute)); err != nil {
		return 0, 0, filter, badRequest("filter.from: %v", err)
	}
	if to, err = moment(f.To, now, now); err != nil {
		return 0, 0, filter, badRequest("filter.to: %v", err)
	}
	if from >= to {
		return 0, 0, filter, badRequest("filter.from must be before filter.to")
	}
	filter, err = apm.ParseSearch(f.Query)
	return from, to, filter, err
}

// moment reads a time as the spans API has it: "now", "now-15m" (s, m, h, d,
// w), ISO 8601, or milliseconds since the epoch. It returns ns.
func moment(text string, now, absent time.Time) (int64, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return absent.UnixNano(), nil
	case text == "now":
		return now.UnixNano(), nil
	case strings.HasPrefix(text, "now-") && len(text) > 5:
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[text[len(text)-1]]
		n, err := strconv.ParseInt(text[4:len(text)-1], 10, 32)
		if err == nil && unit > 0 && n >= 0 {
			return now.Add(-time.Duration(n) * unit).UnixNano(), nil
		}
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 && ms < 1<<43 {
		return ms * 1e6, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixNano(), nil
		}
	}
	return 0, fmt.Errorf("want a time such as now-15m, 2026-11-24T10:00:00Z or milliseconds since the epoch, got %q", text)
}

// spanDocument is one span as the API gives it.
type spanDocument struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Attributes spanAttributes `json:"attributes"`
}

type spanAttributes struct {
	Attributes      map[string]any `json:"attributes"`
	Custom          map[string]any `json:"custom"`
	Env             string         `json:"env"`
	Host            string         `json:"host"`
	IngestionReason string         `json:"ingestion_reason"`
	ParentID        string         `json:"parent_id"`
	ResourceName    string         `json:"resource_name"`
	RetainedBy      string         `json:"retained_by"`
	Service         string         `json:"service"`
	SingleSpan      bool           `json:"single_span"`
	SpanID          string         `json:"span_id"`
	StartTimestamp  string         `json:"start_timestamp"`
	EndTimestamp    string         `json:"end_timestamp"`
	Tags            []string       `json:"tags"`
	TraceID         string         `json:"trace_id"`
	Type            string         `json:"type"`
}

const isoTime = "2006-01-02T15:04:05.000Z"

func documentOf(s *span.Span) spanDocument {
	custom := map[string]any{}
	for i := range s.Tags {
		t := &s.Tags[i]
		if t.IsNumber {
			custom[t.Key] = t.Number
		} else {
			custom[t.Key] = t.Text
		}
	}
	status := "ok"
	if s.Error {
		status = "error"
	}
	tags := []string{"env:" + s.Env, "service:" + s.Service, "host:" + s.Host}
	if version := s.Text("version"); version != "" {
		tags = append(tags, "version:"+version)
	}
	id := strconv.FormatUint(s.ID, 10)
	return spanDocument{
		ID: base64.RawURLEncoding.EncodeToString([]byte(s.Trace.String() + id)), Type: "spans",
		Attributes: spanAttributes{
			Attributes: map[string]any{"operation_name": s.Name, "duration": s.Duration, "status": status}, Custom: custom,
			Env: s.Env, Host: s.Host, IngestionReason: "auto", ParentID: strconv.FormatUint(s.Parent, 10), ResourceName: s.Resource,
			RetainedBy: "diversity_sampling", Service: s.Service, SpanID: id, Tags: tags, TraceID: s.Trace.String(), Type: s.Type,
			StartTimestamp: time.Unix(0, s.Start).UTC().Format(isoTime), EndTimestamp: time.Unix(0, s.End()).UTC().Format(isoTime),
		},
	}
}

type spansPage struct {
	Limit  *int   `json:"limit"`
	Cursor string `json:"cursor"`
}

func (a *API) searchSpans(c *fiber.Ctx) error {
	var request struct {
		Data struct {
			Attributes struct {
				Filter spansFilter `json:"filter"`
				Page   spansPage   `json:"page"`
				Sort   string      `json:"sort"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return badJSON(err)
	}
	r := &request.Data.Attributes
	return a.answerSpans(c, r.Filter, r.Page, r.Sort)
}

func (a *API) listSpans(c *fiber.Ctx) error {
	get := func(name string) string { return utils.CopyString(c.Query(name)) }
	page := spansPage{Cursor: get("page[cursor]")}
	if text := get("page[limit]"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return badRequest("page[limit]: want a number, got %q", text)
		}
		page.Limit = &n
	}
	return a.answerSpans(c, spansFilter{get("filter[query]"), get("filter[from]"), get("filter[to]")}, page, get("sort"))
}

func (a *API) answerSpans(c *fiber.Ctx, f spansFilter, page spansPage, sort string) error {
	began := time.Now()
	from, to, filter, err := f.read(a.Now())
	if err != nil {
		return err
	}
	q := span.Query{From: from, To: to, Filter: filter, Limit: 10}
	if page.Limit != nil {
		if q.Limit = *page.Limit; q.Limit < 1 || q.Limit > 1000 {
			return badRequest("page.limit: want 1 to 1000, got %d", q.Limit)
		}
	}
	switch sort {
	case "", "-timestamp":
	case "timestamp":
		q.Order = span.Oldest
	default:
		return badRequest("sort: allowed are timestamp and -timestamp, got %q", sort)
	}
	if page.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(page.Cursor)
		if err != nil || len(raw) != 16 {
			return badRequest("page.cursor: want the one that the last answer gave")
		}
		q.After = &span.Place{By: int64(binary.BigEndian.Uint64(raw)), ID: binary.BigEndian.Uint64(raw[8:])}
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), a.Engine.Limits().Timeout)
	defer cancel()
	found, err := a.Spans.Search(ctx, q)
	if err != nil {
		return err
	}
	data := []spanDocument{}
	for _, s := range found.Spans {
		data = append(data, documentOf(s))
	}
	meta := fiber.Map{"elapsed": time.Since(began).Milliseconds(), "request_id": "whippet", "status": "done"}
	links := fiber.Map{}
	if len(found.Spans) == q.Limit {
		place := q.PlaceOf(found.Spans[len(found.Spans)-1])
		after := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(place.By)), place.ID)
		cursor := base64.RawURLEncoding.EncodeToString(after)
		meta["page"] = fiber.Map{"after": cursor}
		links["next"] = "/api/v2/spans/events?page[cursor]=" + cursor
	}
	if len(found.Warnings) > 0 {
		meta["warnings"] = warningsOf(found.Warnings)
	}
	return c.JSON(fiber.Map{"data": data, "links": links, "meta": meta})
}

// getTrace gives the spans of a trace by their ids.
func (a *API) getTrace(c *fiber.Ctx) error {
	id, err := span.ParseTraceID(c.Params("id"))
	if err != nil {
		return badRequest("%v", err)
	}
	found, err := a.Spans.Trace(c.UserContext(), id)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return notFound("no spans of trace %s are kept", id)
	}
	spans := map[string]any{}
	children := map[string][]string{}
	root := ""
	for _, s := range found {
		key, parent := strconv.FormatUint(s.ID, 10), strconv.FormatUint(s.Parent, 10)
		if s.Parent == 0 && root == "" {
			root = key
		}
		children[parent] = append(children[parent], key)
		meta, metrics := map[string]string{}, map[string]float64{}
		for i := range s.Tags {
			if t := &s.Tags[i]; t.IsNumber {
				metrics[t.Key] = t.Number
			} else {
				meta[t.Key] = t.Text
			}
		}
		errors := 0
		if s.Error {
			errors = 1
		}
		spans[key] = fiber.Map{
			"trace_id": s.Trace.String(), "span_id": key, "parent_id": parent, "service": s.Service, "name": s.Name, "resource": s.Resource,
			"type": s.Type, "env": s.Env, "hostname": s.Host, "error": errors, "start": float64(s.Start) / 1e9, "duration": float64(s.Duration) / 1e9,
			"meta": meta, "metrics": metrics,
		}
	}
	for key, s := range spans {
		if ids := children[key]; ids != nil {
			s.(fiber.Map)["children_ids"] = ids
		}
	}
	if root == "" {
		root = strconv.FormatUint(found[0].ID, 10)
	}
	return c.JSON(fiber.Map{"trace": fiber.Map{"root_id": root, "spans": spans}})
}

// calls lists whom a service calls and who calls it.
type calls struct {
	Name     string   `json:"name,omitempty"`
	Calls    []string `json:"calls"`
	CalledBy []string `json:"called_by,omitempty"`
}

// dependencies works out the calls of the last hour, or of ?start&end.
func (a *API) dependencies(c *fiber.Ctx) (map[string]*calls, error) {
	env := utils.CopyString(c.Query("env"))
	if env == "" {
		return nil, badRequest("env is required, such as env=prod")
	}
	to := a.Now().UnixMilli()
	if end, ok, err := seconds(c, "end"); err != nil {
		return nil, err
	} else if ok {
		to = end
	}
	from := to - time.Hour.Milliseconds()
	if start, ok, err := seconds(c, "start"); err != nil {
		return nil, err
	} else if ok {
		from = start
	}
	if from >= to {
		return nil, badRequest("start must be before end")
	}
	scope := apm.Scope{Env: env}
	services, err := apm.Services(c.UserContext(), a.Engine, scope, from, to)
	if err != nil {
		return nil, err
	}
	edges, err := apm.Edges(c.UserContext(), a.Engine, scope, from, to)
	if err != nil {
		return nil, err
	}
	all := map[string]*calls{}
	of := func(name string) *calls {
		if all[name] == nil {
			all[name] = &calls{Calls: []string{}}
		}
		return all[name]
	}
	for i := range services {
		of(services[i].Name)
	}
	for i := range edges {
		of(edges[i].From).Calls = append(of(edges[i].From).Calls, edges[i].To)
		of(edges[i].To).CalledBy = append(of(edges[i].To).CalledBy, edges[i].From)
	}
	return all, nil
}

func (a *API) serviceDependencies(c *fiber.Ctx) error {
	all, err := a.dependencies(c)
	if err != nil {
		return err
	}
	for _, s := range all {
		s.CalledBy = nil
	}
	return c.JSON(all)
}

func (a *API) serviceDependency(c *fiber.Ctx) error {
	all, err := a.dependencies(c)
	if err != nil {
		return err
	}
	name := utils.CopyString(c.Params("service"))
	s := all[name]
	if s == nil {
		return notFound("no service %q was seen in this env", name)
	}
	s.Name = name
	return c.JSON(fiber.Map{"name": name, "calls": s.Calls, "called_by": append([]string{}, s.CalledBy...)})
}

func (a *API) listServices(c *fiber.Ctx) error {
	to := a.Now().UnixMilli()
	services, err := apm.Services(c.UserContext(), a.Engine, apm.Scope{Env: utils.CopyString(c.Query("filter[env]"))}, to-time.Hour.Milliseconds(), to)
	if err != nil {
		return err
	}
	names := []string{}
	for i := range services {
		names = append(names, services[i].Name)
	}
	return c.JSON(fiber.Map{"data": fiber.Map{"id": "services", "type": "services_list", "attributes": fiber.Map{"services": names}}})
}
