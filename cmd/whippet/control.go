package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/span"
)

// The commands that work on a data folder talk to the process that has it open
// through a unix socket in the folder: whoever may read and write the folder may
// ask, and nobody else.

// controlSocket is the socket's path. Names of sockets are short by the kernel's
// limit, so the folder is named by the descriptor it is open as.
func controlSocket(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/control.sock", dir.Fd())
}

// control serves the commands until ctx ends.
func control(ctx context.Context, dataDir string, db *store.DB, spans *span.Store, log *slog.Logger) error {
	dir, err := os.Open(dataDir)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	defer dir.Close()
	os.Remove(filepath.Join(dataDir, "control.sock")) // of a process that was killed: the folder is ours
	listener, err := net.Listen("unix", controlSocket(dir))
	if err != nil {
		return fmt.Errorf("listen to other whippet commands: %w", err)
	}
	if err := os.Chmod(filepath.Join(dataDir, "control.sock"), 0o600); err != nil {
		return errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ Dir string }
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&ask)
		if err == nil && !filepath.IsAbs(ask.Dir) {
			err = fmt.Errorf("%q is no absolute path", ask.Dir)
		}
		if err == nil {
			log.Info("a backup is made", "to", ask.Dir)
			err = snapshot(r.Context(), db, spans, ask.Dir)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
		err = server.Close() // a backup under way ends unfinished
		<-done
		return err
	}
}

// errNotRunning says that no process has the data folder open.
var errNotRunning = errors.New("no whippet is running on this data folder")

// askRunning sends a command to the process that has the data folder open.
func askRunning(ctx context.Context, dataDir, command string, body any) error {
	dir, err := os.Open(dataDir)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	defer dir.Close()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", controlSocket(dir))
		if err != nil {
			err = fmt.Errorf("%w: %w", errNotRunning, err)
		}
		return conn, err
	}}}
	defer client.CloseIdleConnections()
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://whippet/"+command, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<16))
		return errors.New(string(bytes.TrimSpace(text)))
	}
	return nil
}
