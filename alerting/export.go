package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ExportMonitor is a monitor's document as somebody would write it: without
// what we put into it. It can be given to CreateMonitor anywhere.
func (s *Service) ExportMonitor(id int64) (json.RawMessage, error) {
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	m, _ := w.snapshot()
	return exported(m.doc).json(), nil
}

func exported(doc object) object {
	o := maps.Clone(doc)
	for _, key := range slices.Concat(computed, owned) {
		delete(o, key)
	}
	for key := range o {
		if !o.has(key) {
			delete(o, key)
		}
	}
	return o
}

// CloneMonitor makes a copy of a monitor under another name, that tells nobody
// until it is published.
func (s *Service) CloneMonitor(ctx context.Context, id int64) (json.RawMessage, error) {
	w, err := s.watch(id)
	if err != nil {
		return nil, err
	}
	m, _ := w.snapshot()
	o := exported(m.doc)
	o.set("name", m.name+" (copy)")
	o.set("draft_status", "draft")
	return s.CreateMonitor(ctx, o.json())
}

// Terraform writes a monitor as a resource of Datadog's Terraform provider.
func (s *Service) Terraform(id int64) (string, error) {
	w, err := s.watch(id)
	if err != nil {
		return "", err
	}
	m, _ := w.snapshot()
	h := &hcl{}
	h.open(fmt.Sprintf("resource \"datadog_monitor\" %q", resourceName(m.name, m.id)))
	o := exported(m.doc)
	for _, key := range []string{"name", "type", "query", "message"} {
		h.attribute(key, o[key])
	}
	if len(m.tags) > 0 {
		h.attribute("tags", o["tags"])
	}
	if m.priority > 0 {
		h.text("priority", fmt.Sprintf("%d", m.priority))
	}
	if m.draft {
		h.attribute("draft_status", o["draft_status"])
	}
	options := (&reader{object: o}).into("options").object
	h.blank()
	for _, key := range terraformOptions {
		if options.has(key) {
			h.attribute(key, options[key])
		}
	}
	if thresholds := (&reader{object: options}).into("thresholds").object; len(thresholds) > 0 {
		h.open("monitor_thresholds")
		for _, key := range []string{"critical", "critical_recovery", "ok", "unknown", "warning", "warning_recovery"} {
			if thresholds.has(key) {
				h.attribute(key, thresholds[key])
			}
		}
		h.close()
	}
	if windows := (&reader{object: options}).into("threshold_windows").object; len(windows) > 0 {
		h.open("monitor_threshold_windows")
		for _, key := range []string{"recovery_window", "trigger_window"} {
			if windows.has(key) {
				h.attribute(key, windows[key])
			}
		}
		h.close()
	}
	if scheduling := (&reader{object: options}).into("scheduling_options").object; len(scheduling) > 0 {
		h.open("scheduling_options")
		for _, block := range []string{"evaluation_window", "custom_schedule"} {
			inner := (&reader{object: scheduling}).into(block).object
			if len(inner) == 0 {
				continue
			}
			h.open(block)
			var recurrences []object
			if json.Unmarshal(inner["recurrences"], &recurrences) == nil && len(recurrences) > 0 {
				h.open("recurrence")
				for _, key := range slices.Sorted(maps.Keys(recurrences[0])) {
					h.attribute(key, recurrences[0][key])
				}
				h.close()
			}
			for _, key := range slices.Sorted(maps.Keys(inner)) {
				if key != "recurrences" {
					h.attribute(key, inner[key])
				}
			}
			h.close()
		}
		h.close()
	}
	h.close()
	return h.b.String(), nil
}

// terraformOptions are the options that are attributes of the resource.
var terraformOptions = []string{
	"enable_logs_sample", "escalation_message", "evaluation_delay", "group_retention_duration", "groupby_simple_monitor", "include_tags",
	"new_group_delay", "new_host_delay", "no_data_timeframe", "notification_preset_name", "notify_audit", "notify_by", "notify_no_data",
	"on_missing_data", "renotify_interval", "renotify_occurrences", "renotify_statuses", "require_full_window", "timeout_h",
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func resourceName(name string, id int64) string {
	text := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "_"), "_")
	if text == "" || text[0] >= '0' && text[0] <= '9' {
		text = strings.TrimRight(fmt.Sprintf("monitor_%d_%s", id, text), "_")
	}
	return text[:min(len(text), 60)]
}

// hcl writes Terraform's language.
type hcl struct {
	b     strings.Builder
	depth int
}

func (h *hcl) line(text string) {
	h.b.WriteString(strings.Repeat("  ", h.depth) + text + "\n")
}

func (h *hcl) blank() { h.b.WriteString("\n") }

func (h *hcl) open(head string) {
	if h.depth > 0 {
		h.blank()
	}
	h.line(head + " {")
	h.depth++
}

func (h *hcl) close() {
	h.depth--
	h.line("}")
}

func (h *hcl) text(key, value string) { h.line(key + " = " + value) }

// attribute writes a JSON value. Of texts with several lines it makes a heredoc.
func (h *hcl) attribute(key string, raw json.RawMessage) {
	var text string
	if json.Unmarshal(raw, &text) == nil && strings.Contains(text, "\n") && !strings.Contains(text, "\nEOT") {
		h.line(key + " = <<-EOT")
		h.depth++
		for line := range strings.SplitSeq(template(text), "\n") {
			h.line(line)
		}
		h.depth--
		h.line("EOT")
		return
	}
	h.text(key, hclValue(decoded(raw)))
}

// template escapes what would be read as a template.
func template(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}

func hclValue(v any) string {
	switch v := v.(type) {
	case string:
		quoted, err := json.Marshal(v)
		if err != nil {
			return `""`
		}
		text := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted))
		return template(text)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = hclValue(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case nil:
		return "null"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, fmt.Sprintf("%q = %s", key, hclValue(v[key])))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(v)
}
