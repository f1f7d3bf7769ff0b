package datadog

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/query"
)

// Which values fields of widgets may have, where only some mean anything
// (https://docs.datadoghq.com/api/latest/dashboards/). Fields that are not named
// here are kept as they come.
var (
	aligns      = []string{"left", "center", "right"}
	verticals   = []string{"top", "center", "bottom"}
	liveSpans   = []string{"1m", "5m", "10m", "15m", "30m", "1h", "4h", "1d", "2d", "1w", "1mo", "3mo", "6mo", "week_to_date", "month_to_date", "1y", "alert"}
	directions  = []string{"asc", "desc"}
	comparators = []string{"=", ">", ">=", "<", "<="}
	aggregators = []string{"avg", "last", "max", "min", "sum", "percentile", "mean", "l2norm", "area"}
	palettes    = []string{
		"blue", "custom_bg", "custom_image", "custom_text", "gray_on_white", "grey", "green", "orange", "red", "red_on_white", "white_on_gray",
		"white_on_green", "green_on_white", "white_on_red", "white_on_yellow", "yellow_on_white", "black_on_light_yellow", "black_on_light_green", "black_on_light_red",
	}
)

// widgetTypes are Datadog's. Those without a rule are kept, and not drawn.
var widgetTypes = []string{
	"alert_graph", "alert_value", "bar_chart", "change", "check_status", "cloud_cost_summary", "cohort", "distribution", "event_stream", "event_timeline", "free_text", "funnel", "geomap",
	"group", "heatmap", "hostmap", "iframe", "image", "list_stream", "log_stream", "manage_status", "note", "point_plot", "powerpack", "query_table", "query_value", "retention_curve", "run_workflow",
	"sankey", "scatterplot", "servicemap", "slo", "slo_list", "split_group", "sunburst", "table", "timeseries", "toplist", "topology_map", "trace_service", "treemap", "user_journey", "wildcard",
}

// rule is what the definition of a widget must be.
type rule struct {
	required []string            // texts that may not be empty
	choices  map[string][]string // fields of the definition
	requests map[string][]string // fields of each request; nil: none are needed
	single   bool                // exactly one request
}

// ruleOf is the rule of a type; ok is false of those that are not drawn.
func ruleOf(kind string) (r rule, ok bool) {
	figures := map[string][]string{"aggregator": aggregators, "order": directions}
	events := map[string][]string{"event_size": {"s", "l"}, "tags_execution": {"and", "or", ""}}
	switch kind {
	case "timeseries":
		return rule{requests: map[string][]string{"display_type": {"line", "area", "bars", "overlay"}}, choices: map[string][]string{"legend_layout": {"auto", "horizontal", "vertical"}}}, true
	case "query_value":
		return rule{requests: figures, single: true, choices: map[string][]string{"text_align": aligns}}, true
	case "toplist":
		return rule{requests: figures, single: true}, true
	case "query_table", "table":
		return rule{requests: figures, choices: map[string][]string{"has_search_bar": {"always", "never", "auto"}}}, true
	case "change":
		return rule{single: true, requests: map[string][]string{
			"compare_to": {"hour_before", "day_before", "week_before", "month_before"}, "change_type": {"absolute", "relative"},
			"order_by": {"change", "name", "present", "past"}, "order_dir": directions,
		}}, true
	case "heatmap", "distribution":
		return rule{single: true, requests: map[string][]string{"request_type": {"histogram"}}}, true
	case "hostmap":
		return rule{choices: map[string][]string{"node_type": {"host", "container"}}}, true
	case "check_status":
		return rule{required: []string{"check", "grouping"}, choices: map[string][]string{"grouping": {"check", "cluster"}}}, true
	case "manage_status":
		return rule{choices: map[string][]string{
			"display_format": {"counts", "countsAndList", "list"}, "color_preference": {"background", "text"}, "summary_type": {"monitors", "groups", "combined"},
			"sort": {"name,asc", "name,desc", "group,asc", "group,desc", "status,asc", "status,desc", "tags,asc", "tags,desc", "triggered,asc", "triggered,desc"},
		}}, true
	case "alert_graph":
		return rule{required: []string{"alert_id", "viz_type"}, choices: map[string][]string{"viz_type": {"timeseries", "toplist"}}}, true
	case "alert_value":
		return rule{required: []string{"alert_id"}, choices: map[string][]string{"text_align": aligns}}, true
	case "event_stream", "event_timeline":
		return rule{choices: events}, true
	case "note":
		return rule{required: []string{"content"}, choices: map[string][]string{"text_align": aligns, "vertical_align": verticals, "tick_edge": {"bottom", "left", "right", "top"}}}, true
	case "free_text":
		return rule{required: []string{"text"}, choices: map[string][]string{"text_align": aligns}}, true
	case "image":
		return rule{required: []string{"url"}, choices: map[string][]string{
			"sizing": {"fill", "contain", "cover", "none", "scale-down", "zoom", "fit", "center"}, "margin": {"sm", "md", "lg", "small", "large"},
			"vertical_align": verticals, "horizontal_align": aligns,
		}}, true
	case "iframe":
		return rule{required: []string{"url"}}, true
	}
	return rule{}, false
}

// checkWidgets checks the list of widgets at path, such as
// widgets[0].definition.widgets.
func checkWidgets(path string, raw json.RawMessage, inGroup bool) error {
	var widgets []struct {
		Definition object          `json:"definition"`
		Layout     json.RawMessage `json:"layout"`
	}
	if err := json.Unmarshal(raw, &widgets); err != nil {
		return badRequest("%s: want a list of objects with a definition: %v", path, err)
	}
	for i, w := range widgets {
		at := fmt.Sprintf("%s[%d]", path, i)
		if err := checkDefinition(at+".definition", w.Definition, inGroup); err != nil {
			return err
		}
		if err := checkLayout(at+".layout", w.Layout); err != nil {
			return err
		}
	}
	return nil
}

func checkLayout(path string, raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var place struct{ X, Y, Width, Height *float64 }
	if err := json.Unmarshal(raw, &place); err != nil {
		return badRequest("%s: want an object of the numbers x, y, width and height, got %s", path, raw)
	}
	for _, f := range []struct {
		name  string
		value *float64
	}{{"x", place.X}, {"y", place.Y}, {"width", place.Width}, {"height", place.Height}} {
		if f.value == nil || *f.value < 0 {
			return badRequest("%s.%s: want a number from 0 on", path, f.name)
		}
	}
	return nil
}

func checkDefinition(path string, d object, inGroup bool) error {
	kind, err := textAt(path, d, "type")
	if err != nil {
		return err
	}
	if kind == "" {
		return badRequest("%s.type: every widget needs one, such as timeseries", path)
	}
	if !slices.Contains(widgetTypes, kind) {
		hint := ""
		if near := query.Nearest(kind, widgetTypes); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return badRequest("%s.type: %q is not one of %s%s", path, kind, strings.Join(widgetTypes, ", "), hint)
	}
	if kind == "group" {
		if inGroup {
			return badRequest("%s: a group can't hold a group", path)
		}
		if len(d["widgets"]) == 0 {
			return badRequest("%s.widgets: a group needs a list of widgets, which may be empty", path)
		}
		if err := checkChoices(path, d, map[string][]string{"layout_type": {"ordered"}}); err != nil {
			return err
		}
		return checkWidgets(path+".widgets", d["widgets"], true)
	}
	if err := checkMetricsQL(path+".requests", kind, d["requests"]); err != nil {
		return err
	}
	r, drawn := ruleOf(kind)
	if !drawn {
		return nil
	}
	for _, field := range r.required {
		if text, err := textAt(path, d, field); err != nil {
			return err
		} else if text == "" {
			return badRequest("%s.%s: a widget of type %s needs one", path, field, kind)
		}
	}
	if err := checkChoices(path, d, r.choices); err != nil {
		return err
	}
	if err := checkChoices(path, d, map[string][]string{"title_align": aligns}); err != nil {
		return err
	}
	if err := checkTime(path+".time", d["time"]); err != nil {
		return err
	}
	if err := checkMarkers(path+".markers", d["markers"]); err != nil {
		return err
	}
	if err := checkLinks(path+".custom_links", d["custom_links"]); err != nil {
		return err
	}
	switch {
	case kind == "hostmap":
		return checkHostMap(path+".requests", d["requests"])
	case r.requests != nil:
		return checkRequests(path+".requests", kind, d["requests"], r)
	}
	return nil
}

// checkMarkers checks the lines at values of a graph.
func checkMarkers(path string, raw json.RawMessage) error {
	return eachAt(path, raw, func(at string, m object) error {
		if text, err := textAt(at, m, "value"); err != nil {
			return err
		} else if text == "" {
			return badRequest("%s.value: want where the line is, such as y > 500 or 0 < y < 20", at)
		}
		return nil
	})
}

// checkLinks refuses links that would run as a program.
func checkLinks(path string, raw json.RawMessage) error {
	return eachAt(path, raw, func(at string, l object) error {
		for _, field := range []string{"label", "link"} {
			text, err := textAt(at, l, field)
			if err != nil {
				return err
			}
			address, err := url.Parse(strings.TrimSpace(text))
			if field == "link" && err == nil && address.Scheme != "" && address.Scheme != "http" && address.Scheme != "https" {
				return badRequest("%s.link: want an address that begins with https://, http:// or /, got %q", at, text)
			}
		}
		return nil
	})
}

// textAt decodes a text field of the object at path.
func textAt(path string, o object, field string) (string, error) {
	text, err := o.text(field)
	if err != nil {
		return "", badRequest("%s.%s: want a string, got %s", path, field, o[field])
	}
	return text, nil
}

func checkChoices(path string, o object, choices map[string][]string) error {
	fields := make([]string, 0, len(choices))
	for field := range choices {
		fields = append(fields, field)
	}
	slices.Sort(fields) // so that of several faults always the same one is named
	for _, field := range fields {
		raw, ok := o[field]
		if !ok || string(raw) == "null" {
			continue
		}
		text, err := textAt(path, o, field)
		if err != nil {
			return err
		}
		if !slices.Contains(choices[field], text) {
			return badRequest("%s.%s: %q is not one of %s", path, field, text, strings.Join(choices[field], ", "))
		}
	}
	return nil
}

func checkTime(path string, raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var time object
	if err := json.Unmarshal(raw, &time); err != nil {
		return badRequest("%s: want an object such as {\"live_span\": \"1h\"}, got %s", path, raw)
	}
	return checkChoices(path, time, map[string][]string{"live_span": liveSpans, "type": {"live", "fixed"}, "unit": {"minute", "hour", "day", "week", "month", "year"}})
}

func checkHostMap(path string, raw json.RawMessage) error {
	var requests map[string]json.RawMessage
	if err := json.Unmarshal(raw, &requests); err != nil || requests["fill"] == nil && requests["size"] == nil {
		return badRequest("%s: a hostmap needs an object with a request as fill, size or both", path)
	}
	for _, field := range []string{"fill", "size"} {
		if requests[field] != nil {
			if err := checkRequest(path+"."+field, requests[field], nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRequests(path, kind string, raw json.RawMessage, r rule) error {
	var requests []json.RawMessage
	if err := json.Unmarshal(raw, &requests); err != nil || requests == nil {
		return badRequest("%s: a widget of type %s needs a list of requests", path, kind)
	}
	if r.single && len(requests) != 1 {
		return badRequest("%s: a widget of type %s needs one request, got %d", path, kind, len(requests))
	}
	for i, one := range requests {
		if err := checkRequest(fmt.Sprintf("%s[%d]", path, i), one, r.requests); err != nil {
			return err
		}
	}
	return nil
}

func checkRequest(path string, raw json.RawMessage, choices map[string][]string) error {
	var request object
	if err := json.Unmarshal(raw, &request); err != nil || request == nil {
		return badRequest("%s: want an object with q, or queries and formulas, got %s", path, raw)
	}
	if _, err := textAt(path, request, "q"); err != nil {
		return err
	}
	if err := checkChoices(path, request, choices); err != nil {
		return err
	}
	if err := checkChoices(path, request, map[string][]string{"response_format": {"timeseries", "scalar", "event_list"}}); err != nil {
		return err
	}
	names, err := checkQueries(path+".queries", request["queries"])
	if err != nil {
		return err
	}
	if err := checkFormulas(path+".formulas", request["formulas"], names); err != nil {
		return err
	}
	return checkFormats(path+".conditional_formats", request["conditional_formats"])
}

// eachAt calls check for each object of a list that may be missing, with its path.
func eachAt(path string, raw json.RawMessage, check func(at string, o object) error) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var list []object
	if err := json.Unmarshal(raw, &list); err != nil {
		return badRequest("%s: want a list of objects: %v", path, err)
	}
	for i, o := range list {
		if err := check(fmt.Sprintf("%s[%d]", path, i), o); err != nil {
			return err
		}
	}
	return nil
}

func checkQueries(path string, raw json.RawMessage) (names []string, err error) {
	err = eachAt(path, raw, func(at string, q object) error {
		name, err := textAt(at, q, "name")
		if err != nil {
			return err
		}
		if slices.Contains(names, name) && name != "" {
			return badRequest("%s.name: two queries have the name %q", at, name)
		}
		names = append(names, name)
		source, err := textAt(at, q, "data_source")
		if err != nil {
			return err
		}
		if text, err := textAt(at, q, "query"); source == "metrics" && (err != nil || text == "") {
			return badRequest("%s.query: want a query such as avg:system.load.1{*}", at)
		}
		if err := checkChoices(at, q, map[string][]string{"aggregator": aggregators}); source == "metrics" && err != nil {
			return err
		}
		return nil
	})
	return names, err
}

func checkFormulas(path string, raw json.RawMessage, names []string) error {
	return eachAt(path, raw, func(at string, f object) error {
		text, err := textAt(at, f, "formula")
		if err != nil {
			return err
		}
		if text == "" {
			return badRequest("%s.formula: want arithmetic over the names of queries, which are %s", at, orNone(names))
		}
		if raw := f["limit"]; len(raw) > 0 && string(raw) != "null" {
			var limit object
			if err := json.Unmarshal(raw, &limit); err != nil {
				return badRequest("%s.limit: want an object such as {\"count\": 10, \"order\": \"desc\"}, got %s", at, raw)
			}
			if err := checkChoices(at+".limit", limit, map[string][]string{"order": directions}); err != nil {
				return err
			}
		}
		if err := checkFormats(at+".conditional_formats", f["conditional_formats"]); err != nil {
			return err
		}
		return checkChoices(at, f, map[string][]string{"cell_display_mode": {"number", "bar", "trend"}})
	})
}

// orNone lists names for a message.
func orNone(names []string) string {
	if len(names) == 0 {
		return "missing"
	}
	return strings.Join(names, ", ")
}

func checkFormats(path string, raw json.RawMessage) error {
	return eachAt(path, raw, func(at string, f object) error {
		if err := checkChoices(at, f, map[string][]string{"comparator": comparators, "palette": palettes}); err != nil {
			return err
		}
		var value float64
		if json.Unmarshal(f["value"], &value) != nil {
			return badRequest("%s.value: want a number, got %s", at, f["value"])
		}
		return nil
	})
}
