package dogstatsd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const mapperRules = `
dogstatsd_mapper_profiles:
  - name: airflow
    prefix: 'airflow.'
    mappings:
      - match: 'airflow.job.duration.*.*'
        name: 'airflow.job.duration'
        tags:
          job_type: '$1'
          job_name: '$2'
      - match: 'airflow\.pool\.(\w+)\.([a-z]+)'
        match_type: regex
        name: 'airflow.pool.$2'
        tags:
          pool: $1
  - name: graphite
    prefix: '*'
    mappings:
      - match: 'servers.*.cpu.*'
        name: 'cpu.${2}'
        tags: {host: '$1'}
`

func TestMapperMakesTagsOfNames(t *testing.T) {
	m, err := ReadMapper(strings.NewReader(mapperRules))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		tags       []string
	}{
		{"airflow.job.duration.my_type.My Job", "airflow.job.duration", []string{"job_name:my_job", "job_type:my_type"}},
		{"airflow.job.duration.a.b.c", "airflow.job.duration.a.b.c", nil},
		{"airflow.pool.main.running", "airflow.pool.running", []string{"pool:main"}},
		{"servers.web-1.cpu.idle", "cpu.idle", []string{"host:web-1"}},
		{"other", "other", nil},
	} {
		if name, tags := m.apply(tt.name); name != tt.want || !slices.Equal(tags, tt.tags) {
			t.Errorf("%s: got %s %v, want %s %v", tt.name, name, tags, tt.want, tt.tags)
		}
	}
	if list, err := ReadMapper(strings.NewReader("- {name: a, prefix: a., mappings: [{match: a.*, name: b}]}")); err != nil || len(list.profiles) != 1 {
		t.Errorf("a bare list: got %+v (error %v)", list, err)
	}
	if empty, err := ReadMapper(strings.NewReader("")); err != nil || len(empty.profiles) != 0 {
		t.Errorf("no rules: got %+v (error %v)", empty, err)
	}
}

func TestWrongMapperRulesSayWhichAndWhy(t *testing.T) {
	for rules, want := range map[string]string{
		"x: 1":          "dogstatsd_mapper_profiles",
		"- {name: a}":   "prefix is missing",
		"- {prefix: a.": "read the mapper's rules",
		"- {name: a, prefix: a., mappings: [{match: a.**, name: b}]}":                    "two * in a row",
		"- {name: a, prefix: a., mappings: [{match: a.*}]}":                              "match and name are needed",
		"- {name: a, prefix: a., mappings: [{match: 'a(', name: b, match_type: regex}]}": "missing closing",
		"- {name: a, prefix: a., mappings: [{match: a, name: b, match_type: glob}]}":     "allowed are wildcard and regex",
	} {
		if _, err := ReadMapper(strings.NewReader(rules)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", rules, err, want)
		}
	}
}

func TestMappedNamesAreAggregatedTogether(t *testing.T) {
	m, err := ReadMapper(strings.NewReader(mapperRules))
	if err != nil {
		t.Fatal(err)
	}
	ts := newTestServer(t, Config{Mapper: m, Host: "h"})
	ts.send("airflow.pool.main.running:1|c", "airflow.pool.running:2|c|#pool:main", "servers.web-1.cpu.idle:3|g")
	ts.advance(10 * time.Second)
	ts.wantPoints("airflow.pool.running{host:h,pool:main} rate", map[int]float64{0: 0.3})
	ts.wantPoints("cpu.idle{host:h,host:web-1} gauge", nil)
	ts.wantPoints("cpu.idle{host:web-1} gauge", map[int]float64{0: 3})
}

func TestContainersBecomeTagsWhenAskedFor(t *testing.T) {
	legacy := strings.Repeat("0123456789abcdef", 4)
	lines := []string{"a:1|g|#x|c:ci-abc,in-7|card:low", "b:1|g|c:" + legacy, "d:1|g|c:in-1", "e:1|g|c:cid-q|e:it-false,cn-z"}
	ts := newTestServer(t, Config{Containers: true})
	ts.send(lines...)
	ts.advance(10 * time.Second)
	for _, name := range []string{"a{container_id:abc,x} gauge", "b{container_id:" + legacy + "} gauge", "d{} gauge", "e{container_id:q} gauge"} {
		ts.wantPoints(name, map[int]float64{0: 1})
	}
	ts = newTestServer(t, Config{})
	ts.send(lines...)
	ts.advance(10 * time.Second)
	ts.wantPoints("a{x} gauge", map[int]float64{0: 1})
}

func TestSendersAndNamesAreCounted(t *testing.T) {
	ts := newTestServer(t, Config{})
	one, two := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	ts.IngestFrom(one, []byte("a:1:2|c\nbad\n"))
	ts.IngestFrom(one, []byte("a:1|c|#x"))
	ts.IngestFrom(two, []byte("b:u|s"))
	ts.Ingest([]byte("b:v|s"))
	ts.advance(10 * time.Second)
	st := ts.Stats()
	want := []SenderStats{{"10.0.0.1", 2, 20, 3, 1, epoch.UnixMilli()}, {"10.0.0.2", 1, 5, 1, 0, epoch.UnixMilli()}, {"local", 1, 5, 1, 0, epoch.UnixMilli()}}
	if !slices.Equal(st.Senders, want) {
		t.Errorf("senders: got %+v, want %+v", st.Senders, want)
	}
	if want := []NameStats{{"a", 3, 2, epoch.UnixMilli()}, {"b", 2, 1, epoch.UnixMilli()}}; !slices.Equal(st.Names, want) {
		t.Errorf("names: got %+v, want %+v", st.Names, want)
	}
}

func FuzzMapper(f *testing.F) {
	f.Add(mapperRules, "airflow.job.duration.a.b")
	f.Add("- {name: a, prefix: '*', mappings: [{match: '*', name: b, tags: {c: $1}}]}", "x")
	f.Fuzz(func(t *testing.T, rules, name string) {
		if m, err := ReadMapper(strings.NewReader(rules)); err == nil {
			m.apply(name)
		}
	})
}
