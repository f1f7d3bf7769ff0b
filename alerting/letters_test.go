package alerting

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store/catalog"
)

var (
	update   = flag.Bool("update", false, "write the golden files anew")
	mailsOut = flag.String("mails", "", "folder to write every mail's HTML to, to be looked at")
)

var inMuteLinks = regexp.MustCompile(`mute\?t=[^"\s]+`)

// Every state's mail, of every kind of monitor, as it arrives.
func TestMailsOfEveryStateAndKind(t *testing.T) {
	s := newSite(t, time.Date(2026, 11, 23, 18, 0, 0, 0, berlin(t)))
	if err := s.db.Catalog().UpdateHost(t.Context(), "thinkpad", func(h *catalog.Host) {
		h.IP, h.Platform, h.AgentVersion = "192.0.2.7", "debian 13", "7.60.0"
		h.Tags = map[string][]string{"user": {"awesome_tag", "env:test"}}
	}); err != nil {
		t.Fatal(err)
	}
	message := "{{#is_alert}}**{{host.name}}** ({{host.ip}}) is at `{{value}}`, {{comparator}} {{threshold}}.\n\n1. Look at the [runbook](https://wiki.example.com/r)\n2. Restart the importer\n{{/is_alert}}" +
		"{{#is_warning}}It is getting warm: {{value}}.{{/is_warning}}{{#is_no_data}}Nothing from {{host.name}}.{{/is_no_data}}{{#is_recovery}}Well again after {{triggered_duration_sec}} s.{{/is_recovery}}{{#is_renotify}} Still!{{/is_renotify}} @ops@example.com"
	value := func(v float64) func() {
		return func() { s.minutes(1, map[string]float64{"thinkpad": v}) }
	}
	mail := map[string]arrived{}
	// until repeats step until a mail comes, and keeps it.
	until := func(name string, step func()) {
		t.Helper()
		for range 60 {
			step()
			if mails := s.take(); len(mails) > 0 {
				mail[name] = mails[len(mails)-1]
				return
			}
		}
		t.Fatalf("no mail %s", name)
	}
	metric := s.create(change(t, change(t, change(t, exerciseMonitor, "message", fmt.Sprintf("%q", message)), "priority", "2"), "options.escalation_message", `"Wake the manager. @boss@example.com"`))
	s.minutes(30, map[string]float64{"thinkpad": 310})
	until("warn", value(640))
	until("alert", value(950))
	until("renotify", value(950))
	until("recovered-to-warn", value(620))
	until("recovered", value(300))
	until("no-data", func() { s.minutes(1, nil) })
	until("no-data-recovered", value(300))
	if err := s.s.DeleteMonitor(t.Context(), metric); err != nil {
		t.Fatal(err)
	}

	s.create(change(t, monitorDoc(serviceCheck, `"postgres.can_connect".over("*").by("host").last(4).count_by_status()`, `{"thresholds": {"critical": 2}}`), "message", `"{{check_message}} @ops@example.com"`))
	until("check-alert", func() {
		s.check("postgres.can_connect", "thinkpad", 2, "connection to server on socket refused")
		s.minutes(1, nil)
	})
	s.create(change(t, monitorDoc(eventV2Alert, `events("source:deploy status:error").rollup("count").by("service").last("5m") > 1`, ""), "message", `"{{value}} deploys failed, the last: {{event.title}} @ops@example.com"`))
	until("event-alert", func() {
		if err := s.db.Catalog().AddEvents(t.Context(), []catalog.Event{{Title: "deploy of web <1.2> failed", SourceType: "deploy", AlertType: "error", Tags: []string{"service:web"}, Time: s.clock().UnixMilli()}}); err != nil {
			t.Fatal(err)
		}
		s.minutes(1, nil)
	})
	one := s.create(change(t, monitorDoc(metricAlert, "avg(last_1m):avg:my_metric{*} > 800", ""), "message", `""`))
	s.create(change(t, monitorDoc(composite, fmt.Sprintf("%d && %d", one, one), ""), "message", `"Both. @ops@example.com"`))
	until("composite-alert", value(950))
	s.create(change(t, monitorDoc(metricAlert, "pct_change(avg(last_1m),last_10m):avg:my_metric{*} by {host} > 50", ""), "name", `"my_metric doubles"`))
	s.minutes(15, map[string]float64{"thinkpad": 950})
	s.take()
	until("change-alert", value(2100))
	many := map[string]float64{}
	for i := range 12 {
		many[fmt.Sprintf("web-%02d", i)] = 700 + 30*float64(i)
	}
	s.create(change(t, monitorDoc(metricAlert, "avg(last_5m):avg:fleet{*} by {host} > 600", ""), "name", `"fleet is loaded"`))
	until("digest", func() {
		s.advance(time.Minute)
		s.send("fleet", many, 6)
		s.evaluate()
	})

	for name, m := range mail {
		text := fmt.Sprintf("Subject: %s\nTo: %s\n\n%s", m.subject, strings.Join(m.to, ", "), inMuteLinks.ReplaceAllString(m.text, "mute?t=TOKEN"))
		file := filepath.Join("testdata", "mails", name+".txt")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if *mailsOut != "" {
			if err := os.WriteFile(filepath.Join(*mailsOut, name+".html"), []byte(m.html), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s differs; look at it, and write it anew with -update if that is right:\n%s", file, text)
		}
	}
}
