package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/span"
)

// runCheck is "whippet check".
func runCheck(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("whippet check", flag.ContinueOnError)
	dataDir, status, ok := folderArgs(fs, args, 0, checkUsage, stdout, stderr)
	if !ok {
		return status
	}
	problems, err := checkFolder(ctx, dataDir, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "whippet check: %v\n", err)
		return 1
	}
	if problems > 0 {
		return 1
	}
	return 0
}

// checkFolder checks a data folder or a backup, prints what it finds, and
// returns how much of it is wrong.
func checkFolder(ctx context.Context, dir string, stdout io.Writer) (problems int, err error) {
	bar := &progressBar{out: stdout, began: time.Now(), width: terminalWidth(stdout)}
	report, err := store.Check(ctx, dir, bar.show)
	if err != nil {
		bar.clear()
		return 0, err
	}
	spanDone := int64(0)
	spans, err := span.Check(filepath.Join(dir, "spans"), func(n int64) {
		spanDone += n
		bar.show(report.Bytes+spanDone, report.Bytes+spanDone)
	})
	bar.clear()
	if err != nil {
		return 0, err
	}
	wrong, notes := append(report.Problems, spans.Problems...), append(report.Notes, spans.Notes...)
	for _, note := range notes {
		fmt.Fprintf(stdout, "note: %s\n", note)
	}
	for _, p := range wrong {
		fmt.Fprintf(stdout, "DAMAGED: %s\n", p)
	}
	verdict := "everything can be read"
	if len(wrong) > 0 {
		verdict = fmt.Sprintf("%d places can't be read", len(wrong))
	}
	fmt.Fprintf(stdout, "%s: %d files, %.1f MB, %d series, %d samples, %d buckets of tiers, %d spans, in %s: %s\n",
		dir, report.Files+spans.Files, float64(report.Bytes+spans.Bytes)/1e6, report.Series, report.Samples, report.Buckets, spans.Spans,
		time.Since(bar.began).Round(time.Millisecond), verdict)
	return len(wrong), nil
}

// progressBar draws how far a long command has come, on a terminal.
type progressBar struct {
	out   io.Writer
	width int // columns; 0: no terminal, nothing is drawn
	began time.Time
	drawn time.Time
}

func (b *progressBar) show(done, total int64) {
	if now := time.Now(); b.width > 0 && total > 0 && now.Sub(b.drawn) > 100*time.Millisecond {
		b.drawn = now
		text := fmt.Sprintf(" %3d %% of %.0f MB", done*100/total, float64(total)/1e6)
		room := max(10, b.width-len(text)-3)
		full := int(int64(room) * done / total)
		fmt.Fprintf(b.out, "\r[%s%s]%s", strings.Repeat("#", full), strings.Repeat(" ", room-full), text)
	}
}

// clear takes the bar away.
func (b *progressBar) clear() {
	if b.width > 0 && !b.drawn.IsZero() {
		fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", b.width-1))
	}
}

// terminalWidth is 0 when out is no terminal.
func terminalWidth(out io.Writer) int {
	file, ok := out.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return max(int(size.Col), 20)
}
