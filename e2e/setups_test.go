package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// setup is what the page of set-ups says for one way of sending.
func (b *browser) setup(panel, way string) string {
	b.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll('.panel')].find((p) => p.querySelector('h2')?.innerText === %q)`, panel)
	b.until(panel+" offers "+way, fmt.Sprintf(`(() => {
		const button = [...(%s?.querySelectorAll('button') ?? [])].find((e) => e.innerText.trim() === %q)
		button?.click()
		return button?.getAttribute('aria-pressed') === 'true'
	})()`, find, way))
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](find+".querySelector('pre').textContent"))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// What the page of set-ups says is done, and the data arrives.
// Tracers, agents and collectors of others are driven by the tests of their own.
func TestSetupsDoWhatTheySay(t *testing.T) {
	installNode(t)
	s := startServer(t)
	b := openBrowser(t, s.url)
	b.open("/start")
	b.see("Datadog Agent", "OpenTelemetry")
	bin, err := filepath.Abs(filepath.Dir(binary))
	if err != nil {
		t.Fatal(err)
	}
	run := func(dir, program string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		command := exec.CommandContext(ctx, program, args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if err := command.Start(); err != nil {
			cancel()
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			command.Wait() // ended by us, where it goes on by itself
		})
	}
	arrives := func(what, q string) {
		t.Helper()
		s.eventually(what+" has sent", func() error {
			now := s.now()
			if rows := s.query(q, now.Add(-10*time.Minute), now.Add(time.Minute)); len(rows) == 0 || len(rows[0].values()) == 0 {
				return fmt.Errorf("no %s", q)
			}
			return nil
		})
	}

	run(t.TempDir(), "bash", "-c", b.setup("DogStatsD clients", "Shell"))
	arrives("the shell", "avg:my_metric{env:test}")

	run(t.TempDir(), "bash", "-c", b.setup("Another machine, without an agent", "curl"))
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	arrives("curl", "avg:my_metric{host:"+hostname+",!env:test}")

	run(nodeDir, "node", "--input-type=commonjs", "-e", "{"+strings.ReplaceAll(b.setup("DogStatsD clients", "Node"), "my_metric", "node_metric")+"\nsetInterval(() => 0, 1000)}")
	arrives("Node", "avg:node_metric{env:test}")

	run(t.TempDir(), "bash", "-c", "exec "+b.setup("Another machine, without an agent", "whippet agent"))
	arrives("the agent of ours", "avg:system.load.1{*}")
}
