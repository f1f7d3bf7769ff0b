package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-obs/whippet/store"
)

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "whippet.yaml")
	text := "http: 127.0.0.1:1\nstatsd: 127.0.0.1:2\ndata_dir: /from/file\napi-keys: [a, b]\nretention: 3d\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig([]string{"--config", file, "--http", "127.0.0.1:3"}, []string{"WHIPPET_HTTP=127.0.0.1:4", "WHIPPET_STATSD=127.0.0.1:5"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP != "127.0.0.1:3" || c.StatsD != "127.0.0.1:5" || c.DataDir != "/from/file" {
		t.Errorf("got http %s, statsd %s, data-dir %s", c.HTTP, c.StatsD, c.DataDir)
	}
	if len(c.APIKeys) != 2 || c.Retention.Raw != 72*time.Hour {
		t.Errorf("got keys %v, retention %v", c.APIKeys, c.Retention)
	}
}

func TestWrongSettingIsRefusedWithTheNearestName(t *testing.T) {
	file := func(text string) []string {
		name := filepath.Join(t.TempDir(), "whippet.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config", name}
	}
	tests := []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"flag", []string{"--data-dri", "x"}, nil, `unknown flag --data-dri (did you mean "data-dir"?)`},
		{"environment", nil, []string{"WHIPPET_DATADIR=x"}, `WHIPPET_DATADIR: no such setting (did you mean "data-dir"?)`},
		{"file key", file("smpt: x\n"), nil, `:1: no setting "smpt" (did you mean "smtp"?)`},
		{"file value", file("http: 127.0.0.1:1\nlog-level: loud\n"), nil, `:2: log-level: "loud": allowed: debug, info, warn, error`},
		{"smtp-tls", []string{"--smtp-tls", "ssl"}, nil, "allowed: starttls, tls, none"},
		{"address", []string{"--http", "8127"}, nil, `--http "8127": want host:port`},
		{"stray argument", []string{"start"}, nil, `unexpected argument "start"`},
		{"DogStatsD beyond loopback", []string{"--statsd", "0.0.0.0:8125"}, nil, "--open-statsd"},
		{"half a certificate", []string{"--tls-cert", "x.pem"}, nil, "go together"},
		{"site with a path", []string{"--embed", "https://a.example.com/x"}, nil, "want a site such as https://grafana.example.com"},
		{"site that ends its part of a policy", []string{"--embed", "https://a.example.com;script-src"}, nil, "want a site such as"},
		{"zone", []string{"--timezone", "Berlin"}, nil, "IANA time zone"},
		{"retention", []string{"--retention", "15x"}, nil, "such as 36h or 15d"},
		{"rule without a time", []string{"--retention-rules", "debug.*"}, nil, "such as debug.*=2d"},
		{"rule with a wrong time", file("retention-rules: [\"debug.*=2x\"]\n"), nil, `:1: retention-rules: "debug.*=2x": "debug.*=2x": want a duration`},
		{"disk budget", []string{"--max-disk", "much"}, nil, "such as 50GB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadConfig(tt.args, tt.environ, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestBeyondLoopbackPeopleLogIn(t *testing.T) {
	for args, login := range map[string]bool{
		"":                               false,
		"--login":                        true,
		"--http=0.0.0.0:8127":            true,
		"--http=:8127":                   true,
		"--http=192.0.2.1:8127":          true,
		"--http=[::1]:8127":              false,
		"--http=localhost:8127":          false,
		"--http=0.0.0.0:8127 --insecure": false,
	} {
		c, err := loadConfig(strings.Fields(args), nil, nil)
		if err != nil || c.Login != login {
			t.Errorf("%q: got login %v (error %v), want %v", args, c != nil && c.Login, err, login)
		}
	}
}

func TestRetentionRulesAndDiskBudget(t *testing.T) {
	c, err := loadConfig([]string{"--retention-rules", "debug.*=2d, billing.*=90d/365d/3650d", "--max-disk", "1.5GiB", "--retention-1h", "30d"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	const days = 24 * time.Hour
	want := []store.RetentionRule{
		{Pattern: "debug.*", Retention: store.Retention{Raw: 2 * days}},
		{Pattern: "billing.*", Retention: store.Retention{Raw: 90 * days, FiveMinutes: 365 * days, OneHour: 3650 * days}},
	}
	if !slices.Equal(c.Rules, want) || c.MaxDisk != 3<<29 || c.Retention.OneHour != 30*days || c.Retention.FiveMinutes != 90*days {
		t.Errorf("got %+v, %d bytes, %+v", c.Rules, c.MaxDisk, c.Retention)
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	var out bytes.Buffer
	if _, err := loadConfig([]string{"--help"}, nil, &out); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("got error %v, want flag.ErrHelp", err)
	}
	new(config).settings().VisitAll(func(f *flag.Flag) {
		if !strings.Contains(out.String(), "--"+f.Name+" ") {
			t.Errorf("help does not name --%s", f.Name)
		}
	})
}

func TestAgentRefusesAnAddressThatIsNoURL(t *testing.T) {
	for _, to := range []string{"monitor:8127", "ftp://monitor", ""} {
		if _, err := loadAgentConfig([]string{"--to", to}, nil, nil); err == nil || !strings.Contains(err.Error(), "such as http://monitor:8127") {
			t.Errorf("--to %q: got error %v", to, err)
		}
	}
	c, err := loadAgentConfig([]string{"--to", "https://monitor.example.com", "--host-tags", "env:test, role:db"}, nil, nil)
	if err != nil || len(c.HostTags) != 2 || c.HostTags[1] != "role:db" {
		t.Errorf("got %+v (error %v)", c, err)
	}
}
