package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// config is every setting of "whippet serve". Each exists once, as a flag, an
// environment variable WHIPPET_FLAG and a key of the YAML file; the first of
// these three that names it wins.
type config struct {
	DataDir      string
	HTTP         string
	StatsD       string
	StatsDSocket string
	Hostname     string
	PublicURL    string
	APIKeys      []string
	Insecure     bool

	Retention time.Duration
	MaxSeries int

	SMTP         string
	SMTPTLS      string
	SMTPUser     string
	SMTPPassword string
	MailFrom     string
	Zone         *time.Location

	LogLevel   slog.Level
	LogFormat  string
	DebugClock bool
}

// settings binds the fields of c to flags; their present values are the defaults.
func (c *config) settings() *flag.FlagSet {
	fs := flag.NewFlagSet("whippet serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.DataDir, "data-dir", "./whippet-data", "`folder` that holds everything Whippet keeps")
	fs.StringVar(&c.HTTP, "http", "127.0.0.1:8127", "`address` of the web UI, the APIs and the agents' intake")
	fs.StringVar(&c.StatsD, "statsd", "127.0.0.1:8125", "UDP `address` for DogStatsD; empty: off")
	fs.StringVar(&c.StatsDSocket, "statsd-socket", "", "`path` of a unix datagram socket for DogStatsD; empty: off")
	fs.StringVar(&c.Hostname, "hostname", "", "`name` of this host on metrics that name none; empty: the machine's")
	fs.StringVar(&c.PublicURL, "public-url", "", "`URL` that links in mails start with; empty: made from --http")
	fs.Func("api-keys", "comma-separated `keys`; when set, agents must send one of them", func(s string) error {
		c.APIKeys = c.APIKeys[:0]
		for key := range strings.SplitSeq(s, ",") {
			if key = strings.TrimSpace(key); key != "" {
				c.APIKeys = append(c.APIKeys, key)
			}
		}
		return nil
	})
	fs.BoolVar(&c.Insecure, "insecure", false, "allow listeners beyond loopback without logins: whoever reaches them may read and change everything")

	c.Retention = 15 * 24 * time.Hour
	fs.Func("retention", "how long samples are kept, such as 36h or 15d (default 15d)", func(s string) (err error) {
		c.Retention, err = parseDays(s)
		return err
	})
	fs.IntVar(&c.MaxSeries, "max-series", 5_000_000, "largest `number` of series; new ones above it are refused and counted")

	fs.StringVar(&c.SMTP, "smtp", "", "`host:port` of the mail server; empty: mails stay in the outbox page")
	c.SMTPTLS = "starttls"
	fs.Func("smtp-tls", "`how` the mail connection is encrypted: starttls, tls or none (default starttls)", oneOf(&c.SMTPTLS, "starttls", "tls", "none"))
	fs.StringVar(&c.SMTPUser, "smtp-user", "", "`user` at the mail server; empty: no login")
	fs.StringVar(&c.SMTPPassword, "smtp-password", "", "`password` at the mail server")
	fs.StringVar(&c.MailFrom, "mail-from", "whippet@localhost", "`address` that mails come from")
	c.Zone = time.Local
	fs.Func("timezone", "IANA `zone` of times in mails, such as Europe/Berlin (default: the machine's)", func(s string) error {
		zone, err := time.LoadLocation(s)
		if err != nil {
			return fmt.Errorf("not an IANA time zone such as Europe/Berlin or UTC")
		}
		c.Zone = zone
		return nil
	})

	fs.Func("log-level", "`level` of the log: debug, info, warn or error (default info)", func(s string) error {
		if err := c.LogLevel.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("allowed: debug, info, warn, error")
		}
		return nil
	})
	c.LogFormat = "text"
	fs.Func("log-format", "`format` of the log: text or json (default text)", oneOf(&c.LogFormat, "text", "json"))
	fs.BoolVar(&c.DebugClock, "debug-clock", false, "let POST /debug/whippet/clock move the clock ahead, to try out monitors and downtimes")
	return fs
}

// loadConfig reads the command line, then the environment, then the YAML file
// named by --config. Help goes to stdout and gives flag.ErrHelp.
func loadConfig(args, environ []string, stdout io.Writer) (*config, error) {
	c := &config{}
	fs := c.settings()
	file := fs.String("config", "", "YAML `file` with any of these settings")
	names := []string{}
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	fs.Usage = func() {} // a mistyped flag is told in one line, not in a page of help

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printHelp(stdout, fs)
			return nil, err
		}
		if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
			return nil, fmt.Errorf("unknown flag --%s%s", name, didYouMean(name, names))
		}
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: settings are given as --name value", fs.Arg(0))
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })

	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		name, ok := strings.CutPrefix(key, "WHIPPET_")
		if !ok {
			continue
		}
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("environment variable %s: no such setting%s", key, didYouMean(name, names))
		}
		if set[name] {
			continue
		}
		if err := fs.Set(name, value); err != nil {
			return nil, fmt.Errorf("environment variable %s=%q: %w", key, value, err)
		}
		set[name] = true
	}
	if *file != "" {
		if err := loadFile(fs, *file, names, set); err != nil {
			return nil, err
		}
	}
	return c, c.check()
}

func loadFile(fs *flag.FlagSet, file string, names []string, set map[string]bool) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the config file: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: want lines of \"setting: value\"", file, root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := strings.ReplaceAll(key.Value, "_", "-")
		if !slices.Contains(names, name) || name == "config" {
			return fmt.Errorf("%s:%d: no setting %q%s", file, key.Line, key.Value, didYouMean(name, names))
		}
		if set[name] {
			continue
		}
		text := value.Value
		switch value.Kind {
		case yaml.SequenceNode:
			parts := make([]string, len(value.Content))
			for i, item := range value.Content {
				parts[i] = item.Value
			}
			text = strings.Join(parts, ",")
		case yaml.ScalarNode:
		default:
			return fmt.Errorf("%s:%d: %s: want one value", file, value.Line, key.Value)
		}
		if err := fs.Set(name, text); err != nil {
			return fmt.Errorf("%s:%d: %s: %q: %w", file, value.Line, key.Value, text, err)
		}
	}
	return nil
}

// check refuses what no part of the program could work with.
func (c *config) check() error {
	if c.DataDir == "" {
		return fmt.Errorf("--data-dir must name a folder")
	}
	for _, l := range []struct{ flag, addr string }{{"http", c.HTTP}, {"statsd", c.StatsD}} {
		if l.addr == "" {
			if l.flag == "http" {
				return fmt.Errorf("--http must be an address such as 127.0.0.1:8127")
			}
			continue
		}
		host, _, err := net.SplitHostPort(l.addr)
		if err != nil {
			return fmt.Errorf("--%s %q: want host:port, such as 127.0.0.1:8127", l.flag, l.addr)
		}
		if !c.Insecure && !isLoopback(host) {
			return fmt.Errorf("--%s %s can be reached from other machines, and anyone there could read and change everything: keep it on 127.0.0.1 behind a proxy that asks for a login, or accept the risk with --insecure", l.flag, l.addr)
		}
	}
	if c.Retention < time.Hour {
		return fmt.Errorf("--retention %s: the least is 1h", c.Retention)
	}
	if c.MaxSeries < 1 {
		return fmt.Errorf("--max-series %d: the least is 1", c.MaxSeries)
	}
	if c.SMTP != "" {
		if _, _, err := net.SplitHostPort(c.SMTP); err != nil {
			return fmt.Errorf("--smtp %q: want host:port, such as mail.example.com:587", c.SMTP)
		}
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.HTTP
	} else if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" {
		return fmt.Errorf("--public-url %q: want a URL such as https://whippet.example.com", c.PublicURL)
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func oneOf(target *string, allowed ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("allowed: %s", strings.Join(allowed, ", "))
		}
		*target = s
		return nil
	}
}

// parseDays is time.ParseDuration that also knows days: "15d".
func parseDays(s string) (time.Duration, error) {
	if number, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseFloat(number, 64)
		if err != nil || !(days >= 0 && days < 36500) {
			return 0, fmt.Errorf("want a number of days such as 15d")
		}
		return time.Duration(days * 24 * float64(time.Hour)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("want a duration such as 36h or 15d")
	}
	return d, nil
}

func printHelp(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, "Usage: whippet serve [flags]\n\nEvery flag is also an environment variable (--data-dir: WHIPPET_DATA_DIR)\nand a key of the YAML file (data-dir: ...), in this order of precedence.\n\n")
	fs.VisitAll(func(f *flag.Flag) {
		arg, help := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s %s\n        %s", f.Name, arg, help)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}

// didYouMean names the candidate closest to what was typed, if any is close.
func didYouMean(typed string, candidates []string) string {
	best, distance := "", 4
	for _, c := range candidates {
		if d := editDistance(typed, c); d < distance && d < len(c) {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is Levenshtein's: the fewest insertions, deletions and
// replacements of one byte that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
