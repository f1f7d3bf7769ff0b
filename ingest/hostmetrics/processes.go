package hostmetrics

import (
	"context"
	"fmt"
	"slices"

	"github.com/shirou/gopsutil/v4/process"
)

// processSource watches the processes of some names: how many there are, and
// what they take together.
func processSource(names []string) *source {
	return &source{name: "processes", collect: func(ctx context.Context, r *report) error {
		all, err := process.ProcessesWithContext(ctx)
		if err != nil {
			return fmt.Errorf("list processes: %w", err)
		}
		type sums struct{ number, rss, threads, files, cpu float64 }
		total := make(map[string]*sums, len(names))
		for _, name := range names {
			total[name] = &sums{}
		}
		for _, p := range all {
			name, err := p.NameWithContext(ctx)
			if err != nil || !slices.Contains(names, name) {
				continue // gone, or of no interest
			}
			s := total[name]
			s.number++
			if m, err := p.MemoryInfoWithContext(ctx); err == nil {
				s.rss += float64(m.RSS)
			}
			if n, err := p.NumThreadsWithContext(ctx); err == nil {
				s.threads += float64(n)
			}
			if n, err := p.NumFDsWithContext(ctx); err == nil {
				s.files += float64(n)
			}
			if t, err := p.TimesWithContext(ctx); err == nil {
				if delta, ok := r.counters.delta(fmt.Sprint("cpu of ", p.Pid), t.User+t.System); ok {
					s.cpu += 100 * delta / r.counters.seconds
				}
			}
		}
		for name, s := range total {
			tag := "process_name:" + name
			r.gauge("system.processes.number", s.number, tag)
			r.add(point{name: "system.processes.cpu.pct", value: s.cpu, tags: []string{tag}, unit: "percent"})
			r.add(point{name: "system.processes.mem.rss", value: s.rss, tags: []string{tag}, unit: "byte"})
			r.gauge("system.processes.threads", s.threads, tag)
			r.gauge("system.processes.open_file_descriptors", s.files, tag)
		}
		return nil
	}}
}
