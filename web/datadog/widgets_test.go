package datadog

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMalformedWidgetsAreRefused(t *testing.T) {
	for _, tt := range []struct{ widgets, want string }{
		{`{}`, "widgets: want a list"},
		{`[{}]`, "widgets[0].definition.type: every widget needs one"},
		{`[{"definition":{"type":"timeserie"}}]`, `"timeserie" is not one of alert_graph`},
		{`[{"definition":{"type":"timeserie"}}]`, `did you mean "timeseries"?`},
		{`[{"definition":{"type":7}}]`, "definition.type: want a string, got 7"},
		{`[{"definition":{"type":"timeseries"}}]`, "definition.requests: a widget of type timeseries needs a list"},
		{`[{"definition":{"type":"timeseries","requests":[{"q":"avg:a{*}","display_type":"lines"}]}}]`, `requests[0].display_type: "lines" is not one of line, area, bars, overlay`},
		{`[{"definition":{"type":"timeseries","requests":[{"q":7}]}}]`, "requests[0].q: want a string"},
		{`[{"definition":{"type":"timeseries","requests":["avg:a{*}"]}}]`, "requests[0]: want an object"},
		{`[{"definition":{"type":"query_value","requests":[]}}]`, "needs one request, got 0"},
		{`[{"definition":{"type":"query_value","requests":[{"queries":[{"name":"a","data_source":"metrics"}]}]}}]`, "queries[0].query: want a query"},
		{`[{"definition":{"type":"query_value","requests":[{"queries":[{"name":"a","data_source":"metrics","query":"avg:a{*}","aggregator":"most"}]}]}}]`, `queries[0].aggregator: "most" is not one of`},
		{`[{"definition":{"type":"toplist","requests":[{"queries":[{"name":"a"},{"name":"a"}]}]}}]`, `two queries have the name "a"`},
		{`[{"definition":{"type":"toplist","requests":[{"formulas":[{}]}]}}]`, "formulas[0].formula: want arithmetic over the names of queries, which are missing"},
		{`[{"definition":{"type":"toplist","requests":[{"queries":[{"name":"a"},{"name":"b"}],"formulas":[{"formula":""}]}]}}]`, "which are a, b"},
		{`[{"definition":{"type":"toplist","requests":[{"formulas":[{"formula":"a","limit":{"order":"up"}}]}]}}]`, `formulas[0].limit.order: "up" is not one of asc, desc`},
		{`[{"definition":{"type":"query_table","requests":[{"q":"avg:a{*}","conditional_formats":[{"comparator":"~","palette":"red","value":1}]}]}}]`, `conditional_formats[0].comparator: "~" is not one of =, >, >=, <, <=`},
		{`[{"definition":{"type":"query_table","requests":[{"q":"avg:a{*}","conditional_formats":[{"comparator":">","palette":"white_on_red","value":"1"}]}]}}]`, `conditional_formats[0].value: want a number, got "1"`},
		{`[{"definition":{"type":"change","requests":[{"q":"avg:a{*}","compare_to":"yesterday"}]}}]`, `compare_to: "yesterday" is not one of hour_before, day_before`},
		{`[{"definition":{"type":"hostmap","requests":[]}}]`, "an object with a request as fill, size or both"},
		{`[{"definition":{"type":"check_status","grouping":"check"}}]`, "definition.check: a widget of type check_status needs one"},
		{`[{"definition":{"type":"manage_status","query":"","sort":"worst"}}]`, `sort: "worst" is not one of name,asc`},
		{`[{"definition":{"type":"alert_graph","viz_type":"timeseries"}}]`, "definition.alert_id"},
		{`[{"definition":{"type":"alert_value","alert_id":17}}]`, "definition.alert_id: want a string, got 17"},
		{`[{"definition":{"type":"timeseries","requests":[{"q":"avg:a{*}"}],"markers":[{"display_type":"error dashed"}]}}]`, "markers[0].value: want where the line is"},
		{`[{"definition":{"type":"toplist","requests":[{"q":"avg:a{*}"}],"custom_links":[{"label":"x","link":" javascript:alert(1)"}]}}]`, "custom_links[0].link: want an address that begins with https://"},
		{`[{"definition":{"type":"toplist","requests":[{"q":"avg:a{*}"}],"custom_links":[{"label":7}]}}]`, "custom_links[0].label: want a string"},
		{`[{"definition":{"type":"group","layout_type":"free","widgets":[]}}]`, `layout_type: "free" is not one of ordered`},
		{`[{"definition":{"type":"note","content":"a","tick_edge":"up"}}]`, `tick_edge: "up" is not one of bottom, left, right, top`},
		{`[{"definition":{"type":"image"}}]`, "definition.url"},
		{`[{"definition":{"type":"note","content":"a","time":{"live_span":"3h"}}}]`, `time.live_span: "3h" is not one of 1m`},
		{`[{"definition":{"type":"note","content":"a"},"layout":{"x":0,"y":0,"width":-1,"height":1}}]`, "widgets[0].layout.width: want a number from 0 on"},
		{`[{"definition":{"type":"group","layout_type":"ordered","widgets":[{"definition":{"type":"group","widgets":[]}}]}}]`, "widgets[0].definition.widgets[0].definition: a group can't hold a group"},
		{`[{"definition":{"type":"query_table","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up"}]}]}}]`, `requests[0].queries[0].data_source: a widget of type query_table asks in the Datadog language only; "prometheus" (MetricsQL) is for timeseries, query_value, toplist`},
		{`[{"definition":{"type":"hostmap","requests":{"fill":{"queries":[{"name":"a","data_source":"prometheus","query":"up"}]}}}}]`, "requests.fill.queries[0].data_source: a widget of type hostmap asks"},
		{`[{"definition":{"type":"distribution","requests":[{"request_type":"histogram","query":{"data_source":"prometheus","query":"up"}}]}}]`, "requests[0].query.data_source: a widget of type distribution asks"},
		{`[{"definition":{"type":"treemap","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up"}]}]}}]`, "requests[0].queries[0].data_source: a widget of type treemap asks"},
		{`[{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":" "}]}]}}]`, "requests[0].queries[0].query: want a query in MetricsQL"},
		{`[{"definition":{"type":"timeseries","requests":[{"queries":[{"data_source":"prometheus","query":"up"}]}]}}]`, `requests[0].queries[0].name: want letters, digits and _, such as a, got ""`},
		{`[{"definition":{"type":"toplist","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up","aggregator":"percentile"}]}]}}]`, `requests[0].queries[0].aggregator: "percentile" is not one of avg, last, max, min, sum`},
		{`[{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up"},{"name":"b","data_source":"metrics","query":"avg:b{*}"}]}]}}]`, "requests[0].queries: a request asks in one language"},
		{`[{"definition":{"type":"timeseries","requests":[{"q":"avg:a{*}","queries":[{"name":"a","data_source":"prometheus","query":"up"}]}]}}]`, "requests[0].q: want either q or queries"},
		{`[{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up"}],"formulas":[{"formula":"a"},{"formula":"a * 2"}]}]}}]`, `requests[0].formulas[1].formula: over MetricsQL a formula is the name of a query, one of a, got "a * 2"; write arithmetic in the query itself`},
		{`[{"definition":{"type":"group","layout_type":"ordered","widgets":[{"definition":{"type":"free_text"}}]}}]`, "widgets[0].definition.widgets[0].definition.text"},
	} {
		err := checkWidgets("widgets", json.RawMessage(tt.widgets), false)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %q in it", tt.widgets, err, tt.want)
		}
	}
}

func TestUnknownFieldsAndUndrawnTypesPass(t *testing.T) {
	for _, widgets := range []string{
		`[]`,
		`[{"definition":{"type":"slo","slo_id":"x","view_type":"detail"}}]`,
		`[{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"a","data_source":"logs","search":{"query":"x"}}],"formulas":[{"formula":"a"}],"news":1}],"news":{"a":1}},"news":true}]`,
		`[{"definition":{"type":"query_value","time":null,"requests":[{"q":"avg:$metric{$scope}","aggregator":"last","conditional_formats":[]}]},"layout":null}]`,
		`[{"definition":{"type":"timeseries","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up{env=~\"$env.value\"}"},{"name":"b","data_source":"prometheus","query":"1"}],"formulas":[{"formula":" b "},{"formula":"a","alias":"x","limit":{"count":3}}]}]}}]`,
		`[{"definition":{"type":"query_value","requests":[{"queries":[{"name":"a","data_source":"prometheus","query":"up","aggregator":"last"}],"response_format":"scalar"}]}}]`,
		`[{"definition":{"type":"toplist","requests":[{"q":"avg:a{*}"}],"custom_links":[{"label":"x","link":"https://a.example/{{host.value}}?a=b:c"},{"label":"y","link":"/a/{{host.value}}"},{"is_hidden":true,"override_label":"hosts"}]}}]`,
	} {
		if err := checkWidgets("widgets", json.RawMessage(widgets), false); err != nil {
			t.Errorf("%s: %v", widgets, err)
		}
	}
}
