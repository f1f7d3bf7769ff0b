package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/alerting/mail"
	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/ingest/dogstatsd"
	"github.com/whippet-obs/whippet/ingest/hostmetrics"
	"github.com/whippet-obs/whippet/ingest/otlp"
	"github.com/whippet-obs/whippet/ingest/prometheus"
	"github.com/whippet-obs/whippet/ingest/selfmetrics"
	"github.com/whippet-obs/whippet/ingest/trace"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
	"github.com/whippet-obs/whippet/store/span"
	"github.com/whippet-obs/whippet/web"
	"github.com/whippet-obs/whippet/web/uiapi"
)

// drainTime is how long a shutdown may take; a second signal ends it at once.
const drainTime = 8 * time.Second

// serve runs Whippet until ctx ends or a signal asks it to stop. It reads as
// the story of the program: store, engine, alerting, listeners, web; then the
// same in reverse.
func serve(ctx context.Context, cfg *config, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()

	started := time.Now()
	hostname, err := cfg.name()
	if err != nil {
		return err
	}
	clk := &clock{}
	clk.Advance(cfg.ClockAhead)

	db, err := store.Open(cfg.DataDir, store.Options{
		Retention: cfg.Retention.Raw, Retention5m: cfg.Retention.FiveMinutes, Retention1h: cfg.Retention.OneHour, Rules: cfg.Rules,
		MaxDisk: cfg.MaxDisk, MaxSeries: cfg.MaxSeries, MaxSeriesPerMetric: cfg.MaxPerName, Now: clk.Now, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		if err := db.Close(); err != nil {
			log.Error("close the store", "err", err)
		}
	}()

	spans, err := span.Open(filepath.Join(cfg.DataDir, "spans"), span.Options{Retention: cfg.TracesKept, MaxBytes: cfg.TracesDisk, Now: clk.Now, Log: log})
	if err != nil {
		return err
	}
	defer func() {
		if err := spans.Close(); err != nil {
			log.Error("close the store of spans", "err", err)
		}
	}()

	exemplars, err := exemplar.Open(filepath.Join(cfg.DataDir, "exemplars"), exemplar.Options{Log: log})
	if err != nil {
		return err
	}
	defer func() {
		if err := exemplars.Close(); err != nil {
			log.Error("close the exemplars", "err", err)
		}
	}()

	remember := cfg.QueryCache
	if remember == 0 {
		remember = -1
	}
	engine := query.New(db, query.Options{Log: log, Cache: remember})

	send, err := mailer(cfg)
	if err != nil {
		return err
	}
	alerts, err := alerting.New(alerting.Deps{
		Catalog: db.Catalog(), Engine: engine, Now: clk.Now, Log: log,
		Mailer: send, From: cfg.MailFrom, PublicURL: cfg.PublicURL, Zone: cfg.Zone,
		Everybody: cfg.MailAll, MailRate: cfg.MailRate, Receivers: cfg.MailOnly, WebhookAllow: cfg.WebhookAllow, KeepEvents: cfg.KeepEvents,
	})
	if err != nil {
		return err
	}

	mapper, err := statsdMapper(cfg.StatsDMapper)
	if err != nil {
		return err
	}
	statsd, err := dogstatsd.Listen(dogstatsd.Config{
		UDP: cfg.StatsD, Socket: cfg.StatsDSocket, Stream: cfg.StatsDStream, DB: db, Host: hostname, Now: clk.Now, Log: log,
		Aggregates: cfg.StatsDAggregates, Percentiles: cfg.StatsDPercentiles, Mapper: mapper, Containers: cfg.StatsDContainers,
	})
	if err != nil {
		return err
	}
	intake := agent.New(agent.Deps{DB: db, Now: clk.Now, Log: log})
	remoteWrite := prometheus.New(prometheus.Deps{DB: db, Exemplars: exemplars, Now: clk.Now})

	traces := trace.New(trace.Deps{DB: db, Spans: spans, Now: clk.Now, Log: log, Host: hostname, PerSecond: cfg.TracesRate})
	receiver, err := trace.Listen(trace.ReceiverConfig{
		TCP: cfg.Traces, Socket: cfg.TracesSocket, Intake: traces, StatsD: statsd.Ingest, StatsDPort: portOf(statsd.Addr()), Log: log,
	})
	if err != nil {
		return err
	}

	telemetry := otlp.New(otlp.Deps{DB: db, Now: clk.Now, Exemplars: exemplars, Traces: func(ctx context.Context, from []otlp.Application) (int, error) {
		applications := make([]trace.Application, len(from))
		for i, a := range from {
			applications[i] = trace.Application(a)
		}
		return traces.Take(ctx, applications)
	}})

	webConfig := web.Config{
		DB: db, Engine: engine, Alerting: alerts, Intake: intake, RemoteWrite: remoteWrite, OTLP: telemetry, StatsD: statsd, Traces: traces, Spans: spans, Exemplars: exemplars, Now: clk.Now, Log: log, APIKeys: cfg.APIKeys,
		LoginRequired: cfg.Login, SecureCookies: strings.HasPrefix(cfg.PublicURL, "https:"),
		About: uiapi.About{
			Version: version(), Started: started, Hostname: hostname, HTTP: cfg.PublicURL,
			StatsD: cfg.StatsD, StatsDSocket: cfg.StatsDSocket, Traces: cfg.Traces, SMTP: cfg.SMTP != "", Zone: cfg.Zone, Embed: cfg.Embed,
		},
		Debug: map[string]func() any{
			"store":        func() any { return db.Inspect() },
			"queries":      func() any { return engine.Stats() },
			"dogstatsd":    func() any { return statsd.Stats() },
			"intake":       func() any { return intake.Stats() },
			"remote-write": func() any { return remoteWrite.Stats() },
			"traces":       func() any { return traces.Stats() },
			"exemplars":    func() any { return exemplars.Stats() },
			"spans":        func() any { return spans.Stats() },
			"otlp":         func() any { return telemetry.Stats() },
			"alerting":     func() any { return alerts.Stats() },
		},
	}
	if cfg.DebugClock {
		webConfig.Advance = clk.Advance
	}
	server, err := web.New(webConfig)
	if err != nil {
		return err
	}
	encryption, err := tlsConfig(cfg, hostname)
	if err != nil {
		return err
	}
	var grpc *otlp.Server
	if cfg.OTLP != "" {
		grpc, err = otlp.Listen(otlp.ServerConfig{Address: cfg.OTLP, Intake: telemetry, MaySubmit: server.MaySubmit, TLS: encryption})
		if err != nil {
			return err
		}
	}
	self := selfmetrics.New(selfmetrics.Config{
		DB: db, Host: hostname, Now: clk.Now, Log: log,
		Sources: []selfmetrics.Source{figuresOfStore(db), figuresOfQueries(engine), figuresOfStatsD(statsd), figuresOfIntake(intake), figuresOfRemoteWrite(remoteWrite), figuresOfOTLP(telemetry), figuresOfTraces(traces), figuresOfSpans(spans), figuresOfAlerting(alerts), figuresOfWeb(server)},
	})

	// Whatever fails first ends all the rest.
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return followHeap(running) })
	if cfg.HostMetrics {
		host := hostmetrics.New(hostmetrics.Config{
			Host: hostname, Tags: cfg.HostTags, Version: "whippet " + version(), Postgres: cfg.Postgres, Processes: cfg.Processes, Top: cfg.TopProcesses,
			Now: clk.Now, Log: log, Deliver: func(ctx context.Context, path string, body []byte) error {
				_, err := intake.Handle(ctx, agent.Request{Method: "POST", Path: path, ContentType: "application/json", Body: body})
				return err
			},
		})
		group.Go(func() error { return host.Run(running) })
	}
	if grpc != nil {
		group.Go(func() error { return grpc.Run(running) })
	}
	group.Go(func() error { return statsd.Run(running) })
	group.Go(func() error { return receiver.Run(running) })
	group.Go(func() error { return alerts.Run(running) })
	group.Go(func() error { return self.Run(running) })
	group.Go(func() error { return control(running, cfg.DataDir, db, spans, log) })
	group.Go(func() error { return server.Listen(cfg.HTTP, encryption) })
	group.Go(func() error {
		<-running.Done()
		stop() // a second signal ends the process at once
		server.Ready(false)
		return server.Shutdown(drainTime)
	})
	server.Ready(true)
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		dir = cfg.DataDir
	}
	if token := server.SetupToken(); token != "" {
		log.Warn("nobody can log in yet: who opens this link first becomes the admin", "link", cfg.PublicURL+"/setup?token="+token)
	}
	if cfg.Login && !strings.HasPrefix(cfg.PublicURL, "https:") {
		log.Warn("passwords and keys cross the network unencrypted: set --tls-cert and --tls-key, or --tls-self-signed, or a proxy and --public-url https://...")
	}
	log.Info("serving, open "+cfg.PublicURL, "version", version(), "data", dir, "statsd", cfg.StatsD, "traces", cfg.Traces)
	if err := group.Wait(); err != nil {
		return err
	}
	log.Info("stopped", "after", time.Since(started).Round(time.Second))
	return nil
}

// portOf is the port of an address; 0 when there is none.
func portOf(addr net.Addr) int {
	if udp, ok := addr.(*net.UDPAddr); ok {
		return udp.Port
	}
	return 0
}

// statsdMapper reads the rules in a file; none when there is no file.
func statsdMapper(file string) (*dogstatsd.Mapper, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--statsd-mapper: %w", err)
	}
	defer f.Close()
	mapper, err := dogstatsd.ReadMapper(f)
	if err != nil {
		return nil, fmt.Errorf("--statsd-mapper %s: %w", file, err)
	}
	return mapper, nil
}

// mailer sends mails; nil when they are only kept in the outbox.
func mailer(cfg *config) (alerting.Mailer, error) {
	if cfg.SMTP == "" {
		return nil, nil
	}
	host, text, err := net.SplitHostPort(cfg.SMTP)
	if err != nil {
		return nil, fmt.Errorf("--smtp %q: %w", cfg.SMTP, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("--smtp %q: the port is not a number", cfg.SMTP)
	}
	smtp, err := mail.NewSMTP(mail.Config{
		Host: host, Port: port, TLS: mail.TLS(cfg.SMTPTLS), Username: cfg.SMTPUser, Password: cfg.SMTPPassword,
	})
	if err != nil {
		return nil, fmt.Errorf("--smtp %s: %w", cfg.SMTP, err)
	}
	return smtp.Deliver, nil
}
