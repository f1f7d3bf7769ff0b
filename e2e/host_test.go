package e2e

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestItsOwnHostIsMeasuredAtOnce(t *testing.T) {
	s := startServer(t, "--host-metrics", "--hostname", "thinkpad", "--host-tags", "env:test,nice_tag")
	now := s.now()
	s.eventually("the first figures are there", func() error {
		if rows := s.query("avg:system.mem.total{env:test}", now.Add(-time.Minute), now.Add(time.Minute)); len(rows) != 1 {
			return &statusError{0, "system.mem.total", "no row yet"}
		}
		return nil
	})
	s.advance(10 * time.Second)
	s.eventually("what needs two looks is there", func() error {
		rows := s.query("sum:system.cpu.user{nice_tag} + sum:system.cpu.idle{nice_tag}", now.Add(-time.Minute), now.Add(time.Minute))
		if len(rows) != 1 || len(rows[0].values()) == 0 {
			return &statusError{0, "system.cpu", "no row yet"}
		}
		if v := rows[0].values()[0]; v < 0 || v > 101 {
			t.Errorf("user and idle time add up to %v %%", v)
		}
		return nil
	})

	b := openBrowser(t, s.url)
	b.open("/infrastructure/thinkpad")
	b.see("env:test", "nice_tag", "system.cpu.user", "whippet", "processes", "serve --data-dir")
	b.screenshot("A1-own-host")
	b.open("/settings/received")
	b.see("/api/v1/collector", "/api/v1/series", "DogStatsD")
	b.screenshot("A1-received")
}

func TestAgentOfAnotherHostCatchesUpAfterAnAbsence(t *testing.T) {
	s := startServer(t)
	agent := exec.Command(binary, "agent", "--to", s.url, "--hostname", "remote", "--host-tags", "role:db", "--spool-dir", filepath.Join(t.TempDir(), "spool"))
	var log bytes.Buffer
	agent.Stdout, agent.Stderr = &log, &log
	s.stop()
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		agent.Process.Signal(syscall.SIGTERM)
		if err := agent.Wait(); err != nil || t.Failed() {
			t.Errorf("the agent's end: %v; its log:\n%s", err, log.String())
		}
	})
	time.Sleep(time.Second) // its first payload finds nobody
	s.start()
	start := time.Now()
	s.eventually("what was measured while nobody listened has arrived", func() error {
		rows := s.query("avg:system.load.1{role:db}", start.Add(-time.Minute), start.Add(time.Minute))
		if len(rows) != 1 || len(rows[0].values()) == 0 {
			return &statusError{0, "system.load.1", "no row yet"}
		}
		return nil
	})
}

// postgres is a PostgreSQL server of the test's own.
type postgres struct {
	t    *testing.T
	url  string
	port string
}

func startPostgres(t *testing.T) *postgres {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		t.Skip("Debian's postgresql is not installed")
	}
	bin := slices.Max(bins)
	dir := shortTempDir(t)
	_, port, err := net.SplitHostPort(freeTCP(t))
	if err != nil {
		t.Fatal(err)
	}
	p := &postgres{t: t, port: port, url: "postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable"}
	as := func(name string, args ...string) {
		t.Helper()
		if os.Getuid() == 0 { // the server refuses to run as root
			name, args = "runuser", append([]string{"-u", "postgres", "--", name}, args...)
		}
		command := exec.Command(name, args...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	data := filepath.Join(dir, "data")
	as(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync")
	// Its log must not be a pipe of ours: the server would hold it open.
	as(filepath.Join(bin, "pg_ctl"), "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", fmt.Sprintf("-p %s -k %s -c listen_addresses=127.0.0.1 -c fsync=off", port, dir), "start")
	t.Cleanup(func() { as(filepath.Join(bin, "pg_ctl"), "-D", data, "-m", "immediate", "stop") })
	return p
}

func (p *postgres) run(sql string) {
	p.t.Helper()
	if out, err := exec.Command("psql", p.url, "-q", "-v", "ON_ERROR_STOP=1", "-c", sql).CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", sql, err, out)
	}
}

// TestA2DatabaseIsWatched watches a real PostgreSQL server, and TestB2's spike
// happens in it: an expensive query is outside of the band.
func TestA2DatabaseIsWatched(t *testing.T) {
	pg := startPostgres(t)
	pg.run("CREATE TABLE stock AS SELECT id, id % 97 AS qty FROM generate_series(1, 100000) id; CREATE UNIQUE INDEX ON stock (id); ANALYZE stock")
	s := startServer(t, "--host-metrics", "--hostname", "thinkpad", "--postgres", pg.url)
	fetch := func(rows int) {
		pg.run(fmt.Sprintf("SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT sum(qty) FROM stock WHERE id BETWEEN 1 AND %d", rows))
	}
	rounds := func() int {
		rows := s.query("sum:postgresql.rows_fetched{db:postgres}.rollup(sum, 10)", s.now().Add(-time.Hour), s.now())
		if len(rows) == 0 {
			return 0
		}
		return len(rows[0].values())
	}
	random := rand.New(rand.NewPCG(3, 4))
	const calm = 45
	s.eventually("the server is reached", func() error {
		if n := len(s.query("avg:postgresql.connections{*}", s.now().Add(-time.Minute), s.now().Add(time.Minute))); n == 0 {
			return &statusError{0, "postgresql.connections", "no row yet"}
		}
		return nil
	})
	for i := range calm + 3 {
		if i < calm {
			fetch(2000 + random.IntN(400))
		} else {
			fetch(100_000)
		}
		before := rounds()
		s.advance(10 * time.Second)
		s.eventually("another round is measured", func() error {
			if rounds() <= before {
				return &statusError{0, "postgresql.rows_fetched", "no new point"}
			}
			return nil
		})
	}

	now := s.now()
	for _, metric := range []string{"rows_returned", "commits", "buffer_hit", "max_connections", "database_size"} {
		if rows := s.query("avg:postgresql."+metric+"{host:thinkpad}", now.Add(-5*time.Minute), now); len(rows) != 1 || len(rows[0].values()) == 0 {
			t.Errorf("postgresql.%s: got %+v, want a row", metric, rows)
		}
	}
	rows := s.query("avg:postgresql.rows_fetched{db:postgres,host:thinkpad}.rollup(avg, 10)", now.Add(-15*time.Minute), now)
	if len(rows) != 1 {
		t.Fatalf("rows_fetched: got %d rows, want 1", len(rows))
	}
	values := rows[0].values()
	if most := slices.Max(values); math.Abs(most-10_000) > 1_000 {
		t.Errorf("100,000 rows in 10 s: got a rate of %v a second at the most", most)
	}
	type check struct {
		Check  string
		Status int
		Tags   []string
	}
	var answer struct{ Checks []check }
	s.call("GET", "/api/ui/checks", nil, &answer)
	if !slices.ContainsFunc(answer.Checks, func(c check) bool {
		return c.Check == "postgres.can_connect" && c.Status == 0 && slices.Contains(c.Tags, "db:postgres")
	}) {
		t.Errorf("checks: got %+v, want postgres.can_connect OK", answer.Checks)
	}

	flagged, calmFlagged := s.anomalous("anomalies(avg:postgresql.rows_fetched{db:postgres}.rollup(avg, 10), 'basic', 3)", now.Add(-15*time.Minute), now, 5_000)
	if flagged == 0 {
		t.Error("the expensive query is not outside of the band")
	}
	if calmFlagged > calm/5 {
		t.Errorf("%d calm points are outside of the band", calmFlagged)
	}
	b := openBrowser(t, s.url)
	b.open("/metrics/explorer?q=anomalies(avg:postgresql.rows_fetched%7Bdb:postgres%7D.rollup(avg,10),'basic',3)")
	b.see("rows_fetched")
	b.inked("the spike is red", 0xd9, 0x2d, 0x20, 5)
	b.screenshot("A2-postgres")
}

// anomalous counts the flagged points of a query's one row: those above the
// level, and the others.
func (s *server) anomalous(query string, from, to time.Time, level float64) (above, below int) {
	s.t.Helper()
	var answer struct {
		Frames []struct {
			Rows []struct {
				Values []*float64
				Band   *struct{ Anomalous []bool }
			}
		}
	}
	escape := strings.NewReplacer("{", "%7B", "}", "%7D", " ", "%20")
	s.call("GET", fmt.Sprintf("/api/ui/query?query=%s&from=%d&to=%d", escape.Replace(query), from.UnixMilli(), to.UnixMilli()), nil, &answer)
	if len(answer.Frames) != 1 || len(answer.Frames[0].Rows) != 1 || answer.Frames[0].Rows[0].Band == nil {
		s.t.Fatalf("%s: want one row with a band", query)
	}
	row := answer.Frames[0].Rows[0]
	for i, v := range row.Values {
		switch {
		case v == nil || !row.Band.Anomalous[i]:
		case *v > level:
			above++
		default:
			below++
		}
	}
	return above, below
}
