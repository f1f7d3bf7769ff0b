package catalog

import (
	"cmp"
	"slices"
	"sync"
)

// Process is one process of a host, or all of one name taken together.
type Process struct {
	PID       int     `json:"pid,omitempty"` // 0 of several taken together
	Name      string  `json:"name"`
	Command   string  `json:"command,omitempty"` // with its arguments
	User      string  `json:"user,omitempty"`
	CPU       float64 `json:"cpu"`               // percent of one core
	RSS       int64   `json:"rss"`               // bytes
	Threads   int     `json:"threads,omitempty"` // 0: not told
	Files     int     `json:"files,omitempty"`   // open; 0: not told
	Started   int64   `json:"started,omitempty"` // ms
	Container string  `json:"container,omitempty"`
	Number    int     `json:"number,omitempty"` // of processes taken together; 0: it is one
}

// Processes are the busiest of a host at one moment.
type Processes struct {
	Time  int64     `json:"time"`  // ms; 0: the host has told of none
	Total int       `json:"total"` // processes the sender told of
	List  []Process `json:"processes"`
}

// Bounds on what is kept of processes. Who is over them is forgotten: first a
// host's quietest, then the host that was silent for longest.
const (
	topProcesses  = 100     // of a host by CPU, and as many by memory
	maxProcesses  = 200_000 // over all hosts
	maxProcessRaw = 1 << 10 // bytes of a text
	groupedYields = 120_000 // ms for which processes one by one are preferred to those taken together by name
)

// processes holds the last snapshot of each host, in memory alone: the next one
// comes within seconds.
type processes struct {
	mu     sync.Mutex
	byHost map[string]Processes
	number int
}

// PutProcesses replaces what is known of a host's processes, unless that is
// newer, or lately had single processes where p has them by name. p.List is
// the catalog's from then on.
func (c *Catalog) PutProcesses(host string, p Processes) {
	p.Total = max(p.Total, len(p.List))
	p.List = busiest(p.List)
	all := &c.processes
	all.mu.Lock()
	defer all.mu.Unlock()
	known := all.byHost[host]
	if p.Time < known.Time || grouped(p) && !grouped(known) && p.Time-known.Time < groupedYields {
		return
	}
	if all.byHost == nil {
		all.byHost = map[string]Processes{}
	}
	all.byHost[host] = p
	all.number += len(p.List) - len(known.List)
	for all.number > maxProcesses {
		oldest := host
		for name, q := range all.byHost {
			if q.Time < all.byHost[oldest].Time {
				oldest = name
			}
		}
		all.number -= len(all.byHost[oldest].List)
		delete(all.byHost, oldest)
	}
}

// Processes returns the last that is known of a host's processes, the busiest
// first; read only.
func (c *Catalog) Processes(host string) Processes {
	c.processes.mu.Lock()
	defer c.processes.mu.Unlock()
	return c.processes.byHost[host]
}

func grouped(p Processes) bool {
	return len(p.List) == 0 || slices.ContainsFunc(p.List, func(one Process) bool { return one.Number > 0 })
}

// busiest keeps those that take the most CPU or memory, each once, by CPU.
func busiest(list []Process) []Process {
	for i := range list {
		p := &list[i]
		for _, text := range []*string{&p.Name, &p.Command, &p.User, &p.Container} {
			*text = (*text)[:min(len(*text), maxProcessRaw)]
		}
	}
	byMemory := func(a, b Process) int { return cmp.Or(cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.PID, b.PID)) }
	byCPU := func(a, b Process) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), byMemory(a, b)) }
	slices.SortStableFunc(list, byCPU)
	if len(list) > topProcesses {
		rest := slices.Clone(list[topProcesses:])
		slices.SortStableFunc(rest, byMemory)
		list = append(slices.Clip(list[:topProcesses]), rest[:min(len(rest), topProcesses)]...)
		slices.SortStableFunc(list, byCPU)
	}
	return list
}
