package datadog

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// The v2 API of downtimes, over the documents of v1: package alerting keeps
// those, and these handlers translate.

// attributesV2 is a downtime in v2's words. Fields that are absent stay nil.
type attributesV2 struct {
	Scope             json.RawMessage `json:"scope"`
	Message           json.RawMessage `json:"message"`
	DisplayTimezone   json.RawMessage `json:"display_timezone"`
	MuteFirstRecovery json.RawMessage `json:"mute_first_recovery_notification"`
	NotifyEndStates   json.RawMessage `json:"notify_end_states"`
	NotifyEndTypes    json.RawMessage `json:"notify_end_types"`
	Identifier        json.RawMessage `json:"monitor_identifier"`
	Schedule          json.RawMessage `json:"schedule"`
	identifier        struct {
		MonitorID   *int64   `json:"monitor_id"`
		MonitorTags []string `json:"monitor_tags"`
	}
	schedule struct {
		Start       json.RawMessage   `json:"start"`
		End         json.RawMessage   `json:"end"`
		Timezone    json.RawMessage   `json:"timezone"`
		Recurrences []json.RawMessage `json:"recurrences"`
	}
}

func present(raw json.RawMessage) bool { return raw != nil && string(raw) != "null" }

// fromV2 writes the body of a request as a v1 document that has the fields
// which the body has.
func fromV2(body []byte) (json.RawMessage, error) {
	var request struct {
		Data struct {
			Type       string       `json:"type"`
			Attributes attributesV2 `json:"attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, badJSON(err)
	}
	if request.Data.Type != "downtime" {
		return nil, badRequest(`data.type: want "downtime", got %q`, request.Data.Type)
	}
	at := request.Data.Attributes
	doc := object{}
	for key, raw := range map[string]json.RawMessage{
		"message": at.Message, "display_timezone": at.DisplayTimezone, "mute_first_recovery_notification": at.MuteFirstRecovery,
		"notify_end_states": at.NotifyEndStates, "notify_end_types": at.NotifyEndTypes, "scope": at.Scope,
	} {
		if raw != nil {
			doc[key] = raw
		}
	}
	if present(at.Identifier) {
		if err := json.Unmarshal(at.Identifier, &at.identifier); err != nil {
			return nil, badRequest("data.attributes.monitor_identifier: want monitor_id or monitor_tags")
		}
		doc["monitor_id"] = json.RawMessage("null")
		doc.set("monitor_tags", []string{"*"})
		switch {
		case at.identifier.MonitorID != nil:
			doc.set("monitor_id", *at.identifier.MonitorID)
		case len(at.identifier.MonitorTags) > 0:
			doc.set("monitor_tags", at.identifier.MonitorTags)
		default:
			return nil, badRequest("data.attributes.monitor_identifier: want monitor_id or monitor_tags")
		}
	}
	if !present(at.Schedule) {
		return json.Marshal(doc)
	}
	if err := json.Unmarshal(at.Schedule, &at.schedule); err != nil {
		return nil, badRequest("data.attributes.schedule: want start and end, or timezone and recurrences")
	}
	for _, key := range []string{"start", "end", "cron", "rrule", "duration", "until", "recurrence", "recurrences"} {
		doc[key] = json.RawMessage("null")
	}
	if present(at.schedule.Timezone) {
		doc["timezone"] = at.schedule.Timezone
	}
	if present(at.schedule.Start) {
		doc["start"] = at.schedule.Start
	}
	if present(at.schedule.End) {
		doc["end"] = at.schedule.End
	}
	switch len(at.schedule.Recurrences) {
	case 0:
	case 1:
		var only object
		if err := json.Unmarshal(at.schedule.Recurrences[0], &only); err != nil {
			return nil, badRequest("data.attributes.schedule.recurrences: want objects with rrule, duration and start")
		}
		for _, key := range []string{"rrule", "cron", "duration", "start", "until"} {
			if present(only[key]) {
				doc[key] = only[key]
			}
		}
	default:
		doc.set("recurrences", at.schedule.Recurrences)
	}
	return json.Marshal(doc)
}

// toV2 writes a v1 document in v2's words.
func (a *API) toV2(raw json.RawMessage) (fiber.Map, error) {
	var doc struct {
		ID              int64             `json:"id"`
		Scope           []string          `json:"scope"`
		Message         *string           `json:"message"`
		MonitorID       *int64            `json:"monitor_id"`
		MonitorTags     []string          `json:"monitor_tags"`
		Start           *int64            `json:"start"`
		End             *int64            `json:"end"`
		Timezone        string            `json:"timezone"`
		Display         *string           `json:"display_timezone"`
		Cron            string            `json:"cron"`
		RRule           string            `json:"rrule"`
		Duration        json.RawMessage   `json:"duration"`
		Recurrence      *recurrenceV1     `json:"recurrence"`
		Recurrences     []json.RawMessage `json:"recurrences"`
		MuteFirst       bool              `json:"mute_first_recovery_notification"`
		NotifyEndStates []string          `json:"notify_end_states"`
		NotifyEndTypes  []string          `json:"notify_end_types"`
		Created         int64             `json:"created"`
		Modified        int64             `json:"modified"`
		Canceled        *int64            `json:"canceled"`
		Status          string            `json:"status"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(doc.Timezone)
	if err != nil {
		zone = time.UTC
	}
	stamp := func(s *int64) any {
		if s == nil {
			return nil
		}
		return time.Unix(*s, 0).UTC().Format(time.RFC3339)
	}
	attributes := fiber.Map{
		"scope": strings.Join(doc.Scope, " AND "), "message": doc.Message, "display_timezone": doc.Display, "status": doc.Status,
		"mute_first_recovery_notification": doc.MuteFirst, "notify_end_states": orAll(doc.NotifyEndStates, "alert", "no data", "warn"),
		"notify_end_types": orAll(doc.NotifyEndTypes, "expired"), "created": stamp(&doc.Created), "modified": stamp(&doc.Modified), "canceled": stamp(doc.Canceled),
	}
	if doc.Display == nil {
		attributes["display_timezone"] = doc.Timezone
	}
	relationships := fiber.Map{"created_by": fiber.Map{"data": nil}}
	if doc.MonitorID != nil {
		attributes["monitor_identifier"] = fiber.Map{"monitor_id": *doc.MonitorID}
		relationships["monitor"] = fiber.Map{"data": fiber.Map{"id": strconv.FormatInt(*doc.MonitorID, 10), "type": "monitors"}}
	} else {
		attributes["monitor_identifier"] = fiber.Map{"monitor_tags": orAll(doc.MonitorTags, "*")}
	}
	recurring := doc.Cron != "" || doc.RRule != "" || doc.Recurrence != nil || len(doc.Recurrences) > 0
	if !recurring {
		schedule := fiber.Map{"start": stamp(doc.Start), "end": stamp(doc.End)}
		if doc.Start == nil {
			schedule["start"] = stamp(&doc.Created)
		}
		attributes["schedule"] = schedule
	} else {
		schedule := fiber.Map{"timezone": doc.Timezone}
		if len(doc.Recurrences) > 0 {
			schedule["recurrences"] = doc.Recurrences
		} else {
			one := fiber.Map{"rrule": doc.RRule, "duration": strings.Trim(string(doc.Duration), `"`)}
			if doc.Cron != "" {
				one["cron"] = doc.Cron
			}
			if doc.Recurrence != nil {
				one["rrule"] = doc.Recurrence.rrule()
			}
			if len(doc.Duration) == 0 && doc.Start != nil && doc.End != nil {
				one["duration"] = strconv.FormatInt(*doc.End-*doc.Start, 10) + "s"
			}
			if doc.Start != nil {
				one["start"] = time.Unix(*doc.Start, 0).In(zone).Format("2006-01-02T15:04:05")
			}
			schedule["recurrences"] = []fiber.Map{one}
		}
		if w, ok, err := a.Alerting.DowntimeWindow(doc.ID); err == nil && ok {
			start, current := w.Start/1000, fiber.Map{"end": nil}
			if current["start"] = stamp(&start); w.End != 0 {
				end := w.End / 1000
				current["end"] = stamp(&end)
			}
			schedule["current_downtime"] = current
		}
		attributes["schedule"] = schedule
	}
	return fiber.Map{"id": strconv.FormatInt(doc.ID, 10), "type": "downtime", "attributes": attributes, "relationships": relationships}, nil
}

// recurrenceV1 is v1's recurrence.
type recurrenceV1 struct {
	Type             string   `json:"type"`
	Period           int      `json:"period"`
	WeekDays         []string `json:"week_days"`
	UntilDate        int64    `json:"until_date"`
	UntilOccurrences int      `json:"until_occurrences"`
	RRule            string   `json:"rrule"`
}

// rrule is r as the rule that v2 knows.
func (r *recurrenceV1) rrule() string {
	if r.Type == "rrule" {
		return r.RRule
	}
	parts := []string{"FREQ=" + map[string]string{"days": "DAILY", "weeks": "WEEKLY", "months": "MONTHLY", "years": "YEARLY"}[r.Type]}
	parts = append(parts, "INTERVAL="+strconv.Itoa(max(1, r.Period)))
	var days []string
	for _, day := range r.WeekDays {
		if len(day) >= 2 {
			days = append(days, strings.ToUpper(day[:2]))
		}
	}
	if len(days) > 0 {
		parts = append(parts, "BYDAY="+strings.Join(days, ","))
	}
	if r.UntilDate > 0 {
		parts = append(parts, "UNTIL="+time.Unix(r.UntilDate, 0).UTC().Format("20060102T150405Z"))
	}
	if r.UntilOccurrences > 0 {
		parts = append(parts, "COUNT="+strconv.Itoa(r.UntilOccurrences))
	}
	return strings.Join(parts, ";")
}

func orAll(list []string, all ...string) []string {
	if list == nil {
		return all
	}
	return list
}

// answerV2 writes one downtime, with its monitor where the client asks for it.
func (a *API) answerV2(c *fiber.Ctx, raw json.RawMessage, err error) error {
	if err != nil {
		return err
	}
	data, err := a.toV2(raw)
	if err != nil {
		return err
	}
	answer := fiber.Map{"data": data}
	if included := a.included(c, data); len(included) > 0 {
		answer["included"] = included
	}
	return c.JSON(answer)
}

// included are the monitors that downtimes are about, each once.
func (a *API) included(c *fiber.Ctx, downtimes ...fiber.Map) []fiber.Map {
	if !slices.Contains(list(c.Query("include")), "monitor") {
		return nil
	}
	var out []fiber.Map
	seen := map[int64]bool{}
	for _, d := range downtimes {
		identifier, _ := d["attributes"].(fiber.Map)["monitor_identifier"].(fiber.Map)
		id, ok := identifier["monitor_id"].(int64)
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		raw, err := a.Alerting.Monitor(id, "")
		var doc struct{ Name string }
		if err == nil && json.Unmarshal(raw, &doc) == nil {
			out = append(out, fiber.Map{"id": strconv.FormatInt(id, 10), "type": "monitors", "attributes": fiber.Map{"name": doc.Name}})
		}
	}
	return out
}

func (a *API) listDowntimesV2(c *fiber.Ctx) error {
	docs := a.Alerting.Downtimes(c.QueryBool("current_only"))
	total := len(docs)
	from := min(max(0, c.QueryInt("page[offset]", 0)), total)
	to := min(from+min(1000, max(1, c.QueryInt("page[limit]", 30))), total)
	data := []fiber.Map{}
	for _, raw := range docs[from:to] {
		d, err := a.toV2(raw)
		if err != nil {
			return err
		}
		data = append(data, d)
	}
	answer := fiber.Map{"data": data, "meta": fiber.Map{"page": fiber.Map{"total_filtered_count": total}}}
	if included := a.included(c, data...); len(included) > 0 {
		answer["included"] = included
	}
	return c.JSON(answer)
}

func (a *API) createDowntimeV2(c *fiber.Ctx) error {
	doc, err := fromV2(c.Body())
	if err != nil {
		return err
	}
	made, err := a.Alerting.CreateDowntime(c.UserContext(), doc)
	return a.answerV2(c, made, err)
}

func (a *API) getDowntimeV2(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.Downtime(id)
	return a.answerV2(c, doc, err)
}

func (a *API) patchDowntimeV2(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	doc, err := fromV2(c.Body())
	if err != nil {
		return err
	}
	changed, err := a.Alerting.UpdateDowntime(c.UserContext(), id, doc)
	return a.answerV2(c, changed, err)
}

// downtimeMatches are the downtimes that run now and are about a monitor.
func (a *API) downtimeMatches(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	docs, err := a.Alerting.MonitorDowntimes(id)
	if err != nil {
		return err
	}
	data := []fiber.Map{}
	for _, raw := range docs {
		var doc struct {
			ID     int64
			Scope  []string
			Groups []string
		}
		if err := json.Unmarshal(raw, &doc); err != nil {
			return err
		}
		w, _, err := a.Alerting.DowntimeWindow(doc.ID)
		if err != nil {
			return err
		}
		attributes := fiber.Map{"scope": strings.Join(doc.Scope, " AND "), "groups": doc.Groups, "start": time.UnixMilli(w.Start).UTC().Format(time.RFC3339), "end": nil}
		if w.End != 0 {
			attributes["end"] = time.UnixMilli(w.End).UTC().Format(time.RFC3339)
		}
		data = append(data, fiber.Map{"id": strconv.FormatInt(doc.ID, 10), "type": "downtime_match", "attributes": attributes})
	}
	return c.JSON(fiber.Map{"data": data, "meta": fiber.Map{"page": fiber.Map{"total_filtered_count": len(data)}}})
}
