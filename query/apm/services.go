package apm

import (
	"cmp"
	"context"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/sketch"
)

// Scope narrows what is asked about. Empty fields are any.
type Scope struct{ Env, Service, Resource string }

// Figures are what operations did in a range.
type Figures struct {
	Hits, Errors float64
	Latency      sketch.Sketch // seconds
}

func (f *Figures) merge(o *Figures) {
	f.Hits += o.Hits
	f.Errors += o.Errors
	f.Latency.Merge(&o.Latency)
}

// Apdex is how satisfied the callers of a service are, 0 to 1; NaN without any.
// A request of at most threshold satisfies, one of at most four times as much is
// tolerated, and an error is neither.
func (f *Figures) Apdex(threshold time.Duration) float64 {
	total := float64(f.Latency.Count)
	if total == 0 {
		return math.NaN()
	}
	satisfied := float64(f.Latency.CountAtMost(threshold.Seconds()))
	tolerating := float64(f.Latency.CountAtMost(4*threshold.Seconds())) - satisfied
	good := 1.0
	if f.Hits > 0 {
		good = max(0, 1-f.Errors/f.Hits)
	}
	return (satisfied + tolerating/2) / total * good
}

// Operation is one thing a service does.
type Operation struct {
	Service, Name, Resource, Type, SpanKind string
	Entry                                   string // request, call or ""
	Status                                  string // HTTP status; "" when there is none
	Version, Host, Env                      string
	First, Last                             int64 // ms, of the samples known
	Figures
}

var (
	traceMetrics = regexp.MustCompile(`^trace\..+$`)
	otherFigures = regexp.MustCompile(`^.*(\.duration|\.apdex|\.(hits|errors)\.by_[a-z_]+)$|^trace\.service_edge(\..*)?$`)
)

// Operations lists what services did in [from, to) (ms), one entry for every
// combination of an Operation's texts.
func Operations(ctx context.Context, e *query.Engine, scope Scope, from, to int64) (_ []Operation, err error) {
	run, err := e.Begin(ctx, "operations of services")
	if err != nil {
		return nil, err
	}
	defer func() { run.End(err) }()
	filter := store.Filter{Op: store.And, Args: []store.Filter{
		{Op: store.MatchNameRegexp, Regexp: traceMetrics},
		{Op: store.Not, Args: []store.Filter{{Op: store.MatchNameRegexp, Regexp: otherFigures}}},
		{Op: store.MatchKey, Key: "resource"},
	}}
	for _, tag := range []struct{ key, value string }{{"env", scope.Env}, {"service", scope.Service}} {
		if tag.value != "" {
			filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: store.NormalizeTag(tag.key + ":" + tag.value)})
		}
	}
	if scope.Resource != "" {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchTag, Value: "resource:" + scope.Resource})
	}
	set, err := run.Select(filter, from, to-1)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	var mu sync.Mutex
	found := map[string]*Operation{}
	err = set.Each(nil, func(_, i int, c *store.Columns) error {
		info := &set.Series[i]
		name, part := partOf(info)
		var f Figures
		for _, s := range c.Sketches {
			f.Latency.Merge(s)
		}
		for _, v := range c.Values {
			if part == "hits" {
				f.Hits += v
			} else {
				f.Errors += v
			}
		}
		key := name + "\x00" + strings.Join(info.Tags, "\x00")
		mu.Lock()
		defer mu.Unlock()
		o := found[key]
		if o == nil {
			o = operationOf(name, info)
			found[key] = o
		}
		o.First, o.Last = min(o.First, info.First), max(o.Last, info.Last)
		o.merge(&f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := make([]Operation, 0, len(found))
	for _, o := range found {
		if o.Hits > 0 || o.Latency.Count > 0 {
			all = append(all, *o)
		}
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.SpanKind, b.SpanKind),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Env, b.Env))
	})
	return all, nil
}

// partOf splits a trace metric's name into the operation's and which figure of
// it the series holds.
func partOf(info *store.SeriesInfo) (operation, part string) {
	name := strings.TrimPrefix(info.Name, "trace.")
	if info.Kind == store.Distribution {
		return name, "latency"
	}
	if operation, ok := strings.CutSuffix(name, ".hits"); ok {
		return operation, "hits"
	}
	return strings.TrimSuffix(name, ".errors"), "errors"
}

func operationOf(name string, info *store.SeriesInfo) *Operation {
	one := func(key string) string {
		if values := info.Tags.Values(key); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	return &Operation{
		Service: one("service"), Name: name, Resource: one("resource"), Type: one("type"), SpanKind: one("span.kind"), Entry: one("entry"),
		Status: one("http.status_code"), Version: one("version"), Host: one("host"), Env: one("env"), First: info.First, Last: info.Last,
	}
}

// Version is one version of a service.
type Version struct {
	Name        string
	First, Last int64 // ms
	Figures
}

// Service is what one service did in a range.
type Service struct {
	Name     string
	Type     string // of its requests: web, sql, ...
	Inferred bool   // known by its callers only: a database, say
	Envs     []string
	Hosts    []string
	Entries  []string // the operations that its requests are
	Versions []Version
	Figures
}

// Services lists the services that did anything, by name. Their figures are
// those of their requests: server and consumer spans, and what else enters the
// service; for one that only shows in its callers' spans, their calls.
func Services(ctx context.Context, e *query.Engine, scope Scope, from, to int64) ([]Service, error) {
	operations, err := Operations(ctx, e, scope, from, to)
	if err != nil {
		return nil, err
	}
	return ServicesOf(operations), nil
}

// ServicesOf adds operations up to their services.
func ServicesOf(operations []Operation) []Service {
	requested := map[string]bool{}
	for i := range operations {
		if operations[i].Entry == "request" {
			requested[operations[i].Service] = true
		}
	}
	byName := map[string]*Service{}
	versions := map[[2]string]*Version{}
	var names []string
	for i := range operations {
		o := &operations[i]
		s := byName[o.Service]
		if s == nil {
			s = &Service{Name: o.Service, Inferred: !requested[o.Service]}
			byName[o.Service] = s
			names = append(names, o.Service)
		}
		note(&s.Envs, o.Env)
		note(&s.Hosts, o.Host)
		if !s.counts(o) {
			continue
		}
		note(&s.Entries, o.Name)
		if s.Type == "" {
			s.Type = o.Type
		}
		s.merge(&o.Figures)
		if o.Version == "" {
			continue
		}
		v := versions[[2]string{o.Service, o.Version}]
		if v == nil {
			v = &Version{Name: o.Version, First: o.First, Last: o.Last}
			versions[[2]string{o.Service, o.Version}] = v
		}
		v.First, v.Last = min(v.First, o.First), max(v.Last, o.Last)
		v.merge(&o.Figures)
	}
	all := make([]Service, 0, len(names))
	for _, name := range names {
		s := byName[name]
		for key, v := range versions {
			if key[0] == name {
				s.Versions = append(s.Versions, *v)
			}
		}
		slices.SortFunc(s.Versions, func(a, b Version) int { return cmp.Or(cmp.Compare(b.First, a.First), cmp.Compare(a.Name, b.Name)) })
		all = append(all, *s)
	}
	return all
}

// counts reports whether an operation is among a service's requests.
func (s *Service) counts(o *Operation) bool {
	return o.Entry == "request" || s.Inferred && o.Entry == "call"
}

func note(list *[]string, value string) {
	if value == "" {
		return
	}
	if i, ok := slices.BinarySearch(*list, value); !ok {
		*list = slices.Insert(*list, i, value)
	}
}

// Resource is what a service did of one kind, over all versions and hosts.
type Resource struct {
	Name, Operation, Type, SpanKind string
	Request                         bool // one of the service's requests; else a part of them
	Figures
}

// Resources lists the resources of the service in scope, those of its requests
// first, the most used first.
func Resources(operations []Operation) []Resource {
	inferred := !slices.ContainsFunc(operations, func(o Operation) bool { return o.Entry == "request" })
	s := Service{Inferred: inferred}
	index := map[[3]string]int{}
	var all []Resource
	for i := range operations {
		o := &operations[i]
		key := [3]string{o.Name, o.Resource, o.SpanKind}
		at, ok := index[key]
		if !ok {
			at = len(all)
			index[key] = at
			all = append(all, Resource{Name: o.Resource, Operation: o.Name, Type: o.Type, SpanKind: o.SpanKind})
		}
		all[at].Request = all[at].Request || s.counts(o)
		all[at].merge(&o.Figures)
	}
	slices.SortStableFunc(all, func(a, b Resource) int {
		if a.Request != b.Request {
			if a.Request {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Hits, a.Hits)
	})
	return all
}
