package web

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// sentAsTerraform is widgets in the shapes that Terraform's provider sends.
var sentAsTerraform = []string{
	`{"definition":{"type":"timeseries","title":"Load","title_size":"16","title_align":"left","show_legend":true,"legend_layout":"horizontal","legend_columns":["value","min"],
		"requests":[{"q":"avg:system.load.1{$env} by {host}","display_type":"area","on_right_yaxis":false,"style":{"palette":"warm","line_type":"dashed","line_width":"thin"},"metadata":[{"expression":"avg:system.load.1{$env} by {host}","alias_name":"load"}]},
			{"formulas":[{"formula":"a / b * 100","alias":"share","limit":{"count":10,"order":"desc"},"style":{"palette":"classic","palette_index":4}}],"queries":[{"data_source":"metrics","name":"a","query":"sum:hits{*}.as_count()","aggregator":"sum"},{"data_source":"metrics","name":"b","query":"sum:all{*}.as_count()"}],"response_format":"timeseries","display_type":"line"}],
		"markers":[{"display_type":"error dashed","label":" z=6 ","value":"y = 4"},{"display_type":"ok solid","value":"10 < y < 999"}],"events":[{"q":"sources:deploy"}],
		"yaxis":{"label":"y","scale":"log","include_zero":true,"min":"1","max":"599"},"right_yaxis":{"scale":"sqrt"},"time":{"live_span":"5m"},"custom_links":[{"label":"runbook","link":"https://example.com/runbook","is_hidden":false}]},"layout":{"x":0,"y":0,"width":6,"height":3,"is_column_break":false}}`,
	`{"definition":{"type":"query_value","autoscale":true,"precision":3,"custom_unit":"req/s","text_align":"right","requests":[{"q":"avg:load{*}","aggregator":"sum","conditional_formats":[{"comparator":"<","hide_value":false,"palette":"white_on_green","value":2},{"comparator":">","palette":"white_on_red","value":2.2,"timeframe":"1h"}]}],"timeseries_background":{"type":"area","yaxis":{"include_zero":true}}}}`,
	`{"definition":{"type":"toplist","requests":[{"q":"avg:load{*} by {host}","conditional_formats":[{"comparator":">=","palette":"yellow_on_white","value":1}],"style":{"palette":"dog_classic"}}]}}`,
	`{"definition":{"type":"query_table","has_search_bar":"auto","requests":[{"q":"avg:load{*} by {host}","aggregator":"sum","limit":10,"order":"desc","alias":"load","cell_display_mode":["number","bar"],"conditional_formats":[]}]}}`,
	`{"definition":{"type":"change","requests":[{"q":"avg:load{*} by {host}","change_type":"absolute","compare_to":"week_before","increase_good":true,"order_by":"name","order_dir":"desc","show_present":true}]}}`,
	`{"definition":{"type":"heatmap","requests":[{"q":"avg:load{*} by {host}","style":{"palette":"warm"}}],"yaxis":{"include_zero":true,"min":"1","max":"2","scale":"sqrt"}}}`,
	`{"definition":{"type":"distribution","requests":[{"q":"avg:load{*} by {host}","style":{"palette":"warm"}}]}}`,
	`{"definition":{"type":"hostmap","requests":{"fill":{"q":"avg:load{*} by {host}"},"size":{"q":"avg:memory{*} by {host}"}},"node_type":"container","group":["host","region"],"no_group_hosts":true,"no_metric_hosts":true,"scope":["region:eu","env:prod"],"style":{"palette":"yellow_to_green","palette_flip":true,"fill_min":"10","fill_max":"20"}}}`,
	`{"definition":{"type":"check_status","check":"postgres.can_connect","grouping":"cluster","group_by":["account"],"tags":["env:prod"],"time":{"live_span":"1h"}}}`,
	`{"definition":{"type":"manage_status","color_preference":"text","count":50,"display_format":"countsAndList","hide_zero_counts":true,"query":"type:metric","show_last_triggered":true,"show_priority":false,"sort":"status,asc","start":0,"summary_type":"monitors"}}`,
	`{"definition":{"type":"alert_graph","alert_id":"895605","viz_type":"timeseries","time":{"live_span":"1h"}}}`,
	`{"definition":{"type":"alert_value","alert_id":"895605","precision":3,"text_align":"center","unit":"b"}}`,
	`{"definition":{"type":"event_stream","query":"*","event_size":"l","time":{"live_span":"1h"},"title":"Events","title_align":"left","title_size":"16"}}`,
	`{"definition":{"type":"event_timeline","query":"*","time":{"live_span":"1h"}}}`,
	`{"definition":{"type":"free_text","text":"free text","color":"#d00","font_size":"36","text_align":"left"}}`,
	`{"definition":{"type":"note","content":"note text","background_color":"pink","font_size":"14","has_padding":true,"show_tick":true,"text_align":"center","tick_edge":"left","tick_pos":"50%","vertical_align":"top"}}`,
	`{"definition":{"type":"image","url":"https://example.com/x.png","sizing":"fit","margin":"small","has_background":false,"has_border":false,"horizontal_align":"center","vertical_align":"top"}}`,
	`{"definition":{"type":"iframe","url":"https://example.com/"}}`,
	`{"definition":{"type":"trace_service","display_format":"three_column","env":"prod","service":"web","show_breakdown":true,"show_distribution":true,"show_errors":true,"show_hits":true,"show_latency":false,"show_resource_list":false,"size_format":"large","span_name":"flask.request"}}`,
	`{"definition":{"type":"topology_map","requests":[{"request_type":"topology","query":{"data_source":"service_map","service":"web","filters":["env:prod"]}}]}}`,
	`{"definition":{"type":"group","layout_type":"ordered","title":"Group","background_color":"vivid_green","show_title":true,"widgets":[{"definition":{"type":"note","content":"in a group"}},{"definition":{"type":"servicemap","service":"web","filters":["env:prod"]},"layout":{"x":0,"y":0,"width":4,"height":2}}]}}`,
	`{"definition":{"type":"slo","slo_id":"56789","show_error_budget":true,"time_windows":["7d","previous_week"],"view_mode":"overall","view_type":"detail","global_time_target":"99.0"}}`,
	`{"definition":{"type":"list_stream","requests":[{"columns":[{"field":"details","width":"auto"}],"query":{"data_source":"apm_issue_stream","query_string":"env:prod"},"response_format":"event_list"}]}}`,
}

// within says where got lacks what want has; ids are the server's.
func within(want, got any, at string) []string {
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return []string{at}
		}
		var all []string
		for field, value := range want {
			if field == "id" && value == "" {
				continue
			}
			all = append(all, within(value, m[field], at+"."+field)...)
		}
		return all
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			return []string{at}
		}
		var all []string
		for i, value := range want {
			all = append(all, within(value, l[i], fmt.Sprintf("%s[%d]", at, i))...)
		}
		return all
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s: %v was sent, %v came back", at, want, got)}
	}
	return nil
}

func TestWhatTerraformSendsComesBack(t *testing.T) {
	s := newSite(t, nil)
	board := `{"id":"","title":"all of them","description":"by Terraform","layout_type":"ordered","reflow_type":"auto","notify_list":["ada@example.com"],"tags":["team:web"],
		"template_variables":[{"name":"env","prefix":"env","available_values":["prod","dev"],"defaults":["prod"]}],"template_variable_presets":[{"name":"dev","template_variables":[{"name":"env","values":["dev"]}]}],
		"widgets":[%s]%s}`
	var all string
	for i, widget := range sentAsTerraform {
		if i > 0 {
			all += ","
		}
		all += widget
	}
	sent := fmt.Sprintf(board, all, "")
	var want map[string]any
	if err := json.Unmarshal([]byte(sent), &want); err != nil {
		t.Fatal(err)
	}
	made := s.call(200, "POST", "/api/v1/dashboard", sent)
	path := fmt.Sprintf("/api/v1/dashboard/%v", made["id"])
	for what, answer := range map[string]map[string]any{
		"POST": made, "GET": s.call(200, "GET", path, ""), "PUT": s.call(200, "PUT", path, sent), "GET after it": s.call(200, "GET", path, ""),
	} {
		for _, lack := range within(want, answer, what) {
			t.Error(lack)
		}
	}
	// What comes back can be put back, and nothing changes.
	before := s.call(200, "GET", path, "")
	raw, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	after := s.call(200, "PUT", path, string(raw))
	delete(before, "modified_at")
	delete(after, "modified_at")
	if !reflect.DeepEqual(before, after) {
		t.Errorf("put back as it came: %v, it was %v", after, before)
	}
	for i, widget := range before["widgets"].([]any) {
		if _, ok := dig(widget, "id").(float64); !ok {
			t.Errorf("widgets[%d] has no id", i)
		}
	}
}

func TestTabsNameWidgetsByTheirPlace(t *testing.T) {
	s := newSite(t, nil)
	body := `{"title":"tabs","layout_type":"ordered","widgets":[{"definition":{"type":"note","content":"a"}},{"definition":{"type":"note","content":"b"}}],"tabs":[{"id":"one","name":"One","widget_ids":["@2"]},{"id":"two","name":"Two","widget_ids":["@1",77]}]}`
	made := s.call(200, "POST", "/api/v1/dashboard", body)
	if a, b := dig(made, "widgets", 0, "id"), dig(made, "widgets", 1, "id"); dig(made, "tabs", 0, "widget_ids", 0) != b || dig(made, "tabs", 1, "widget_ids", 0) != a || dig(made, "tabs", 1, "widget_ids", 1) != 77.0 {
		t.Errorf("tabs are %v of %v and %v", made["tabs"], a, b)
	}
	for _, wrong := range []string{`[{"widget_ids":["@3"]}]`, `[{"widget_ids":["@x"]}]`, `[{"widget_ids":1}]`, `{}`} {
		s.call(400, "POST", "/api/v1/dashboard", `{"title":"t","layout_type":"ordered","widgets":[{"definition":{"type":"note","content":"a"}}],"tabs":`+wrong+`}`)
	}
}
