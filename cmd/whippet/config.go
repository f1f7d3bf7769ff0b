package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/store"
)

// config is every setting of "whippet serve". Each exists once, as a flag, an
// environment variable WHIPPET_FLAG and a key of the YAML file; the first of
// these three that names it wins.
type config struct {
	DataDir      string
	HTTP         string
	StatsD       string
	StatsDSocket string
	Traces       string
	TracesSocket string
	OTLP         string
	TracesKept   time.Duration
	TracesDisk   int64
	TracesRate   float64
	PublicURL    string
	Embed        []string
	APIKeys      []string

	Insecure      bool
	Login         bool // also where every listener stays on loopback
	OpenStatsD    bool
	OpenTraces    bool
	TLSCert       string
	TLSKey        string
	TLSSelfSigned bool

	StatsDStream      string
	StatsDMapper      string
	StatsDContainers  bool
	StatsDAggregates  []string
	StatsDPercentiles []float64

	Retention  store.Retention
	Rules      []store.RetentionRule
	MaxDisk    int64
	KeepEvents time.Duration
	MaxSeries  int
	MaxPerName int // series of one metric
	QueryCache int64

	SMTP         string
	SMTPTLS      string
	SMTPUser     string
	SMTPPassword string
	MailFrom     string
	MailAll      []string
	MailRate     int
	MailOnly     []string
	WebhookAllow []netip.Prefix
	Zone         *time.Location

	HostMetrics bool
	hostConfig

	logConfig
	DebugClock bool
	ClockAhead time.Duration
}

// settings binds the fields of c to flags; their present values are the defaults.
func (c *config) settings() *flag.FlagSet {
	fs := flag.NewFlagSet("whippet serve", flag.ContinueOnError)
	fs.StringVar(&c.DataDir, "data-dir", "./whippet-data", "`folder` that holds everything Whippet keeps")
	fs.StringVar(&c.HTTP, "http", "127.0.0.1:8127", "`address` of the web UI, the APIs and the agents' intake")
	fs.StringVar(&c.StatsD, "statsd", "127.0.0.1:8125", "UDP `address` for DogStatsD; empty: off")
	fs.StringVar(&c.StatsDSocket, "statsd-socket", "", "`path` of a unix datagram socket for DogStatsD; empty: off")
	fs.StringVar(&c.Traces, "traces", "127.0.0.1:8126", "`address` for traces, as tracers send them to an agent; empty: off")
	fs.StringVar(&c.TracesSocket, "traces-socket", "", "`path` of a unix socket for traces; empty: off")
	fs.StringVar(&c.OTLP, "otlp-grpc", "", "`address` for OTLP over gRPC, such as 127.0.0.1:4317; empty: off. OTLP over HTTP is taken at --http")
	c.TracesKept = 15 * 24 * time.Hour
	fs.Func("traces-retention", "how long traces are kept, such as 36h or 15d (default 15d)", func(s string) (err error) {
		c.TracesKept, err = parseDays(s)
		return err
	})
	fs.Float64Var(&c.TracesRate, "traces-per-second", 100, "`traces` kept of each service in a second, beside those with an error and the slowest")
	fs.Int64Var(&c.TracesDisk, "traces-disk", 20<<30, "most `bytes` of traces on disk; the oldest go first")
	fs.StringVar(&c.StatsDStream, "statsd-stream-socket", "", "`path` of a unix stream socket for DogStatsD; empty: off")
	fs.StringVar(&c.StatsDMapper, "statsd-mapper", "", "YAML `file` of rules that turn parts of names into tags, as the agent's dogstatsd_mapper_profiles; empty: off")
	fs.BoolVar(&c.StatsDContainers, "statsd-containers", false, "make a tag container_id of the container that a DogStatsD client names")
	c.StatsDAggregates = []string{"max", "median", "avg", "count"}
	fs.Func("statsd-aggregates", "comma-separated `figures` of histograms: min, max, median, avg, sum, count (default max,median,avg,count)", list(&c.StatsDAggregates))
	c.StatsDPercentiles = []float64{0.95}
	fs.Func("statsd-percentiles", "comma-separated `percentiles` of histograms, between 0 and 1 (default 0.95)", func(s string) error {
		c.StatsDPercentiles = []float64{}
		for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			p, err := strconv.ParseFloat(word, 64)
			if err != nil || !(p > 0 && p < 1) {
				return fmt.Errorf("want numbers between 0 and 1 such as 0.95,0.99, got %q", word)
			}
			c.StatsDPercentiles = append(c.StatsDPercentiles, p)
		}
		return nil
	})
	fs.StringVar(&c.PublicURL, "public-url", "", "`URL` that links in mails start with; empty: made from --http")
	fs.Func("embed", "comma-separated `sites` whose pages and pictures dashboards may show, such as https://grafana.example.com,https://*.example.org; https: stands for all (default none)", list(&c.Embed))
	fs.Func("api-keys", "comma-separated `keys`; when set, agents must send one of them", list(&c.APIKeys))
	fs.BoolVar(&c.Login, "login", false, "people log in and programs send keys, also on loopback; beyond it they always do")
	fs.BoolVar(&c.Insecure, "insecure", false, "no logins and no keys beyond loopback either: whoever reaches Whippet may read and change everything")
	fs.BoolVar(&c.OpenStatsD, "open-statsd", false, "let other machines send DogStatsD, which knows no keys")
	fs.BoolVar(&c.OpenTraces, "open-traces", false, "let other machines send traces to --traces, where tracers send no keys")
	fs.StringVar(&c.TLSCert, "tls-cert", "", "`file` with the certificate chain (PEM) for https; read again when it changes")
	fs.StringVar(&c.TLSKey, "tls-key", "", "`file` with the certificate's key (PEM)")
	fs.BoolVar(&c.TLSSelfSigned, "tls-self-signed", false, "https with a certificate that Whippet makes, until there is a real one")

	c.Retention = store.Retention{Raw: 15 * 24 * time.Hour, FiveMinutes: 90 * 24 * time.Hour, OneHour: 3 * 365 * 24 * time.Hour}
	for _, r := range []struct {
		name, help string
		keep       *time.Duration
	}{
		{"retention", "how long samples are kept as they came, such as 36h or 15d (default 15d)", &c.Retention.Raw},
		{"retention-5m", "how long their aggregates over 5 minutes are kept (default 90d)", &c.Retention.FiveMinutes},
		{"retention-1h", "how long their aggregates over an hour are kept (default 1095d)", &c.Retention.OneHour},
	} {
		fs.Func(r.name, r.help, func(s string) (err error) {
			*r.keep, err = parseDays(s)
			return err
		})
	}
	fs.Func("retention-rules", "comma-separated `rules` for metrics kept for other times, the first that matches counts: name=samples/5m/1h, such as debug.*=2d,billing.*=90d/365d/3650d", func(s string) (err error) {
		c.Rules, err = parseRules(s)
		return err
	})
	fs.Func("max-disk", "most `bytes` of samples on disk, such as 50GB; above them the oldest days go first (default no limit)", func(s string) (err error) {
		c.MaxDisk, err = parseBytes(s)
		return err
	})
	c.KeepEvents = 400 * 24 * time.Hour
	fs.Func("event-retention", "how long events are kept, such as 90d; 0: for ever (default 400d)", func(s string) (err error) {
		c.KeepEvents, err = parseDays(s)
		return err
	})
	c.QueryCache = 32 << 20
	fs.Func("query-cache", "most `bytes` of answers remembered so that graphs asked for again compute only what is new; 0: none (default 32MiB)", func(s string) (err error) {
		c.QueryCache, err = parseBytes(s)
		return err
	})
	fs.IntVar(&c.MaxSeries, "max-series", 5_000_000, "largest `number` of series; new ones above it are refused and counted")
	fs.IntVar(&c.MaxPerName, "max-series-per-metric", 1_000_000, "largest `number` of series of one metric; new ones above it are refused, counted and named")

	fs.StringVar(&c.SMTP, "smtp", "", "`host:port` of the mail server; empty: mails stay in the outbox page")
	c.SMTPTLS = "starttls"
	fs.Func("smtp-tls", "`how` the mail connection is encrypted: starttls, tls or none (default starttls)", oneOf(&c.SMTPTLS, "starttls", "tls", "none"))
	fs.StringVar(&c.SMTPUser, "smtp-user", "", "`user` at the mail server; empty: no login")
	fs.StringVar(&c.SMTPPassword, "smtp-password", "", "`password` at the mail server")
	fs.StringVar(&c.MailFrom, "mail-from", "whippet@localhost", "`address` that mails come from")
	fs.Func("mail-all", "comma-separated `addresses` that @all in a monitor's message means", func(s string) error {
		if err := list(&c.MailAll)(s); err != nil {
			return err
		}
		for _, address := range c.MailAll {
			if _, err := mail.ParseAddress(address); err != nil {
				return fmt.Errorf("%q is no mail address", address)
			}
		}
		return nil
	})
	fs.Func("mail-only", "comma-separated `addresses` and domains that mails may go to, such as example.com,ada@example.org (default: all)", func(s string) error {
		if err := list(&c.MailOnly)(s); err != nil {
			return err
		}
		return alerting.CheckReceivers(c.MailOnly)
	})
	fs.IntVar(&c.MailRate, "mail-rate", 200, "most messages per hour to one address or webhook, the rest waits; 0: no limit")
	fs.Func("webhook-allow", "comma-separated `networks` such as 10.1.0.0/16 that webhooks may call although they are internal", func(s string) error {
		var texts []string
		if err := list(&texts)(s); err != nil {
			return err
		}
		c.WebhookAllow = c.WebhookAllow[:0]
		for _, text := range texts {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				return fmt.Errorf("%q is no network such as 10.1.0.0/16", text)
			}
			c.WebhookAllow = append(c.WebhookAllow, prefix.Masked())
		}
		return nil
	})
	c.Zone = time.Local
	fs.Func("timezone", "IANA `zone` of times in mails, such as Europe/Berlin (default: the machine's)", func(s string) error {
		zone, err := time.LoadLocation(s)
		if err != nil {
			return fmt.Errorf("not an IANA time zone such as Europe/Berlin or UTC")
		}
		c.Zone = zone
		return nil
	})

	fs.BoolVar(&c.HostMetrics, "host-metrics", true, "measure the machine that Whippet runs on, as an agent would")
	c.hostConfig.bind(fs)

	c.logConfig.bind(fs)
	fs.BoolVar(&c.DebugClock, "debug-clock", false, "let POST /debug/whippet/clock move the clock ahead, to try out monitors and downtimes")
	fs.DurationVar(&c.ClockAhead, "debug-clock-ahead", 0, "start that clock ahead, as it was before a restart")
	return fs
}

// loadConfig reads the settings of "whippet serve". Help goes to stdout and
// gives flag.ErrHelp.
func loadConfig(args, environ []string, stdout io.Writer) (*config, error) {
	c := &config{}
	if err := loadSettings(c.settings(), args, environ, stdout); err != nil {
		return nil, err
	}
	return c, c.check()
}

// check refuses what no part of the program could work with.
func (c *config) check() error {
	if c.DataDir == "" {
		return fmt.Errorf("--data-dir must name a folder")
	}
	host, _, err := net.SplitHostPort(c.HTTP)
	if err != nil {
		return fmt.Errorf("--http %q: want host:port, such as 127.0.0.1:8127", c.HTTP)
	}
	if !isLoopback(host) && !c.Insecure {
		c.Login = true
	}
	for _, l := range []struct {
		flag, addr, protocol, open string
		opened                     bool
	}{
		{"statsd", c.StatsD, "DogStatsD", "open-statsd", c.OpenStatsD},
		{"traces", c.Traces, "a tracer", "open-traces", c.OpenTraces},
	} {
		if l.addr == "" {
			continue
		}
		host, _, err := net.SplitHostPort(l.addr)
		if err != nil {
			return fmt.Errorf("--%s %q: want host:port, such as 127.0.0.1:8127", l.flag, l.addr)
		}
		if !isLoopback(host) && !c.Insecure && !l.opened {
			return fmt.Errorf("--%s %s can be reached from other machines, and %s sends no keys: keep it on 127.0.0.1, or accept with --%s that anyone there may send", l.flag, l.addr, l.protocol, l.open)
		}
	}
	if c.OTLP != "" {
		host, _, err := net.SplitHostPort(c.OTLP)
		if err != nil {
			return fmt.Errorf("--otlp-grpc %q: want host:port, such as 127.0.0.1:4317", c.OTLP)
		}
		if !isLoopback(host) && !c.Insecure {
			c.Login = true // its senders need a key
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key go together")
	}
	if c.TLSCert != "" && c.TLSSelfSigned {
		return fmt.Errorf("--tls-self-signed makes a certificate: leave it out with --tls-cert")
	}
	if c.Retention.Raw < time.Hour {
		return fmt.Errorf("--retention %s: the least is 1h", c.Retention.Raw)
	}
	if c.Retention.FiveMinutes < time.Hour || c.Retention.OneHour < time.Hour {
		return fmt.Errorf("--retention-5m and --retention-1h: the least is 1h")
	}
	if c.TracesKept < time.Hour {
		return fmt.Errorf("--traces-retention %s: the least is 1h", c.TracesKept)
	}
	if !(c.TracesRate >= 0.1) {
		return fmt.Errorf("--traces-per-second %g: the least is 0.1", c.TracesRate)
	}
	if c.TracesDisk < 1<<20 {
		return fmt.Errorf("--traces-disk %d: the least is 1048576, a MiB", c.TracesDisk)
	}
	if c.MaxSeries < 1 {
		return fmt.Errorf("--max-series %d: the least is 1", c.MaxSeries)
	}
	if c.MaxPerName < 1 {
		return fmt.Errorf("--max-series-per-metric %d: the least is 1", c.MaxPerName)
	}
	if c.ClockAhead < 0 || c.ClockAhead > 0 && !c.DebugClock {
		return fmt.Errorf("--debug-clock-ahead %s: it goes with --debug-clock, and the clock can't be moved back", c.ClockAhead)
	}
	if c.SMTP != "" {
		if _, _, err := net.SplitHostPort(c.SMTP); err != nil {
			return fmt.Errorf("--smtp %q: want host:port, such as mail.example.com:587", c.SMTP)
		}
	}
	for _, site := range c.Embed {
		if !embeddable.MatchString(site) {
			return fmt.Errorf("--embed %q: want a site such as https://grafana.example.com or https://*.example.com, or https: for all", site)
		}
	}
	if c.PublicURL == "" {
		c.PublicURL = c.ownURL()
	} else if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" {
		return fmt.Errorf("--public-url %q: want a URL such as https://whippet.example.com", c.PublicURL)
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return nil
}

// embeddable is a site as a content policy names it: nothing in it ends its part of
// the policy.
var embeddable = regexp.MustCompile(`^(https:|https?://(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?)$`)

// encrypted reports whether the HTTP listener speaks TLS.
func (c *config) encrypted() bool { return c.TLSCert != "" || c.TLSSelfSigned }

// ownURL is where this machine itself reaches the HTTP listener, or others do
// when it listens on every address.
func (c *config) ownURL() string {
	host, port, err := net.SplitHostPort(c.HTTP)
	if err != nil {
		return c.HTTP
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host, err = c.name(); err != nil {
			host = "localhost"
		}
	}
	scheme := "http"
	if c.encrypted() {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
