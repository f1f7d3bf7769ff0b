package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// A person tries a monitor on the past before saving it, mutes several, and
// follows the mute link of a mail.
func TestMonitorPagesInTheBrowser(t *testing.T) {
	s := startServer(t)
	var points []point
	for i := range 240 {
		value := 100.0
		if i%80 > 60 {
			value = 900
		}
		points = append(points, point{time.Now().Add(time.Duration(i-240) * 30 * time.Second), value})
	}
	s.submit("my_metric", "thinkpad", nil, points...)
	var made struct{ ID int64 }
	s.call("POST", "/api/v1/monitor", monitorDocument(nil), &made)

	b := openBrowser(t, s.url)
	b.open(fmt.Sprintf("/monitors/%d/edit", made.ID))
	b.until("the alert line has a grip", `document.querySelector('.threshold-grip[data-severity=alert]')?.getAttribute('aria-valuenow') === '800'`)
	b.pull(".threshold-grip[data-severity=alert]", spot{0, 40})
	alertAt := `Number([...document.querySelectorAll('label')].find((l) => l.innerText.startsWith('Alert at')).querySelector('input').value)`
	b.until("the line was dragged down", alertAt+" < 800 && "+alertAt+" > 300")
	b.screenshot("monitor-line-dragged")
	b.keys(".threshold-grip[data-severity=alert]", kb.ArrowUp)
	b.until("the arrow key moved it", alertAt+` === Number(document.querySelector('.threshold-grip[data-severity=alert]').getAttribute('aria-valuenow'))`)
	b.fill("input[type=number]", "800")
	b.click("1 day")
	b.see("What it would have sent", "evaluations", "[Triggered] my_metric is high on {host:thinkpad}", "host:thinkpad")
	b.until("the past is in sight", `[...document.querySelectorAll('h2')].some((h) => { h.innerText === 'What it would have sent' && h.scrollIntoView(); return h.innerText === 'What it would have sent' })`)
	b.screenshot("monitor-past")
	b.click("As JSON")
	b.until("the monitor is there as JSON", `document.querySelector('#monitor-json')?.value.includes('"no_data_timeframe": 10')`)
	b.click("Preview mails and past")
	b.see("Mails it would send")

	b.open("/monitors")
	b.see("my_metric is high")
	b.until("the monitor is chosen", `(() => { const box = document.querySelector('tbody input[type=checkbox]'); if (box && !box.checked) box.click(); return document.body.innerText.includes('1 chosen') })()`)
	b.click("Mute for 1 h")
	b.see("muted")
	b.open(fmt.Sprintf("/monitors/%d", made.ID))
	b.see("States over time", "Edits", "options.silenced")
	b.click("Export")
	b.click("Terraform")
	b.see(`resource "datadog_monitor" "my_metric_is_high"`)
	b.screenshot("monitor-page")
}
