package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
)

// recorded is about when the payloads in testdata were recorded.
var recorded = time.Unix(1795461700, 0)

// newIntake is an intake at the time of the recordings.
func newIntake(t testing.TB) (*Intake, *store.DB) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	now := func() time.Time { return recorded }
	db, err := store.Open(t.TempDir(), store.Options{Now: now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return New(Deps{DB: db, Now: now, Log: log}), db
}

// recordings reads a folder of requests that unmodified programs sent.
func recordings(t testing.TB, folder string) map[string]Request {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.body"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no recordings in %s (error %v)", folder, err)
	}
	all := map[string]Request{}
	for _, name := range names {
		name = strings.TrimSuffix(name, ".body")
		raw, err := os.ReadFile(name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var meta struct {
			Method, Path    string
			ContentType     string `json:"content_type"`
			ContentEncoding string `json:"content_encoding"`
		}
		if err := json.Unmarshal(raw, &meta); err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(name + ".body")
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = Request{meta.Method, meta.Path, meta.ContentType, meta.ContentEncoding, body}
	}
	return all
}

// unpack undoes the encoding of a recording.
func unpack(t testing.TB, r Request) []byte {
	t.Helper()
	plain, err := payload.NewUnpacker().Unpack(r.ContentEncoding, r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return plain.Bytes
}

// replay hands a folder of recordings to the intake, in order.
func replay(t testing.TB, in *Intake, folder string) {
	t.Helper()
	all := recordings(t, folder)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		response, err := in.Handle(context.Background(), all[name])
		if err != nil || response.Status >= 300 {
			t.Errorf("%s/%s: status %d (error %v)", folder, name, response.Status, err)
		}
	}
}

// point finds the value of a series at a time (s); ok is false when there is none.
func point(t testing.TB, db *store.DB, name, tag string, at int64) (value float64, s store.SeriesInfo, ok bool) {
	t.Helper()
	filter := store.Filter{Op: store.And, Args: []store.Filter{{Op: store.MatchName, Value: name}}}
	if tag != "" {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: tag})
	}
	set, err := db.Select(context.Background(), store.Selector{Filter: filter, From: at * 1000, To: at * 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var c store.Columns
	for i := range set.Series {
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		if len(c.Values) == 1 {
			return c.Values[0], set.Series[i], true
		}
	}
	return 0, store.SeriesInfo{}, false
}

func TestRealAgentsSeriesAreReadBack(t *testing.T) {
	for _, tt := range []struct {
		folder, metric, tag string
		at                  int64
		want                float64
		kind                store.Kind
		interval            int64
	}{
		{"agent-core", "system.cpu.idle.total", "host:whip-host-1", 1795461169, 5967.01, store.Gauge, 0},
		{"agent-core", "rc.backfill.count", "", 1795461121, 0.9, store.Rate, 10_000},
		{"agent-core", "rc.backfill.gauge", "", 1795461122, 7, store.Gauge, 0},
		{"agent-core", "plain.c", "", 1795461180, 0.6, store.Rate, 10_000},
		{"agent-core", "plain.hist.avg", "a:b", 1795461180, 1.5, store.Gauge, 0},
		{"agent-v1zlib", "rc.requests", "route:/cart", 1795461600, 2, store.Rate, 10_000},
		{"agent-v1zlib", "rc.timing.95percentile", "host:whip-host-1", 1795461600, 10, store.Gauge, 0},
		{"agent-v1zlib", "plain.g", "", 1795461600, -4, store.Gauge, 0},
		{"datadog-api-client-go", "api.v1.gauge", "", 0, 1.5, store.Gauge, 0},
	} {
		in, db := newIntake(t)
		replay(t, in, tt.folder)
		if tt.at == 0 { // at a time that the client chose
			found, err := db.Find(context.Background(), store.Filter{Op: store.MatchName, Value: tt.metric}, 0, 1<<50, 0)
			if err != nil || len(found) != 1 {
				t.Errorf("%s: got %v (error %v)", tt.metric, found, err)
				continue
			}
			tt.at = found[0].Last / 1000
		}
		got, s, ok := point(t, db, tt.metric, tt.tag, tt.at)
		if !ok || got != tt.want || s.Kind != tt.kind || s.Interval != tt.interval {
			t.Errorf("%s %s: got %v (found %v) of kind %s and interval %d, want %v, %s, %d", tt.folder, tt.metric, got, ok, s.Kind, s.Interval, tt.want, tt.kind, tt.interval)
		}
	}
}

func TestRealSketchesAreReadBack(t *testing.T) {
	in, db := newIntake(t)
	replay(t, in, "agent-core")
	set, err := db.Select(context.Background(), store.Selector{Filter: store.Filter{Op: store.MatchName, Value: "rc.dist"}, From: 0, To: 1 << 50})
	if err != nil || len(set.Series) != 1 {
		t.Fatalf("got %+v (error %v), want rc.dist", set, err)
	}
	defer set.Close()
	var c store.Columns
	if err := set.Read(0, &c); err != nil || len(c.Sketches) != 1 {
		t.Fatalf("got %d sketches (error %v)", len(c.Sketches), err)
	}
	s := c.Sketches[0]
	if s.Count != 20 || s.Sum != 1100 || s.Min != 10 || s.Max != 100 || len(s.Keys) != 10 || s.Keys[0] != 1487 {
		t.Errorf("got %+v", *s)
	}
	// The same bytes again are a retry, and count once.
	replay(t, in, "agent-core")
	if n := in.Stats().Repeated; n != 4 {
		t.Errorf("%d repeated payloads, want the two of sketches and the two of events", n)
	}
}

func TestHostMetadataOfARealAgent(t *testing.T) {
	in, db := newIntake(t)
	replay(t, in, "agent-env")
	replay(t, in, "agent-core") // has a check list without host tags, which must not erase them
	h, ok := db.Catalog().Host("whip-host-1")
	if !ok || h.OS != "linux" || h.Platform != "debian 12.11" || h.IP != "192.0.2.2" || h.IPv6 != "fd00::2" || h.MAC != "02:fc:00:00:00:01" ||
		h.AgentVersion != "7.82.1" || h.Cores != 2 || h.MemoryBytes != 25276514304 || h.Machine != "x86_64" {
		t.Errorf("got %+v", h)
	}
	if tags := db.Catalog().HostTags().Of("whip-host-1"); !slices.Equal(tags, []string{"env:staging", "role:db", "team:core"}) {
		t.Errorf("got tags %v", tags)
	}
	checks := map[string]int{}
	for _, c := range db.Catalog().Checks() {
		checks[c.Name+"@"+c.Host] = c.Status
	}
	if status, ok := checks["db.can_connect@db-1"]; !ok || status != 2 || checks["datadog.agent.up@whip-host-1"] != 0 {
		t.Errorf("got checks %v", checks)
	}
	events, err := db.Catalog().Events(0, 1<<50, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]string{}
	for _, e := range events {
		titles[e.Title] = e.Host + " " + e.AlertType + " " + e.SourceType
	}
	if titles["deploy"] != "web-9 warning jenkins" || titles["Agent Startup"] != "whip-host-1 info System" {
		t.Errorf("got events %v", titles)
	}
}

func TestEveryRecordingIsAccepted(t *testing.T) {
	for _, folder := range []string{"agent-core", "agent-env", "agent-v1zlib", "agent-dogstatsd-golden", "datadog-api-client-go", "datadog-api-client-js", "telegraf", "agent-v3", "agent-dual"} {
		in, db := newIntake(t)
		if folder == "agent-dogstatsd-golden" { // its v1 series hold an infinite value, which made them invalid JSON
			for _, r := range recordings(t, folder) {
				if body := unpack(t, r); strings.HasSuffix(r.Path, "/series") && bytes.Contains(body, []byte(",]]")) && json.Valid(body) {
					t.Error("the recording with an empty number is valid JSON")
				}
			}
		}
		replay(t, in, folder)
		if s := db.Stats(); s.Appended == 0 && folder != "agent-env" {
			t.Errorf("%s: nothing was kept", folder)
		}
	}
}

func TestSelfTestLeavesNoTrace(t *testing.T) {
	in, db := newIntake(t)
	replay(t, in, "agent-selftest")
	s := in.Stats()
	for path, r := range s.Routes {
		if r.Kept != 0 || r.Malformed != 0 {
			t.Errorf("%s: %+v", path, r)
		}
	}
	if len(db.Catalog().Checks()) != 0 || len(db.Catalog().Hosts()) != 0 || db.Stats().Series != 0 {
		t.Errorf("checks %v, hosts %v, %d series", db.Catalog().Checks(), db.Catalog().Hosts(), db.Stats().Series)
	}
}

func handle(in *Intake, path, contentType, body string) (Response, error) {
	return in.Handle(context.Background(), Request{Method: "POST", Path: path, ContentType: contentType, Body: []byte(body)})
}

func TestSloppyClientsAreUnderstood(t *testing.T) {
	at := recorded.Unix() - 60
	for name, body := range map[string]string{
		"plain":             `{"series":[{"metric":"m","points":[[AT,2.5]],"tags":["a:b"],"host":"H","type":"gauge"}]}`,
		"bare list":         `[{"metric":"m","points":[[AT,2.5]],"tags":["a:b"],"host":"H"}]`,
		"one object":        `{"series":{"metric":"m","points":[[AT,2.5]],"tags":["a:b"],"host":"H"}}`,
		"texts for numbers": `{"series":[{"metric":"m","points":[["AT","2.5"]],"tags":["a:b"],"host":"H"}]}`,
		"fractions":         `{"series":[{"metric":"m","points":[[AT.0,2.5]],"tags":["a:b"],"host":"H"}]}`,
		"nulls":             `{"series":[{"metric":"m","points":[null,[AT,null],[AT,2.5]],"tags":["a:b"],"host":"H","interval":null}]}`,
		"empty number":      `{"series":[{"metric":"x","points":[[AT,]]},{"metric":"m","points":[[AT,2.5]],"tags":["a:b"],"host":"H"}]}`,
		"v2":                `{"series":[{"metric":"m","type":3,"points":[{"timestamp":AT,"value":2.5}],"tags":["a:b"],"resources":[{"type":"host","name":"H"}]}]}`,
		"names to mend":     `{"series":[{"metric":"1m","points":[[AT,2.5]],"tags":["A:B",""],"host":"H"}]}`,
	} {
		in, db := newIntake(t)
		path := "/api/v1/series"
		if name == "v2" {
			path = "/api/v2/series"
		}
		if _, err := handle(in, path, "application/json", strings.ReplaceAll(body, "AT", strconv.FormatInt(at, 10))); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, s, ok := point(t, db, "m", "host:h", at)
		if !ok || got != 2.5 || !slices.Equal(s.Tags, store.Tags{"a:b", "host:h"}) {
			t.Errorf("%s: got %v, tags %v (found %v)", name, got, s.Tags, ok)
		}
	}
}

func TestMalformedPayloadsSayWhere(t *testing.T) {
	in, db := newIntake(t)
	for _, tt := range []struct{ path, contentType, body, want string }{
		{"/api/v1/series", "application/json", `{"series":[{"metric":"m","points":[[1,`, "offset"},
		{"/api/v1/series", "application/json", `{"seris":[]}`, `want an object with "series"`},
		{"/api/v1/series", "application/json", `{"series":[{"metric":7}]}`, "metric: want string"},
		{"/api/v2/series", "application/x-protobuf", "\x0a\x05ab", "offset 0"},
		{"/api/v2/series", "application/x-protobuf", "\x0a\x04\x22\x02\x09\x01", "offset"},
		{"/api/beta/sketches", "application/x-protobuf", "\x0a\x05ab", "offset"},
		{"/api/v1/check_run", "application/json", `[{"check":"c","host_name":"h","status":9,"timestamp":1}]`, "status 9"},
		{"/intake/", "application/json", `[]`, "JSON"},
		{"/api/v1/metadata", "application/json", `{"hostname":`, "offset"},
		{"/api/v1/events", "application/json", `{"text":"no title"}`, "title"},
	} {
		_, err := handle(in, tt.path, tt.contentType, tt.body)
		var malformed *payload.Error
		if !errors.As(err, &malformed) || malformed.Status != 400 || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: got error %v, want 400 with %q", tt.path, tt.body, err, tt.want)
		}
	}
	if n := db.Stats().Appended; n != 0 {
		t.Errorf("%d samples of malformed payloads were kept", n)
	}
}

func TestUnknownAgentRoutesAreAcceptedAndOthersAreNotOurs(t *testing.T) {
	in, _ := newIntake(t)
	response, err := handle(in, "/api/v2/netpath", "application/json", "[]")
	if err != nil || response.Status != 202 {
		t.Errorf("got %d (error %v), want 202", response.Status, err)
	}
	if response, err := handle(in, "/api/v1/collector", "application/octet-stream", "\x03"); err != nil || len(response.Body) != 20 || response.Body[2] != 23 {
		t.Errorf("a process agent's answer: got %x (error %v), want a frame of type 23", response.Body, err)
	}
	for route, want := range map[string]bool{
		"POST /api/v1/series": true, "POST /intake/": true, "POST /intake": true, "GET /api/v1/validate": true, "POST /api/v1/events": true,
		"POST /datadog/api/v2/series": true, "POST /datadog/intake/": true, "GET /datadog/api/v1/validate": true,
		"GET /api/v1/events": false, "POST /api/v1/monitor": false, "POST /api/v1/dashboard": false, "GET /api/v1/query": false, "GET /": false,
	} {
		method, path, _ := strings.Cut(route, " ")
		if _, ok := Route(method, path); ok != want {
			t.Errorf("Route(%s) is %v", route, !want)
		}
	}
}

func fuzz(f *testing.F, path, contentType string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, folder := range []string{"agent-core", "agent-env", "agent-v1zlib", "datadog-api-client-go"} {
		for _, r := range recordings(f, folder) {
			if strings.TrimSuffix(r.Path, "/") == path && (contentType == "") == !r.isProtobuf() {
				f.Add(unpack(f, r))
			}
		}
	}
	in, _ := newIntake(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		in.Handle(context.Background(), Request{Method: "POST", Path: path, ContentType: contentType, Body: body})
	})
}

func FuzzSeriesV1(f *testing.F) {
	fuzz(f, "/api/v1/series", "", `{"series":[{"metric":"m","points":[[1,]]}]}`)
}
func FuzzSeriesV2(f *testing.F) { fuzz(f, "/api/v2/series", "application/x-protobuf") }
func FuzzSketches(f *testing.F) { fuzz(f, "/api/beta/sketches", "application/x-protobuf") }
func FuzzIntake(f *testing.F)   { fuzz(f, "/intake", "") }
func FuzzMetadata(f *testing.F) { fuzz(f, "/api/v1/metadata", "") }
func FuzzCheckRun(f *testing.F) { fuzz(f, "/api/v1/check_run", "") }
func FuzzEventV1(f *testing.F) {
	fuzz(f, "/api/v1/events", "", `{"title":"a","text":"b","date_happened":1,"tags":["c"]}`)
}
func FuzzEventV2(f *testing.F) {
	fuzz(f, "/api/v2/events", "", `{"data":{"type":"event","attributes":{"title":"a","category":"change","timestamp":"2026-01-02T03:04:05Z","attributes":{"changed_resource":{"name":"x","type":"feature_flag"}}}}}`)
}
func FuzzDistributionPoints(f *testing.F) { fuzz(f, "/api/v1/distribution_points", "") }
func FuzzLogs(f *testing.F) {
	fuzz(f, "/api/v2/logs", "", `[{"message":"a"},{"message":"b"}]`, "line\nline")
}

func FuzzMetricsV3(f *testing.F) {
	for _, r := range recordings(f, "agent-v3") {
		f.Add(unpack(f, r))
	}
	in, _ := newIntake(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		handle(in, "/api/intake/metrics/v3/series", "application/x-protobuf", string(body))
	})
}

// FuzzScanAgreesWithParse holds the reader in place against the one that
// understands everything: whatever it takes, both must take alike.
func FuzzScanAgreesWithParse(f *testing.F) {
	for _, folder := range []string{"agent-v1zlib", "telegraf", "datadog-api-client-go"} {
		for _, r := range recordings(f, folder) {
			if r.Path == "/api/v1/series" {
				f.Add(unpack(f, r))
			}
		}
	}
	for _, s := range []string{
		`{"series":[{"metric":"m","points":[[1,2],[3,4.5e1]],"tags":["a:\"b\\"],"host":"h","type":"rate","interval":10}]}`,
		`{"a":[{"b":{}}],"series":[]}`, `{"series":[{"metric":"m"}]}`, `{"series":[{"points":[[1,]]}]}`, `{"series":[{"Points":[[1,2]],"points":[]}]}`,
	} {
		f.Add([]byte(s))
	}
	in, _ := newIntake(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		scanned, parsed := in.begin(), in.begin()
		defer scanned.release()
		defer parsed.release()
		for range 2 { // the second time the series are known
			scanned.Samples, parsed.Samples = scanned.Samples[:0], parsed.Samples[:0]
			if !scanned.scanV1(body) {
				return
			}
			if err := parsed.parseV1(body); err != nil {
				return // what is wrong beside the series is not looked at
			}
			if !slices.Equal(scanned.Samples, parsed.Samples) {
				t.Fatalf("scanned %v, parsed %v", scanned.Samples, parsed.Samples)
			}
		}
	})
}
