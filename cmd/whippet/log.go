package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// logConfig is how a command logs.
type logConfig struct {
	LogLevel  slog.Level
	LogFormat string
}

// bind adds the settings of c to fs.
func (c *logConfig) bind(fs *flag.FlagSet) {
	fs.Func("log-level", "`level` of the log: debug, info, warn or error (default info)", func(s string) error {
		if err := c.LogLevel.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("allowed: debug, info, warn, error")
		}
		return nil
	})
	c.LogFormat = "text"
	fs.Func("log-format", "`format` of the log: text or json (default text)", oneOf(&c.LogFormat, "text", "json"))
}

func newLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&textHandler{level: level, w: w, mu: &sync.Mutex{}})
}

// textHandler writes one line a person can read per record:
//
//	18:05:31 WARN  log tail was torn, intact prefix kept  segment=7 bytes=112
type textHandler struct {
	level  slog.Level
	prefix string // attributes and groups given by With
	group  string
	mu     *sync.Mutex // shared by all handlers of one writer
	w      io.Writer
}

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var line bytes.Buffer
	fmt.Fprintf(&line, "%s %-5s %s ", r.Time.Format("15:04:05"), r.Level, r.Message)
	line.WriteString(h.prefix)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&line, h.group, a)
		return true
	})
	line.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(line.Bytes())
	return err
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b bytes.Buffer
	for _, a := range attrs {
		appendAttr(&b, h.group, a)
	}
	with := *h
	with.prefix += b.String()
	return &with
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.group += name + "."
	return &with
}

func appendAttr(b *bytes.Buffer, group string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range value.Group() {
			appendAttr(b, group, member)
		}
		return
	}
	text := value.String()
	if text == "" || strings.ContainsAny(text, " \"=\n\t") {
		text = strconv.Quote(text)
	}
	fmt.Fprintf(b, " %s%s=%s", group, a.Key, text)
}
