package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/whippet-obs/whippet/ingest/hostmetrics"
)

// hostConfig is what "whippet serve" and "whippet agent" measure of their host.
type hostConfig struct {
	Hostname  string
	HostTags  []string
	Postgres  []string
	Processes []string

	TopProcesses bool
}

// bind adds the settings of h to fs.
func (h *hostConfig) bind(fs *flag.FlagSet) {
	fs.StringVar(&h.Hostname, "hostname", "", "`name` of this host on metrics that name none; empty: the machine's")
	fs.Func("host-tags", "comma-separated `tags` of this host, such as env:test,role:db", list(&h.HostTags))
	fs.Func("postgres", "comma-separated `URLs` of PostgreSQL servers to watch, such as postgres://user:password@127.0.0.1/db", list(&h.Postgres))
	fs.Func("processes", "comma-separated `names` of processes to watch, such as nginx,postgres", list(&h.Processes))
	fs.BoolVar(&h.TopProcesses, "top-processes", true, "list this host's busiest processes, with their commands, on its page")
}

// name is the host's name.
func (h *hostConfig) name() (string, error) {
	if h.Hostname != "" {
		return h.Hostname, nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find this host's name (set --hostname): %w", err)
	}
	return name, nil
}

// agentConfig is every setting of "whippet agent".
type agentConfig struct {
	hostConfig
	logConfig
	To       string
	APIKey   string
	SpoolDir string
	SpoolMax int64
}

func (c *agentConfig) settings() *flag.FlagSet {
	fs := flag.NewFlagSet("whippet agent", flag.ContinueOnError)
	fs.StringVar(&c.To, "to", "http://127.0.0.1:8127", "`URL` of the Whippet that this host reports to")
	fs.StringVar(&c.APIKey, "api-key", "", "`key` that the other Whippet asks for with its --api-keys")
	c.hostConfig.bind(fs)
	fs.StringVar(&c.SpoolDir, "spool-dir", "./whippet-agent", "`folder` for what can't be sent while the other Whippet is away")
	c.SpoolMax = 256 << 20
	fs.Int64Var(&c.SpoolMax, "spool-max", c.SpoolMax, "most `bytes` in that folder; the oldest go when it is full")
	c.logConfig.bind(fs)
	return fs
}

func loadAgentConfig(args, environ []string, stdout io.Writer) (*agentConfig, error) {
	c := &agentConfig{}
	if err := loadSettings(c.settings(), args, environ, stdout); err != nil {
		return nil, err
	}
	if u, err := url.Parse(c.To); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--to %q: want a URL such as http://monitor:8127", c.To)
	}
	if c.SpoolMax < 1<<20 {
		return nil, fmt.Errorf("--spool-max %d: the least is 1048576", c.SpoolMax)
	}
	return c, nil
}

func runAgent(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := loadAgentConfig(args, os.Environ(), stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "whippet: %v\n", err)
		return 2
	}
	if err := ship(ctx, cfg, newLogger(stderr, cfg.LogLevel, cfg.LogFormat)); err != nil {
		fmt.Fprintf(stderr, "whippet: %v\n", err)
		return 1
	}
	return 0
}

// ship ships this host's metrics to another Whippet until a signal ends it.
func ship(ctx context.Context, cfg *agentConfig, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	host, err := cfg.name()
	if err != nil {
		return err
	}
	shipper, err := hostmetrics.NewShipper(hostmetrics.ShipConfig{URL: cfg.To, Key: cfg.APIKey, Dir: cfg.SpoolDir, MaxBytes: cfg.SpoolMax, Log: log})
	if err != nil {
		return err
	}
	log.Info("shipping this host's metrics", "host", host, "to", cfg.To)
	return hostmetrics.New(hostmetrics.Config{
		Host: host, Tags: cfg.HostTags, Version: "whippet " + version(), Postgres: cfg.Postgres, Processes: cfg.Processes, Top: cfg.TopProcesses,
		Deliver: shipper.Deliver, Log: log,
	}).Run(ctx)
}

// list reads a comma-separated setting.
func list(into *[]string) func(string) error {
	return func(s string) error {
		*into = (*into)[:0]
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*into = append(*into, item)
			}
		}
		return nil
	}
}
