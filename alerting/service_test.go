package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	netmail "net/mail"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// site is an installation on a clock of its own: a real store and catalog in a
// temporary folder, evaluated by hand.
type site struct {
	t    *testing.T
	dir  string
	db   *store.DB
	s    *Service
	mu   sync.Mutex
	now  time.Time
	post *postbox
	deps Deps

	// undelivered: mails stay in the outbox, and are read there, which spares
	// drawing their pictures.
	undelivered bool
	seen        int64 // the newest mail of the outbox that was read
}

// postbox is where mails arrive, and a mail server that can be out of order.
type postbox struct {
	mu    sync.Mutex
	fault func(to []string) error
	mails []arrived
}

type arrived struct {
	subject, id string
	references  []string
	to          []string
	text, html  string
	at          time.Time
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) deliver(_ context.Context, raw []byte, _ string, to []string) error {
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	if s.post.fault != nil {
		if err := s.post.fault(to); err != nil {
			return err
		}
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		s.t.Errorf("unreadable mail: %v", err)
		return nil
	}
	text, html, err := readable(raw)
	if err != nil {
		s.t.Errorf("unreadable mail: %v", err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		s.t.Error(err)
	}
	s.post.mails = append(s.post.mails, arrived{
		subject: subject, id: msg.Header.Get("Message-ID"), references: strings.Fields(msg.Header.Get("References")),
		to: slices.Clone(to), text: text, html: html, at: s.clock(),
	})
	return nil
}

// take returns what has arrived since the last call.
func (s *site) take() []arrived {
	if s.undelivered {
		mails, err := s.s.Outbox()
		if err != nil {
			s.t.Fatal(err)
		}
		var fresh []arrived
		last := s.seen
		for _, m := range mails {
			if m.ID > last {
				fresh = append(fresh, arrived{subject: m.Subject, id: m.MessageID, to: m.To})
				s.seen = max(s.seen, m.ID)
			}
		}
		return fresh
	}
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	mails := s.post.mails
	s.post.mails = nil
	return mails
}

func (s *site) subjects() []string {
	subjects := []string{}
	for _, m := range s.take() {
		subjects = append(subjects, m.subject)
	}
	return subjects
}

func newSite(t *testing.T, now time.Time) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), now: now, post: &postbox{}}
	s.deps = Deps{Mailer: s.deliver, From: "Whippet <whippet@example.com>", PublicURL: "http://whippet.example.com", Zone: now.Location()}
	s.open()
	t.Cleanup(func() { s.db.Close() })
	return s
}

func (s *site) open() {
	s.t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(filepath.Join(s.dir, "data"), store.Options{Now: s.clock, Log: log})
	if err != nil {
		s.t.Fatal(err)
	}
	s.db = db
	s.deps.Catalog, s.deps.Engine, s.deps.Now, s.deps.Log = db.Catalog(), query.New(db, query.Options{Log: log}), s.clock, log
	if s.s, err = New(s.deps); err != nil {
		s.t.Fatal(err)
	}
}

// restart closes everything and opens it again.
func (s *site) restart() {
	s.t.Helper()
	if err := s.db.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

// send keeps a gauge of each host at the present moment, and at the n-1 times
// 10 s apart before it.
func (s *site) send(metric string, values map[string]float64, n int) {
	s.t.Helper()
	var b store.Batch
	for host, v := range values {
		ref, err := s.db.Intern(store.Series{Name: metric, Tags: store.NewTags([]string{"host:" + host}), Kind: store.Gauge})
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range n {
			b.Samples = append(b.Samples, store.Sample{Ref: ref, Time: s.clock().UnixMilli() - int64(i)*10_000, Value: v})
		}
	}
	if _, err := s.db.Append(s.t.Context(), &b); err != nil {
		s.t.Fatal(err)
	}
}

// evaluate does what Run does, once, and waits for it.
func (s *site) evaluate() {
	s.t.Helper()
	ctx := s.t.Context()
	s.s.tendOnce(ctx)
	for _, w := range s.s.monitors() {
		if due, ok := w.claim(s.s.ms()); ok {
			s.s.evaluateDue(ctx, w, due)
			if w.problem != "" {
				s.t.Fatal(w.problem)
			}
		}
	}
	for !s.undelivered && s.s.deliverReady(ctx) {
	}
}

// minutes lets n minutes pass: data every 10 s, an evaluation every minute.
func (s *site) minutes(n int, values map[string]float64) {
	s.t.Helper()
	for range n {
		if s.advance(time.Minute); len(values) > 0 {
			s.send("my_metric", values, 6)
		}
		s.evaluate()
	}
}

func (s *site) create(doc string) int64 {
	s.t.Helper()
	raw, err := s.s.CreateMonitor(s.t.Context(), json.RawMessage(doc))
	if err != nil {
		s.t.Fatal(err)
	}
	return idOf(s.t, raw)
}

func idOf(t *testing.T, raw json.RawMessage) int64 {
	t.Helper()
	var doc struct{ ID int64 }
	if err := json.Unmarshal(raw, &doc); err != nil || doc.ID == 0 {
		t.Fatalf("no id in %s: %v", raw, err)
	}
	return doc.ID
}

func (s *site) want(subjects ...string) []arrived {
	s.t.Helper()
	mails := s.take()
	var got []string
	for _, m := range mails {
		got = append(got, m.subject)
	}
	slices.Sort(got)
	slices.Sort(subjects)
	if !slices.Equal(got, subjects) {
		s.t.Fatalf("%s: mails\n got: %q\nwant: %q", s.clock().Format(time.RFC3339), got, subjects)
	}
	return mails
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

const exerciseMonitor = `{
	"type": "metric alert", "name": "my_metric is high",
	"query": "avg(last_5m):avg:my_metric{*} by {host} > 800",
	"message": "{{#is_alert}}Alert text: {{value}} from {{host.ip}}. @alert@example.com{{/is_alert}}{{#is_warning}}Warning text. @warn@example.com{{/is_warning}}{{#is_no_data}}No data text. @nodata@example.com{{/is_no_data}}{{#is_recovery}}Recovery text. @alert@example.com{{/is_recovery}}",
	"tags": ["team:exercise"],
	"options": {"thresholds": {"critical": 800, "warning": 500}, "notify_no_data": true, "no_data_timeframe": 10, "renotify_interval": 30}
}`

// EXERCISE C.1 to C.3, on one monitor with two hosts.
func TestExerciseMonitor(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, berlin(t)))
	err := s.deps.Catalog.UpdateHost(t.Context(), "thinkpad", func(h *catalog.Host) { h.IP, h.Platform = "192.0.2.7", "debian 13" })
	if err != nil {
		t.Fatal(err)
	}
	id := s.create(exerciseMonitor)
	calm := map[string]float64{"thinkpad": 100, "web": 100}
	s.minutes(10, calm)
	s.want()

	// C.1, C.2: each state's mail, with its own text, once per transition and group.
	s.minutes(6, map[string]float64{"thinkpad": 700, "web": 100})
	mail := s.want("[Warn] my_metric is high on {host:thinkpad}")[0]
	if !strings.Contains(mail.text, "Warning text.") || strings.Contains(mail.text, "Alert text") || !slices.Equal(mail.to, []string{"warn@example.com"}) {
		t.Errorf("warning goes to %v and says %q", mail.to, mail.text)
	}
	s.minutes(6, map[string]float64{"thinkpad": 950, "web": 100})
	mail = s.want("[Triggered] my_metric is high on {host:thinkpad}")[0]
	for _, part := range []string{"Alert text: ", "from 192.0.2.7."} {
		if !strings.Contains(mail.text, part) {
			t.Errorf("alert doesn't say %q: %s", part, mail.text)
		}
	}
	for _, part := range []string{"data:image/png;base64,", fmt.Sprintf("http://whippet.example.com/monitors/%d", id), "debian 13"} {
		if !strings.Contains(mail.html, part) {
			t.Errorf("alert lacks %q", part)
		}
	}
	thread := mail.references[0]

	// C.3: renotified as its setting says, and recovered.
	s.minutes(24, map[string]float64{"thinkpad": 950, "web": 100})
	s.want()
	s.minutes(7, map[string]float64{"thinkpad": 950, "web": 100})
	again := s.want("[Re-Triggered] my_metric is high on {host:thinkpad}")[0]
	s.minutes(6, calm)
	mails := s.want("[Warn] my_metric is high on {host:thinkpad}", "[Recovered] my_metric is high on {host:thinkpad}")
	for _, m := range append(mails, again) {
		if !slices.Contains(m.references, thread) {
			t.Errorf("%s refers to %v, not to the incident's thread %s", m.subject, m.references, thread)
		}
	}

	// No Data, per group.
	s.minutes(9, map[string]float64{"web": 100})
	s.want()
	s.minutes(2, map[string]float64{"web": 100})
	mail = s.want("[No Data] my_metric is high on {host:thinkpad}")[0]
	if !strings.Contains(mail.text, "No data text.") {
		t.Errorf("no data says %q", mail.text)
	}
	groups := s.groups(id)
	if groups["host:thinkpad"].Status != NoData || groups["host:web"].Status != OK {
		t.Errorf("groups are %v", groups)
	}
	s.minutes(2, calm)
	s.want("[Recovered] my_metric is high on {host:thinkpad}")

	// The history has every transition, newest first.
	events, err := s.s.MonitorHistory(id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, e := range events {
		word, _, _ := strings.Cut(e.Title, " my_metric")
		titles = append(titles, word)
	}
	want := []string{"[Recovered]", "[No Data]", "[Recovered]", "[Warn]", "[Re-Triggered]", "[Triggered]", "[Warn]", "[Created]"}
	if !slices.Equal(titles, want) {
		t.Errorf("history is %q, want %q", titles, want)
	}
}

func (s *site) groups(id int64) map[string]Group {
	s.t.Helper()
	groups, err := s.s.MonitorGroups(id)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]Group{}
	for _, g := range groups {
		out[g.Name] = g
	}
	return out
}

// EXERCISE C.4: weekday nights and weekends, across the end of summer time.
func TestExerciseDowntimes(t *testing.T) {
	// Friday; clocks go back on Sunday at 3:00.
	s := newSite(t, time.Date(2026, 10, 23, 18, 0, 0, 0, berlin(t)))
	s.create(strings.Replace(exerciseMonitor, `"renotify_interval": 30`, `"renotify_interval": null`, 1))
	for _, doc := range []string{
		`{"scope": ["*"], "timezone": "Europe/Berlin", "cron": "0 19 * * MON-FRI", "duration": "14h", "message": "Nights. @ops@example.com"}`,
		`{"scope": ["*"], "timezone": "Europe/Berlin", "rrule": "FREQ=WEEKLY;BYDAY=SA,SU", "start": "2026-10-17T00:00", "end": "2026-10-18T00:00", "message": "Weekends. @ops@example.com"}`,
	} {
		if _, err := s.s.CreateDowntime(t.Context(), json.RawMessage(doc)); err != nil {
			t.Fatal(err)
		}
	}
	calm, high := map[string]float64{"thinkpad": 100}, map[string]float64{"thinkpad": 950}
	s.minutes(30, calm)
	s.want("[Downtime Scheduled] everything", "[Downtime Scheduled] everything")
	s.minutes(29, calm)
	s.want()

	type moment struct {
		when    string
		values  map[string]float64
		subject []string
	}
	for _, m := range []moment{
		{"2026-10-23T19:01", calm, []string{"[Downtime Started] everything"}},
		{"2026-10-23T19:30", high, nil},                                       // recorded, not mailed
		{"2026-10-24T00:01", high, []string{"[Downtime Started] everything"}}, // Saturday begins inside Friday's night
		{"2026-10-24T08:59", high, nil},
		{"2026-10-24T09:01", high, []string{"[Downtime Ended] everything"}},
		{"2026-10-25T00:01", high, []string{"[Downtime Ended] everything", "[Downtime Started] everything"}},
		{"2026-10-25T02:30", calm, nil}, // the hour that comes twice
		{"2026-10-25T03:30", high, nil},
		{"2026-10-25T23:59", high, nil},
		{"2026-10-26T00:02", high, []string{"[Downtime Ended] everything", "[Triggered] my_metric is high on {host:thinkpad}"}},
		{"2026-10-26T00:10", calm, []string{"[Warn] my_metric is high on {host:thinkpad}", "[Recovered] my_metric is high on {host:thinkpad}"}},
		{"2026-10-26T18:59", calm, nil},
		{"2026-10-26T19:00", calm, []string{"[Downtime Started] everything"}},
		{"2026-10-27T08:58", high, nil},
		{"2026-10-27T09:01", high, []string{"[Downtime Ended] everything", "[Triggered] my_metric is high on {host:thinkpad}"}},
	} {
		at, err := time.ParseInLocation("2006-01-02T15:04", m.when, s.now.Location())
		if err != nil {
			t.Fatal(err)
		}
		// Most of the time passes in steps of 10 minutes, the last in minutes.
		for s.clock().Before(at) {
			left := at.Sub(s.clock())
			if left > 20*time.Minute {
				s.minutes(2, m.values)
				s.advance(8 * time.Minute)
				continue
			}
			s.minutes(1, m.values)
		}
		s.want(m.subject...)
	}
}

func TestRestartDoesNotTellAgain(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.create(exerciseMonitor)
	s.minutes(6, map[string]float64{"thinkpad": 950, "web": 100})
	s.want("[Triggered] my_metric is high on {host:thinkpad}")
	for range 3 {
		s.restart()
		s.minutes(2, map[string]float64{"thinkpad": 950, "web": 100})
		s.want()
	}
	// Down for an hour: nobody is said to be missing for that.
	s.restart()
	s.advance(time.Hour)
	s.restart()
	s.evaluate()
	s.want()
	s.minutes(3, map[string]float64{"thinkpad": 950, "web": 100})
	s.want("[Re-Triggered] my_metric is high on {host:thinkpad}")
	// Down while it recovered: told once.
	s.restart()
	s.minutes(6, map[string]float64{"thinkpad": 100, "web": 100})
	s.want("[Warn] my_metric is high on {host:thinkpad}", "[Recovered] my_metric is high on {host:thinkpad}")
}

func TestMailQueuedBeforeARestartIsSentAfterIt(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.create(exerciseMonitor)
	s.post.fault = func([]string) error { return errors.New("connection refused") }
	s.minutes(1, map[string]float64{"thinkpad": 950})
	s.want()
	s.post.fault = nil
	s.restart()
	s.minutes(1, map[string]float64{"thinkpad": 950})
	s.want("[Triggered] my_metric is high on {host:thinkpad}")
	s.restart()
	s.minutes(2, map[string]float64{"thinkpad": 950})
	s.want()
}

// A mail server that is away for an hour: everything arrives, once, in order.
func TestTemporaryFaultsLoseAndDoubleNothing(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.create(strings.Replace(exerciseMonitor, `"renotify_interval": 30`, `"renotify_interval": null`, 1))
	s.minutes(6, map[string]float64{"thinkpad": 100})
	s.post.fault = func([]string) error { return errors.New("connection refused") }
	s.minutes(6, map[string]float64{"thinkpad": 5000})
	s.minutes(54, map[string]float64{"thinkpad": 100})
	mails, err := s.s.Outbox()
	if err != nil {
		t.Fatal(err)
	}
	// The recovery waits behind the alert, untried.
	slices.Reverse(mails)
	if len(mails) < 2 || mails[0].Attempts < 5 || mails[0].LastError != "connection refused" || mails[0].State != Queued || mails[1].Attempts != 0 {
		t.Fatalf("outbox is %+v", mails)
	}
	s.post.fault = nil
	s.minutes(65, map[string]float64{"thinkpad": 100})
	got := s.take()
	if len(got) != len(mails) {
		t.Fatalf("%d of %d mails arrived", len(got), len(mails))
	}
	for i, m := range got {
		if m.subject != mails[i].Subject || m.id != mails[i].MessageID {
			t.Errorf("mail %d is %s %s, want %s %s", i, m.id, m.subject, mails[i].MessageID, mails[i].Subject)
		}
	}
	if st := s.s.Stats(); st.MailsSent != int64(len(mails)) || st.OutboxLength != 0 || st.MailRetries == 0 {
		t.Errorf("stats are %+v", st)
	}
}

func TestMailIsGivenUpAfterDays(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.create(exerciseMonitor)
	tries := 0
	s.post.fault = func([]string) error { tries++; return errors.New("connection refused") }
	s.minutes(1, map[string]float64{"thinkpad": 950})
	for range 4*24 + 2 {
		s.advance(time.Hour)
		s.s.deliverReady(t.Context())
	}
	mails, err := s.s.Outbox()
	if err != nil {
		t.Fatal(err)
	}
	if m := mails[0]; m.State != Failed || tries != m.Attempts || tries < 90 || !strings.Contains(m.LastError, "given up") {
		t.Fatalf("after %d tries: %+v", tries, m)
	}
	s.post.fault = nil
	if err := s.s.Retry(t.Context(), mails[0].ID); err != nil {
		t.Fatal(err)
	}
	s.s.deliverReady(t.Context())
	s.want("[Triggered] my_metric is high on {host:thinkpad}")
}

func TestWithoutMailServerMailsAreKept(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.deps.Mailer = nil
	s.restart()
	s.create(exerciseMonitor)
	s.minutes(1, map[string]float64{"thinkpad": 950})
	mails, err := s.s.Outbox()
	if err != nil || len(mails) != 1 || mails[0].State != Kept {
		t.Fatalf("outbox is %+v, %v", mails, err)
	}
	m, err := s.s.OutboxMessage(mails[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "Alert text") || !strings.Contains(m.HTML, "data:image/png") || !bytes.Contains(m.Raw, []byte("Message-ID: ")) {
		t.Errorf("kept mail lacks a part: %s", m.Raw)
	}
	if _, err := s.s.OutboxMessage(99); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown mail is %v", err)
	}
}

func TestManyGroupsAtOnceAreOneMail(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.create(exerciseMonitor)
	calm, high := map[string]float64{}, map[string]float64{}
	for i := range 12 {
		calm[fmt.Sprintf("web-%02d", i)] = 1
		high[fmt.Sprintf("web-%02d", i)] = 9000 + float64(i)
	}
	s.minutes(6, calm)
	s.minutes(2, high)
	m := s.want("[Triggered] my_metric is high on {12 groups}")[0]
	for host := range high {
		if !strings.Contains(m.text, host) || !strings.Contains(m.html, host) {
			t.Errorf("the digest doesn't list %s", host)
		}
	}
	if len(m.references) != 12 {
		t.Errorf("the digest belongs to %d threads", len(m.references))
	}
}

// With the real goroutines: a clock that jumps has its effect at once.
func TestRunFollowsAClockThatIsMovedAhead(t *testing.T) {
	s := newSite(t, time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC))
	s.create(exerciseMonitor)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.s.Run(ctx) }()
	arrives := func(subject string) {
		t.Helper()
		for range 200 {
			if got := s.subjects(); slices.Contains(got, subject) {
				return
			} else if len(got) > 0 {
				t.Fatalf("%q arrived instead of %q", got, subject)
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%q doesn't arrive", subject)
	}
	s.send("my_metric", map[string]float64{"thinkpad": 950}, 1)
	s.advance(time.Minute)
	arrives("[Triggered] my_metric is high on {host:thinkpad}")
	s.advance(12 * time.Minute)
	arrives("[No Data] my_metric is high on {host:thinkpad}")
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestEvaluationsAreSpreadOverTheirInterval(t *testing.T) {
	const monitors, interval = 6000, 60_000
	var perSecond [60]int
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC).UnixMilli()
	for id := range int64(monitors) {
		due := latestDue(id+1, interval, now)
		if due > now || now-due >= interval {
			t.Fatalf("monitor %d is due at %d, now is %d", id, due, now)
		}
		if next := latestDue(id+1, interval, due+interval); next != due+interval {
			t.Fatalf("monitor %d: after %d comes %d", id, due, next)
		}
		perSecond[(now-due)/1000]++
	}
	for second, n := range perSecond {
		if n < monitors/60*8/10 || n > monitors/60*12/10 {
			t.Errorf("%d of %d monitors are due in second %d", n, monitors, second)
		}
	}
}

func TestSleepIsToldFromAClockThatIsMoved(t *testing.T) {
	now := time.Now()
	if slept(now, now.Add(time.Hour)) {
		t.Error("a clock moved ahead counts as sleep")
	}
	// After a suspend, wall time has gone on and monotonic time has not; Round
	// strips the monotonic reading.
	if wall := now.Round(0).Add(time.Hour); slept(now.Round(0), wall) {
		t.Error("a clock without monotonic readings can't tell")
	}
}
