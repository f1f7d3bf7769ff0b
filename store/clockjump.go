package store

import "time"

const (
	// maxClockJump is how far the clock may move ahead of the time that really
	// passes before it is doubted.
	maxClockJump = 6 * time.Hour
	// doubtFor is how long a doubted clock must hold before files are dropped by it.
	doubtFor = time.Hour
)

// clockDoubt keeps a clock that jumps ahead, as at boot without a battery or by
// a mistyped date, from expiring everything at once: data that is dropped does
// not come back with the right time. The maintenance goroutine's.
type clockDoubt struct {
	clock, real time.Time // at the last look
	until       time.Time // real time until which nothing is dropped
}

// look compares the clock with the time that has really passed since the last
// look, or at the first one with the newest sample, and says whether files may
// be dropped by it. jumped is how far it moved when that begins the doubt.
func (c *clockDoubt) look(clock, real time.Time, newest int64) (trusted bool, jumped time.Duration) {
	switch {
	case !c.real.IsZero():
		jumped = clock.Sub(c.clock) - real.Sub(c.real)
	case newest > noSample:
		jumped = clock.Sub(time.UnixMilli(newest))
	}
	c.clock, c.real = clock, real
	if jumped < maxClockJump {
		jumped = 0
	} else {
		c.until = real.Add(doubtFor)
	}
	return !real.Before(c.until), jumped
}

// mayExpire asks the clock's doubt.
func (db *DB) mayExpire() bool {
	newest := int64(noSample)
	if db.doubt.real.IsZero() {
		db.mu.RLock()
		for _, p := range db.partitions {
			newest = max(newest, p.MaxTime)
		}
		db.mu.RUnlock()
	}
	trusted, jumped := db.doubt.look(db.now(), time.Now(), newest)
	if jumped > 0 {
		db.logger.Warn("the clock is ahead of what was to be expected: nothing is dropped for its age until it has held for a while", "by", jumped.Round(time.Second), "hold", doubtFor)
	}
	return trusted
}
