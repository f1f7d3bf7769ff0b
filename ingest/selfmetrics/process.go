package selfmetrics

import (
	"bytes"
	"os"
	"runtime/metrics"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// process returns the source of this process's figures.
func process() Source {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	figure := func(i int) float64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return float64(samples[i].Value.Uint64())
	}
	return func() []Figure {
		metrics.Read(samples)
		figures := []Figure{
			{Name: "whippet.process.goroutines", Value: figure(0), Help: "Goroutines that exist."},
			{Name: "whippet.process.heap_live_bytes", Value: figure(1), Unit: "byte", Help: "Heap that the last garbage collection found in use."},
			{Name: "whippet.process.go_memory_bytes", Value: figure(2) - figure(3), Unit: "byte", Help: "Memory that the Go runtime holds."},
			{Name: "whippet.process.allocated_bytes", Value: figure(4), Total: true, Unit: "byte", Help: "Heap allocated."},
			{Name: "whippet.process.gc_cycles", Value: figure(5), Total: true, Help: "Garbage collections."},
		}
		if rss, ok := residentBytes(); ok {
			figures = append(figures, Figure{Name: "whippet.process.rss_bytes", Value: rss, Unit: "byte", Help: "Physical memory that the process takes."})
		}
		if files, err := os.ReadDir("/proc/self/fd"); err == nil {
			figures = append(figures, Figure{Name: "whippet.process.open_files", Value: float64(len(files)), Help: "Open files and sockets."})
		}
		var usage unix.Rusage
		if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
			seconds := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
			figures = append(figures, Figure{Name: "whippet.process.cpu_seconds", Value: seconds, Total: true, Unit: "second", Help: "CPU time used; as a rate, the number of cores kept busy."})
		}
		return figures
	}
}

// residentBytes returns the physical memory of this process, where the system
// tells it.
func residentBytes() (float64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return float64(pages) * float64(os.Getpagesize()), err == nil
}
