package hostmetrics

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

func systemSources() []*source {
	sources := []*source{
		{name: "cpu", collect: collectCPU},
		{name: "load", collect: collectLoad},
		{name: "memory", collect: collectMemory},
		{name: "disk", collect: collectDisks},
		{name: "io", collect: collectIO},
		{name: "network", collect: collectNetwork},
		{name: "uptime", collect: collectUptime},
	}
	if runtime.GOOS == "linux" {
		sources = append(sources, &source{name: "file handles", collect: collectFileHandles})
	}
	return sources
}

// collectCPU reports how the processors spent their time, in percent: of all
// together as system.cpu.*, and of each as system.core.* with a tag core:N.
func collectCPU(ctx context.Context, r *report) error {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil {
		return fmt.Errorf("read processor times: %w", err)
	}
	cores, err := cpu.TimesWithContext(ctx, true)
	if err != nil {
		return fmt.Errorf("read the times of each processor: %w", err)
	}
	for _, t := range all {
		r.cpu("system.cpu", t)
	}
	for i, t := range cores {
		r.cpu("system.core", t, "core:"+strconv.Itoa(i))
	}
	r.gauge("system.cpu.num_cores", float64(len(cores)))
	if misc, err := load.MiscWithContext(ctx); err == nil {
		r.gauge("system.proc.count", float64(misc.ProcsTotal))
		r.gauge("system.proc.running", float64(misc.ProcsRunning))
		r.gauge("system.proc.blocked", float64(misc.ProcsBlocked))
		if delta, ok := r.counters.delta("context switches", float64(misc.Ctxt)); ok {
			r.add(point{name: "system.cpu.context_switches", value: delta, count: true})
		}
	}
	return nil
}

// cpu reports the shares of one processor, or of all, since the last round.
func (r *report) cpu(prefix string, t cpu.TimesStat, tags ...string) {
	// The kernel counts a guest's time as user time too.
	guest := t.Guest + t.GuestNice
	parts := []struct {
		name    string
		seconds float64
	}{
		{"user", t.User + t.Nice - guest}, {"system", t.System + t.Irq + t.Softirq}, {"interrupt", t.Irq + t.Softirq},
		{"idle", t.Idle}, {"iowait", t.Iowait}, {"stolen", t.Steal}, {"guest", guest},
	}
	total := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Idle + t.Iowait + t.Steal
	key := prefix + strings.Join(tags, ",")
	passed, ok := r.counters.delta(key, total)
	for _, p := range parts {
		delta, seen := r.counters.delta(key+p.name, p.seconds)
		if ok && seen && passed > 0 {
			r.add(point{name: prefix + "." + p.name, value: 100 * delta / passed, tags: tags, unit: "percent"})
		}
	}
}

func collectLoad(ctx context.Context, r *report) error {
	avg, err := load.AvgWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read the load: %w", err)
	}
	cores := float64(runtime.NumCPU())
	for _, l := range []struct {
		minutes string
		value   float64
	}{{"1", avg.Load1}, {"5", avg.Load5}, {"15", avg.Load15}} {
		r.gauge("system.load."+l.minutes, l.value)
		r.gauge("system.load.norm."+l.minutes, l.value/cores)
	}
	return nil
}

// collectMemory reports memory and swap in MiB, as the agent does.
func collectMemory(ctx context.Context, r *report) error {
	v, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read memory: %w", err)
	}
	mib := func(name string, bytes uint64) {
		r.add(point{name: name, value: float64(bytes) / (1 << 20), unit: "mebibyte"})
	}
	mib("system.mem.total", v.Total)
	mib("system.mem.free", v.Free)
	mib("system.mem.used", v.Total-v.Free)
	mib("system.mem.usable", v.Available)
	r.gauge("system.mem.pct_usable", float64(v.Available)/float64(v.Total))
	if runtime.GOOS == "linux" {
		mib("system.mem.buffered", v.Buffers)
		mib("system.mem.cached", v.Cached)
		mib("system.mem.shared", v.Shared)
		mib("system.mem.slab", v.Slab)
		mib("system.mem.slab_reclaimable", v.Sreclaimable)
		mib("system.mem.page_tables", v.PageTables)
		mib("system.mem.commit_limit", v.CommitLimit)
		mib("system.mem.committed_as", v.CommittedAS)
		mib("system.swap.cached", v.SwapCached)
	}
	s, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read swap: %w", err)
	}
	mib("system.swap.total", s.Total)
	mib("system.swap.free", s.Free)
	mib("system.swap.used", s.Used)
	free := 1.0
	if s.Total > 0 {
		free = float64(s.Free) / float64(s.Total)
	}
	r.gauge("system.swap.pct_free", free)
	r.rate("system.swap.swap_in", float64(s.Sin)/(1<<20))
	r.rate("system.swap.swap_out", float64(s.Sout)/(1<<20))
	return nil
}

func collectUptime(ctx context.Context, r *report) error {
	seconds, err := host.UptimeWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read the uptime: %w", err)
	}
	r.add(point{name: "system.uptime", value: float64(seconds), unit: "second"})
	return nil
}

// collectFileHandles reads proc_sys_fs(5)'s file-nr: allocated, unused, most.
func collectFileHandles(_ context.Context, r *report) error {
	raw, err := os.ReadFile("/proc/sys/fs/file-nr")
	if err != nil {
		return fmt.Errorf("read file handles: %w", err)
	}
	var n [3]float64
	fields := strings.Fields(string(raw))
	if len(fields) != len(n) {
		return errors.New("read file handles: /proc/sys/fs/file-nr is not three numbers")
	}
	for i := range n {
		if n[i], err = strconv.ParseFloat(fields[i], 64); err != nil {
			return fmt.Errorf("read file handles: %w", err)
		}
	}
	r.gauge("system.fs.file_handles.allocated", n[0])
	r.gauge("system.fs.file_handles.allocated_unused", n[1])
	r.gauge("system.fs.file_handles.used", n[0]-n[1])
	r.gauge("system.fs.file_handles.max", n[2])
	r.gauge("system.fs.file_handles.in_use", (n[0]-n[1])/n[2])
	return nil
}
