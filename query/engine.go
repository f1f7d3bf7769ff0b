// Package query evaluates plans over the store: select, align in time,
// aggregate over tags, apply functions. The two languages are its front ends.
package query

import (
	"log/slog"
	"time"

	"github.com/whippet-obs/whippet/store"
)

// Options bound what one query may take. Zero fields take the defaults.
type Options struct {
	MaxSeries  int           // 50,000
	MaxSamples int64         // 100 million samples read
	MaxPoints  int           // 11,000 timestamps per row
	Timeout    time.Duration // 30 s
	Log        *slog.Logger
}

// Engine evaluates plans over a store. Safe for concurrent use.
type Engine struct{}

// New returns an engine over db.
func New(db *store.DB, o Options) *Engine { panic("wave 1") }
