package main

import (
	"sync/atomic"
	"time"
)

// clock is the system's time, moved ahead by whoever tries out monitors and
// downtimes under --debug-clock.
type clock struct {
	ahead atomic.Int64 // ns
}

func (c *clock) Now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load()))
}

// Advance moves the clock ahead by d and returns the new time.
func (c *clock) Advance(d time.Duration) time.Time {
	c.ahead.Add(int64(d))
	return c.Now()
}
