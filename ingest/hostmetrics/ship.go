package hostmetrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// ShipConfig says where a Shipper sends payloads.
type ShipConfig struct {
	URL      string // of the other Whippet: "http://monitor:8127"
	Key      string // sent as DD-API-KEY
	Dir      string // folder for what could not be sent yet
	MaxBytes int64  // of Dir; the oldest payloads are dropped above it. 0: 256 MiB
	Log      *slog.Logger
}

// Shipper sends payloads to a Whippet on another machine. What can't be sent is
// kept on disk, also over restarts, and sent in order once the other is back:
// each payload carries its own times.
type Shipper struct {
	config  ShipConfig
	client  *http.Client
	encoder *zstd.Encoder
	waiting []string // names of files in Dir, oldest first
	bytes   int64
	number  int
	full    bool // the oldest had to go to make room
}

// batch is how many kept payloads are sent at the most after a fresh one, so
// that a long absence is made up for without a storm.
const batch = 20

// NewShipper returns a shipper. What an earlier one kept in c.Dir is sent first.
func NewShipper(c ShipConfig) (*Shipper, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = 256 << 20
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for unsent metrics: %w", err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	s := &Shipper{config: c, client: &http.Client{Timeout: 5 * time.Second}, encoder: encoder}
	files, err := filepath.Glob(filepath.Join(c.Dir, "*.payload"))
	if err != nil {
		return nil, fmt.Errorf("list unsent metrics: %w", err)
	}
	slices.Sort(files)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("list unsent metrics: %w", err)
		}
		s.waiting, s.bytes = append(s.waiting, file), s.bytes+info.Size()
		fmt.Sscanf(filepath.Base(file), "%d.payload", &s.number)
	}
	return s, nil
}

// Deliver sends a payload, or keeps it on disk when it can't be sent now. It is
// called from one goroutine. An error means that the payload waits.
func (s *Shipper) Deliver(ctx context.Context, path string, body []byte) error {
	packed := s.encoder.EncodeAll(body, nil)
	err := s.catchUp(ctx)
	if err == nil {
		err = s.send(ctx, path, packed)
	}
	var refused *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.forGood():
		return err
	default:
		return errors.Join(err, s.keep(path, packed))
	}
}

// catchUp sends what waits, oldest first. An error means that some of it still
// does because the other side can't be reached.
func (s *Shipper) catchUp(ctx context.Context) error {
	for range batch {
		if len(s.waiting) == 0 {
			s.full = false
			return nil
		}
		raw, err := os.ReadFile(s.waiting[0])
		if err != nil {
			return fmt.Errorf("read unsent metrics: %w", err)
		}
		path, packed, ok := bytes.Cut(raw, []byte("\n"))
		if ok {
			err = s.send(ctx, string(path), packed)
		}
		var refused *refusal
		switch {
		case errors.As(err, &refused) && refused.forGood():
			s.config.Log.Warn("metrics kept for later are refused, and dropped", "err", err)
		case err != nil:
			return err
		}
		if err := s.forget(); err != nil {
			return err
		}
	}
	return nil
}

// keep writes a payload to disk: whole, or not at all.
func (s *Shipper) keep(path string, packed []byte) error {
	raw := slices.Concat([]byte(path), []byte("\n"), packed)
	for s.bytes+int64(len(raw)) > s.config.MaxBytes && len(s.waiting) > 0 {
		if !s.full {
			s.config.Log.Warn("there is no more room for unsent metrics, the oldest are dropped", "folder", s.config.Dir, "bytes", s.bytes)
			s.full = true
		}
		if err := s.forget(); err != nil {
			return err
		}
	}
	s.number++
	name := filepath.Join(s.config.Dir, fmt.Sprintf("%012d.payload", s.number))
	if err := os.WriteFile(name+".tmp", raw, 0o600); err != nil {
		return fmt.Errorf("keep unsent metrics: %w", err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return fmt.Errorf("keep unsent metrics: %w", err)
	}
	s.waiting, s.bytes = append(s.waiting, name), s.bytes+int64(len(raw))
	return nil
}

// forget removes the oldest payload that waits.
func (s *Shipper) forget() error {
	info, err := os.Stat(s.waiting[0])
	if err == nil {
		s.bytes -= info.Size()
		err = os.Remove(s.waiting[0])
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove metrics that were sent: %w", err)
	}
	s.waiting = s.waiting[1:]
	return nil
}

// refusal is an answer other than success.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.text) }

// forGood reports whether the same payload would be refused again. A wrong key
// can be mended, so its payloads wait.
func (r *refusal) forGood() bool {
	return r.status == http.StatusBadRequest || r.status == http.StatusRequestEntityTooLarge
}

func (s *Shipper) send(ctx context.Context, path string, packed []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.config.URL, "/")+path, bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("send to %s: %w", s.config.URL, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "zstd")
	request.Header.Set("DD-API-KEY", s.config.Key)
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("send to %s: %w", s.config.URL, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if response.StatusCode >= 300 {
		return fmt.Errorf("send to %s%s: %w", s.config.URL, path, &refusal{response.StatusCode, strings.TrimSpace(string(text))})
	}
	if err != nil {
		return fmt.Errorf("send to %s: %w", s.config.URL, err)
	}
	return nil
}
