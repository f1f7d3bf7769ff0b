package e2e

//lint:file-ignore SA1019 people's scripts call v1 for years to come

import (
	"fmt"
	"testing"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"
)

// The official Go client leads monitors of every type through their lives.
func TestOfficialClientLeadsMonitorsOfEveryType(t *testing.T) {
	s := startServer(t)
	ctx, client := s.api()
	api := datadogV1.NewMonitorsApi(client)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			if e, ok := err.(datadog.GenericOpenAPIError); ok {
				t.Fatalf("%s: %v: %s", what, err, e.Body())
			}
			t.Fatalf("%s: %v", what, err)
		}
	}
	thresholds := func(critical float64) datadogV1.MonitorOptions {
		o := datadogV1.NewMonitorOptions()
		o.Thresholds = &datadogV1.MonitorThresholds{Critical: &critical}
		return *o
	}
	checks := *datadogV1.NewMonitorOptions()
	checks.Thresholds = &datadogV1.MonitorThresholds{Critical: datadog.PtrFloat64(3), Ok: *datadog.NewNullableFloat64(datadog.PtrFloat64(1)), Warning: *datadog.NewNullableFloat64(datadog.PtrFloat64(2))}
	var ids []int64
	for _, c := range []struct {
		kind    datadogV1.MonitorType
		query   string
		options datadogV1.MonitorOptions
	}{
		{datadogV1.MONITORTYPE_METRIC_ALERT, "avg(last_5m):avg:my_metric{*} by {host} > 800", thresholds(800)},
		{datadogV1.MONITORTYPE_QUERY_ALERT, "pct_change(avg(last_5m),last_1h):avg:my_metric{*} by {host} > 50", thresholds(50)},
		{datadogV1.MONITORTYPE_QUERY_ALERT, "avg(last_4h):anomalies(avg:my_metric{*}, 'basic', 2, direction='above', alert_window='last_15m', interval=60, count_default_zero='true') >= 1", thresholds(1)},
		{datadogV1.MONITORTYPE_QUERY_ALERT, "max(next_1w):forecast(avg:my_metric{*}, 'linear', 1) >= 900", thresholds(900)},
		{datadogV1.MONITORTYPE_QUERY_ALERT, "avg(last_10m):outliers(avg:my_metric{*} by {host}, 'DBSCAN', 2) > 0", thresholds(0)},
		{datadogV1.MONITORTYPE_METRIC_ALERT, "sum(last_5m):sum:trace.flask.request.errors{service:web}.as_count() > 3", thresholds(3)},
		{datadogV1.MONITORTYPE_QUERY_ALERT, "max(last_5m):metricsql(sum(my_metric) by (host)) > 800", thresholds(800)},
		{datadogV1.MONITORTYPE_SERVICE_CHECK, `"postgres.can_connect".over("env:prod").by("host").last(4).count_by_status()`, checks},
		{datadogV1.MONITORTYPE_SERVICE_CHECK, `"datadog.agent.up".over("*").by("host").last(2).count_by_status()`, *datadogV1.NewMonitorOptions()},
		{datadogV1.MONITORTYPE_EVENT_V2_ALERT, `events("source:deploy status:error").rollup("count").by("service").last("15m") > 3`, thresholds(3)},
	} {
		name := fmt.Sprintf("monitor of %s", c.query)
		body := datadogV1.Monitor{Type: c.kind, Query: c.query, Name: &name, Message: datadog.PtrString("{{value}} @ops@example.com"), Tags: []string{"team:e2e"}, Options: &c.options}
		_, _, err := api.ValidateMonitor(ctx, body)
		check("validate "+c.query, err)
		made, _, err := api.CreateMonitor(ctx, body)
		check("create "+c.query, err)
		if made.GetQuery() != c.query || made.GetType() != c.kind || made.UnparsedObject != nil {
			t.Errorf("%s came back as %+v", c.query, made)
		}
		_, _, err = api.ValidateExistingMonitor(ctx, made.GetId(), body)
		check("validate again", err)
		changed, _, err := api.UpdateMonitor(ctx, made.GetId(), datadogV1.MonitorUpdateRequest{Priority: *datadog.NewNullableInt64(datadog.PtrInt64(2)), Message: datadog.PtrString("changed @ops@example.com")})
		check("update", err)
		if changed.GetMessage() != "changed @ops@example.com" || changed.GetPriority() != 2 || changed.GetName() != name {
			t.Errorf("%s was changed to %+v", c.query, changed)
		}
		read, _, err := api.GetMonitor(ctx, made.GetId(), *datadogV1.NewGetMonitorOptionalParameters().WithGroupStates("all").WithWithDowntimes(true))
		check("read", err)
		if read.UnparsedObject != nil || read.GetState().UnparsedObject != nil {
			t.Errorf("the client can't read %s: %+v", c.query, read)
		}
		ids = append(ids, made.GetId())
	}
	both, _, err := api.CreateMonitor(ctx, datadogV1.Monitor{Type: datadogV1.MONITORTYPE_COMPOSITE, Query: fmt.Sprintf("%d && !%d", ids[0], ids[1]), Name: datadog.PtrString("both")})
	check("create a composite", err)

	wrong := thresholds(700)
	if _, response, err := api.ValidateMonitor(ctx, datadogV1.Monitor{Type: datadogV1.MONITORTYPE_METRIC_ALERT, Query: "avg(last_5m):avg:my_metric{*} > 800", Options: &wrong}); err == nil || response.StatusCode != 400 {
		t.Errorf("a threshold that disagrees with the query is fine: %v", err)
	}
	found, _, err := api.SearchMonitors(ctx, *datadogV1.NewSearchMonitorsOptionalParameters().WithQuery(`type:"service check" tag:team:e2e`))
	check("search", err)
	if len(found.Monitors) != 2 || found.Metadata.GetTotalCount() != 2 || len(found.Counts.Status) == 0 {
		t.Errorf("found %+v", found)
	}
	groups, _, err := api.SearchMonitorGroups(ctx, *datadogV1.NewSearchMonitorGroupsOptionalParameters().WithQuery("type:metric"))
	check("search groups", err)
	if groups.UnparsedObject != nil {
		t.Errorf("groups %+v", groups)
	}
	deletable, response, err := api.CheckCanDeleteMonitor(ctx, []int64{ids[2]})
	check("can delete", err)
	if len(deletable.Data.Ok) != 1 || response.StatusCode != 200 {
		t.Errorf("can be deleted: %+v", deletable)
	}
	if _, response, err := api.CheckCanDeleteMonitor(ctx, []int64{ids[0]}); err == nil || response.StatusCode != 409 {
		t.Errorf("a part of a composite can be deleted: %v", err)
	}
	for _, id := range append([]int64{both.GetId()}, ids...) {
		if gone, _, err := api.DeleteMonitor(ctx, id); err != nil || gone.GetDeletedMonitorId() != id {
			t.Errorf("delete %d: %+v, %v", id, gone, err)
		}
	}
	if left, _, err := api.ListMonitors(ctx); err != nil || len(left) != 0 {
		t.Errorf("left are %d, %v", len(left), err)
	}
}

func TestOfficialClientSchedulesDowntimesByBothVersions(t *testing.T) {
	s := startServer(t)
	ctx, client := s.api()
	v1, v2 := datadogV1.NewDowntimesApi(client), datadogV2.NewDowntimesApi(client)
	monitors := datadogV1.NewMonitorsApi(client)
	must := func(err error) {
		t.Helper()
		if err != nil {
			if e, ok := err.(datadog.GenericOpenAPIError); ok {
				t.Fatalf("%v: %s", err, e.Body())
			}
			t.Fatal(err)
		}
	}
	monitor, _, err := monitors.CreateMonitor(ctx, datadogV1.Monitor{Type: datadogV1.MONITORTYPE_METRIC_ALERT, Query: "avg(last_5m):avg:my_metric{*} by {host} > 800", Name: datadog.PtrString("high")})
	must(err)
	client.GetConfig().SetUnstableOperationEnabled("v2.ListDowntimes", true)

	create := func(attributes datadogV2.DowntimeCreateRequestAttributes) datadogV2.DowntimeResponseData {
		t.Helper()
		made, _, err := v2.CreateDowntime(ctx, datadogV2.DowntimeCreateRequest{Data: datadogV2.DowntimeCreateRequestData{Type: datadogV2.DOWNTIMERESOURCETYPE_DOWNTIME, Attributes: attributes}})
		must(err)
		if made.UnparsedObject != nil || made.Data == nil || made.Data.UnparsedObject != nil || made.Data.Attributes.Schedule.UnparsedObject != nil {
			t.Fatalf("the client can't read %+v", made)
		}
		return *made.Data
	}
	start, end := time.Now().Add(time.Hour).UTC().Truncate(time.Second), time.Now().Add(3*time.Hour).UTC().Truncate(time.Second)
	once := create(datadogV2.DowntimeCreateRequestAttributes{
		Scope: "env:(staging OR prod) AND datacenter:us1", Message: *datadog.NewNullableString(datadog.PtrString("maintenance @ops@example.com")),
		MonitorIdentifier: datadogV2.DowntimeMonitorIdentifier{DowntimeMonitorIdentifierId: &datadogV2.DowntimeMonitorIdentifierId{MonitorId: monitor.GetId()}},
		NotifyEndStates:   []datadogV2.DowntimeNotifyEndStateTypes{datadogV2.DOWNTIMENOTIFYENDSTATETYPES_ALERT},
		Schedule: &datadogV2.DowntimeScheduleCreateRequest{DowntimeScheduleOneTimeCreateUpdateRequest: &datadogV2.DowntimeScheduleOneTimeCreateUpdateRequest{
			Start: *datadog.NewNullableTime(&start), End: *datadog.NewNullableTime(&end),
		}},
	})
	at := once.Attributes
	if at.GetStatus() != datadogV2.DOWNTIMESTATUS_SCHEDULED || at.GetScope() != "env:(staging OR prod) AND datacenter:us1" || !at.Schedule.DowntimeScheduleOneTimeResponse.Start.Equal(start) ||
		at.MonitorIdentifier.DowntimeMonitorIdentifierId.MonitorId != monitor.GetId() || len(at.NotifyEndStates) != 1 {
		t.Errorf("once: %+v", at)
	}
	nights := create(datadogV2.DowntimeCreateRequestAttributes{
		Scope: "*", MonitorIdentifier: datadogV2.DowntimeMonitorIdentifier{DowntimeMonitorIdentifierTags: &datadogV2.DowntimeMonitorIdentifierTags{MonitorTags: []string{"*"}}},
		Schedule: &datadogV2.DowntimeScheduleCreateRequest{DowntimeScheduleRecurrencesCreateRequest: &datadogV2.DowntimeScheduleRecurrencesCreateRequest{
			Timezone: datadog.PtrString("Europe/Berlin"), Recurrences: []datadogV2.DowntimeScheduleRecurrenceCreateUpdateRequest{
				{Rrule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", Duration: "14h", Start: *datadog.NewNullableString(datadog.PtrString("2026-01-05T19:00:00"))},
				{Rrule: "FREQ=WEEKLY;BYDAY=SA,SU", Duration: "1d", Start: *datadog.NewNullableString(datadog.PtrString("2026-01-03T00:00:00"))},
			},
		}},
	})
	schedule := nights.Attributes.Schedule.DowntimeScheduleRecurrencesResponse
	if schedule == nil || len(schedule.Recurrences) != 2 || schedule.GetTimezone() != "Europe/Berlin" || schedule.CurrentDowntime == nil || schedule.CurrentDowntime.Start == nil {
		t.Errorf("nights: %+v", schedule)
	}
	changed, _, err := v2.UpdateDowntime(ctx, nights.GetId(), datadogV2.DowntimeUpdateRequest{Data: datadogV2.DowntimeUpdateRequestData{
		Id: nights.GetId(), Type: datadogV2.DOWNTIMERESOURCETYPE_DOWNTIME, Attributes: datadogV2.DowntimeUpdateRequestAttributes{Message: *datadog.NewNullableString(datadog.PtrString("changed"))},
	}})
	must(err)
	if a := changed.Data.Attributes; a.GetMessage() != "changed" || len(a.Schedule.DowntimeScheduleRecurrencesResponse.Recurrences) != 2 {
		t.Errorf("changed: %+v", a)
	}
	read, _, err := v2.GetDowntime(ctx, once.GetId(), *datadogV2.NewGetDowntimeOptionalParameters().WithInclude("monitor"))
	must(err)
	if len(read.Included) != 1 {
		t.Errorf("included: %+v", read.Included)
	}

	// The first version sees the same downtimes, and makes its own.
	old, _, err := v1.ListDowntimes(ctx)
	must(err)
	if len(old) != 2 {
		t.Errorf("v1 lists %d", len(old))
	}
	weekly, _, err := v1.CreateDowntime(ctx, datadogV1.Downtime{
		Scope: []string{"host:a"}, Start: datadog.PtrInt64(time.Now().Unix()), End: *datadog.NewNullableInt64(datadog.PtrInt64(time.Now().Add(time.Hour).Unix())), Timezone: datadog.PtrString("UTC"),
		Recurrence: *datadogV1.NewNullableDowntimeRecurrence(&datadogV1.DowntimeRecurrence{Type: datadog.PtrString("weeks"), Period: datadog.PtrInt32(1), WeekDays: *datadog.NewNullableList(&[]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"})}),
	})
	must(err)
	asV2, _, err := v2.GetDowntime(ctx, fmt.Sprint(weekly.GetId()))
	must(err)
	if r := asV2.Data.Attributes.Schedule.DowntimeScheduleRecurrencesResponse; r == nil || r.Recurrences[0].GetRrule() != "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR,SA,SU" || r.Recurrences[0].GetDuration() != "3600s" {
		t.Errorf("a v1 recurrence in v2: %+v", r)
	}
	running, _, err := v1.ListMonitorDowntimes(ctx, monitor.GetId())
	must(err)
	matches, _, err := v2.ListMonitorDowntimes(ctx, monitor.GetId())
	must(err)
	if len(running) == 0 || len(matches.Data) != len(running) {
		t.Errorf("about the monitor: %d by v1, %d by v2", len(running), len(matches.Data))
	}
	canceled, _, err := v1.CancelDowntimesByScope(ctx, datadogV1.CancelDowntimesByScopeRequest{Scope: "host:a"})
	must(err)
	if len(canceled.CancelledIds) != 1 {
		t.Errorf("canceled: %+v", canceled)
	}
	if _, err := v2.CancelDowntime(ctx, nights.GetId()); err != nil {
		t.Error(err)
	}
	gone, _, err := v2.GetDowntime(ctx, nights.GetId())
	must(err)
	if gone.Data.Attributes.GetStatus() != datadogV2.DOWNTIMESTATUS_CANCELED || gone.Data.Attributes.Canceled.Get() == nil {
		t.Errorf("canceled: %+v", gone.Data.Attributes)
	}
	list, _, err := v2.ListDowntimes(ctx)
	must(err)
	if len(list.Data) != 3 || list.UnparsedObject != nil {
		t.Errorf("the list: %+v", list)
	}
}

func TestOfficialClientSearchesEventsAndKeepsWebhooks(t *testing.T) {
	s := startServer(t)
	ctx, client := s.api()
	events := datadogV1.NewEventsApi(client)
	for i := range 5 {
		if _, _, err := events.CreateEvent(ctx, datadogV1.EventCreateRequest{Title: fmt.Sprintf("deploy %d", i), Text: "of web", Tags: []string{"service:web"}, SourceTypeName: datadog.PtrString("deploy")}); err != nil {
			t.Fatal(err)
		}
	}
	search := datadogV2.NewEventsApi(client)
	var titles []string
	pages, stop := search.SearchEventsWithPagination(ctx, *datadogV2.NewSearchEventsOptionalParameters().WithBody(datadogV2.EventsListRequest{
		Filter: &datadogV2.EventsQueryFilter{Query: datadog.PtrString("source:deploy service:web -title:3"), From: datadog.PtrString("now-15m"), To: datadog.PtrString("now")},
		Page:   &datadogV2.EventsRequestPage{Limit: datadog.PtrInt32(2)},
	}))
	defer stop()
	for item := range pages {
		if item.Error != nil {
			t.Fatal(item.Error)
		}
		titles = append(titles, *item.Item.Attributes.Attributes.Title)
	}
	if fmt.Sprint(titles) != "[deploy 4 deploy 2 deploy 1 deploy 0]" {
		t.Errorf("found %q", titles)
	}
	hooks := datadogV1.NewWebhooksIntegrationApi(client)
	if _, _, err := hooks.CreateWebhooksIntegration(ctx, datadogV1.WebhooksIntegration{Name: "chat", Url: "https://chat.example.com/hook", Payload: *datadog.NewNullableString(datadog.PtrString(`{"text": "$EVENT_TITLE"}`))}); err != nil {
		t.Fatal(err)
	}
	if changed, _, err := hooks.UpdateWebhooksIntegration(ctx, "chat", datadogV1.WebhooksIntegrationUpdateRequest{Url: datadog.PtrString("https://chat.example.com/other")}); err != nil || changed.GetUrl() != "https://chat.example.com/other" {
		t.Errorf("%+v, %v", changed, err)
	}
	if hook, _, err := hooks.GetWebhooksIntegration(ctx, "chat"); err != nil || hook.GetPayload() != `{"text": "$EVENT_TITLE"}` {
		t.Errorf("%+v, %v", hook, err)
	}
	if _, err := hooks.DeleteWebhooksIntegration(ctx, "chat"); err != nil {
		t.Error(err)
	}
}
