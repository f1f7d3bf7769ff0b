package trace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
)

// maxBody is the largest request of a tracer, as trace agents have it.
const maxBody = 25 << 20

// agentVersion is what tracers are told: they choose by it what they may use.
const agentVersion = "7.82.1"

// ReceiverConfig is what a Receiver works with.
type ReceiverConfig struct {
	TCP    string // address; "": off
	Socket string // path of a unix socket; "": off
	Intake *Intake
	StatsD func(packet []byte) // takes DogStatsD lines that tracers post; nil: they are dropped
	// StatsDPort is where tracers send their own metrics; 0: it isn't told.
	StatsDPort int
	Log        *slog.Logger
}

// Receiver listens as a trace agent does, for tracers.
type Receiver struct {
	config    ReceiverConfig
	log       *slog.Logger
	listeners []net.Listener
	info      []byte
	state     string        // of info, as tracers compare it
	busy      chan struct{} // one for each payload being taken
}

// maxBusy bounds the payloads taken at a time, and with them the memory.
const (
	maxBusy  = 8
	maxWait  = 3 * time.Second
	endpoint = "/v0.3/traces /v0.3/services /v0.4/traces /v0.4/services /v0.5/traces /v0.7/traces /v1.0/traces /v0.6/stats /v0.1/pipeline_stats /telemetry/proxy/ /dogstatsd/v1/proxy /dogstatsd/v2/proxy"
)

// Listen opens the listeners. Requests wait in them until Run is called.
func Listen(c ReceiverConfig) (*Receiver, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	r := &Receiver{config: c, log: c.Log, busy: make(chan struct{}, maxBusy)}
	if err := r.describe(); err != nil {
		return nil, err
	}
	if c.TCP != "" {
		l, err := net.Listen("tcp", c.TCP)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen for traces on %s: another process, such as a Datadog agent, listens there: give --traces another address, or turn it off with --traces \"\"", c.TCP)
		}
		if err != nil {
			return nil, fmt.Errorf("listen for traces: %w", err)
		}
		r.listeners = append(r.listeners, l)
	}
	if c.Socket != "" {
		l, err := listenUnix(c.Socket)
		if err != nil {
			r.close()
			return nil, fmt.Errorf("listen for traces: %w", err)
		}
		r.listeners = append(r.listeners, l)
	}
	return r, nil
}

func (r *Receiver) close() {
	for _, l := range r.listeners {
		l.Close()
	}
}

// Addr is the TCP address in use; nil when it is off.
func (r *Receiver) Addr() net.Addr {
	for _, l := range r.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok {
			return a
		}
	}
	return nil
}

// listenUnix binds a unix socket that every user may write to. A socket file
// that nobody listens on any more is replaced.
func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		if conn, dialErr := net.DialTimeout("unix", path, time.Second); dialErr == nil {
			conn.Close()
			return nil, fmt.Errorf("%s: another process listens there", path)
		}
		info, statErr := os.Lstat(path)
		if statErr != nil || info.Mode()&os.ModeSocket == 0 {
			return nil, err
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		if l, err = net.Listen("unix", path); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(path, 0o722); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// describe writes the answer of /info.
func (r *Receiver) describe() error {
	config := map[string]any{"default_env": "none", "max_request_bytes": maxBody}
	if r.config.StatsDPort != 0 {
		config["statsd_port"] = r.config.StatsDPort
	}
	info, err := json.Marshal(map[string]any{
		"version": agentVersion, "endpoints": strings.Fields(endpoint),
		"client_drop_p0s": true, "span_events": true, "span_meta_structs": true, "long_running_spans": true,
		"peer_tags": peerKeys, "span_kinds_stats_computed": []string{"server", "consumer", "client", "producer"},
		"obfuscation_version": 1, "config": config,
	})
	if err != nil {
		return fmt.Errorf("describe the trace receiver: %w", err)
	}
	sum := sha256.Sum256(info)
	r.info, r.state = info, hex.EncodeToString(sum[:])
	return nil
}

// Run answers requests until ctx ends or a listener fails, and writes what is
// counted of them. Requests under way are finished, and then the rest is written.
func (r *Receiver) Run(ctx context.Context) error {
	counting, stop := context.WithCancel(context.WithoutCancel(ctx))
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		r.config.Intake.run(counting)
	}()
	defer func() {
		stop()
		<-counted
	}()
	server := &http.Server{
		Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
	}
	group, running := errgroup.WithContext(ctx)
	for _, l := range r.listeners {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("receive traces on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-running.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(last); err != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// ServeHTTP answers one request as a trace agent does.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h := w.Header()
	h.Set("Datadog-Agent-Version", agentVersion)
	h.Set("Datadog-Agent-State", r.state)
	path := strings.TrimSuffix(q.URL.Path, "/")
	if path == "/info" {
		h.Set("Content-Type", "application/json")
		w.Write(r.info)
		return
	}
	if path == "/v0.7/config" { // remote configuration, which some poll with GET
		answer(w, http.StatusNotFound, "remote configuration is not served here\n")
		return
	}
	if q.Method != http.MethodPost && q.Method != http.MethodPut {
		if handled(path) {
			answer(w, http.StatusMethodNotAllowed, "want POST or PUT\n")
			return
		}
		answer(w, http.StatusNotFound, "no such endpoint: /info lists them\n")
		return
	}
	switch path {
	case "/v0.1/spans", "/spans", "/v0.2/traces", "/v0.3/traces", "/v0.4/traces", "/v0.5/traces", "/v0.7/traces", "/v1.0/traces":
		r.take(w, q, path, r.traces)
	case "/v0.6/stats":
		r.take(w, q, path, r.stats)
	case "/dogstatsd/v1/proxy", "/dogstatsd/v2/proxy":
		r.take(w, q, path, r.statsd)
	case "/v0.1/services", "/v0.2/services", "/v0.3/services", "/v0.4/services":
		answer(w, http.StatusOK, "OK\n")
	case "/v0.1/pipeline_stats", "/profiling/v1/input", "/debugger/v1/input", "/debugger/v1/diagnostics", "/debugger/v2/input", "/symdb/v1/input", "/tracer_flare/v1":
		answer(w, http.StatusOK, "{}")
	default:
		for _, prefix := range []string{"/telemetry/proxy", "/evp_proxy/", "/openlineage/"} {
			if strings.HasPrefix(path, prefix) {
				answer(w, http.StatusAccepted, "{}")
				return
			}
		}
		answer(w, http.StatusNotFound, "no such endpoint: /info lists them\n")
	}
}

func handled(path string) bool {
	return strings.HasSuffix(path, "/traces") || path == "/v0.6/stats" || strings.HasPrefix(path, "/dogstatsd/")
}

func answer(w http.ResponseWriter, status int, text string) {
	if strings.HasPrefix(text, "{") {
		w.Header().Set("Content-Type", "application/json")
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// take reads a request's body within the limits, and answers its errors.
func (r *Receiver) take(w http.ResponseWriter, q *http.Request, path string, do func(w http.ResponseWriter, q *http.Request, path string, body []byte) error) {
	if q.ContentLength > maxBody {
		r.refuse(w, q, path, refusal(http.StatusRequestEntityTooLarge, "the body has %d bytes, the limit is %d", q.ContentLength, maxBody))
		return
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-timer.C:
		r.refuse(w, q, path, refusal(http.StatusTooManyRequests, "too many payloads at once: send again later"))
		return
	case <-q.Context().Done():
		return
	}
	var body bytes.Buffer
	if q.ContentLength > 0 {
		body.Grow(int(q.ContentLength) + bytes.MinRead) // bounded above; growing by doubling would take more
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, q.Body, maxBody))
	if err == nil {
		err = do(w, q, path, body.Bytes())
	}
	if err != nil {
		r.refuse(w, q, path, err)
	}
}

// refuse answers an error. Overload is told only to those who say that they
// want to know: others would log every refusal.
func (r *Receiver) refuse(w http.ResponseWriter, q *http.Request, path string, err error) {
	var bad *payload.Error
	var large *http.MaxBytesError
	var slow net.Error
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &bad):
		status = bad.Status
	case errors.As(err, &large):
		status, err = http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", maxBody)
	case errors.As(err, &slow) && slow.Timeout():
		status = http.StatusRequestTimeout
	case errors.Is(err, store.ErrNoSpace), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "10")
	case errors.Is(err, io.ErrUnexpectedEOF):
		status = http.StatusBadRequest
	}
	r.log.Debug("a tracer's payload was refused", "path", path, "status", status, "err", err)
	if status == http.StatusTooManyRequests && q.Header.Get("Datadog-Send-Real-Http-Status") == "" {
		w.Header().Set("Content-Type", "application/json")
		w.Write(r.config.Intake.rates())
		return
	}
	answer(w, status, err.Error()+"\n")
}

func (r *Receiver) traces(w http.ResponseWriter, q *http.Request, path string, body []byte) error {
	in := r.config.Intake
	_, err := in.once(body, func() (int, error) {
		p, err := decodeTracer(path, q.Header.Get("Content-Type"), body)
		if err != nil {
			return 0, err
		}
		if p.lang == "" {
			p.lang = q.Header.Get("Datadog-Meta-Lang")
		}
		p.topLevel = truthy(q.Header.Get("Datadog-Client-Computed-Top-Level"))
		p.stats = truthy(q.Header.Get("Datadog-Client-Computed-Stats"))
		return in.take(q.Context(), []*tracerPayload{p})
	})
	if err != nil {
		return err
	}
	switch path {
	case "/v0.1/spans", "/spans", "/v0.2/traces", "/v0.3/traces":
		answer(w, http.StatusOK, "OK\n")
		return nil
	}
	rates := in.rates()
	h := fnv.New64a()
	h.Write(rates)
	version := strconv.FormatUint(h.Sum64(), 16)
	w.Header().Set("Content-Type", "application/json")
	if asked := q.Header.Get("Datadog-Rates-Payload-Version"); asked != "" {
		w.Header().Set("Datadog-Rates-Payload-Version", version)
		if asked == version {
			rates = []byte("{}")
		}
	}
	w.Write(rates)
	return nil
}

// decodeTracer reads a body in the form that the path names.
func decodeTracer(path, contentType string, body []byte) (*tracerPayload, error) {
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.TrimSpace(media) {
	case "application/json", "text/json":
		if path == "/v0.5/traces" || path == "/v0.7/traces" || path == "/v1.0/traces" {
			return nil, refusal(http.StatusUnsupportedMediaType, "want application/msgpack")
		}
		return decodeJSON(body, strings.HasSuffix(path, "spans"))
	case "application/msgpack", "application/x-msgpack", "application/octet-stream", "":
	default:
		return nil, refusal(http.StatusUnsupportedMediaType, "content type %.60q: want application/msgpack", media)
	}
	switch path {
	case "/v0.5/traces":
		return decodeV05(body)
	case "/v0.7/traces":
		return decodeV07(body)
	case "/v1.0/traces":
		return decodeV1(body)
	case "/v0.1/spans", "/spans", "/v0.2/traces":
		if contentType == "" || len(body) > 0 && body[0] == '[' {
			return decodeJSON(body, strings.HasSuffix(path, "spans"))
		}
	}
	return decodeV04(body)
}

func (r *Receiver) stats(w http.ResponseWriter, q *http.Request, _ string, body []byte) error {
	_, err := r.config.Intake.takeStats(q.Context(), body, func() ([]*clientStats, error) {
		s, err := decodeClientStats(body)
		return []*clientStats{s}, err
	})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, "{}")
	return nil
}

func (r *Receiver) statsd(w http.ResponseWriter, _ *http.Request, _ string, body []byte) error {
	if r.config.StatsD != nil && len(body) > 0 {
		r.config.StatsD(body)
	}
	answer(w, http.StatusOK, "")
	return nil
}

// rates is the answer to traces: what share of them tracers should send.
func (in *Intake) rates() []byte {
	in.series.mu.Lock()
	defer in.series.mu.Unlock()
	return in.sampler.rates()
}
