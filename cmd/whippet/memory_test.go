package main

import "testing"

func TestRoomForGarbageGrowsMoreSlowlyThanTheHeap(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 100}, {10 << 20, 100}, {64 << 20, 87}, {128 << 20, 50}, {512 << 20, 21}, {8 << 30, 20}} {
		if got := gcPercent(c.live); got != c.want {
			t.Errorf("%d MB: got %d %%, want %d %%", c.live>>20, got, c.want)
		}
	}
}
