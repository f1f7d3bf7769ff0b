package datadog

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

type host struct {
	ID           int64               `json:"id"`
	Name         string              `json:"name"`
	HostName     string              `json:"host_name"`
	Aliases      []string            `json:"aliases"`
	Apps         []string            `json:"apps"`
	IsMuted      bool                `json:"is_muted"`
	MuteTimeout  *int64              `json:"mute_timeout"`       // s; null when not muted, or without end
	LastReported int64               `json:"last_reported_time"` // s
	Sources      []string            `json:"sources"`
	TagsBySource map[string][]string `json:"tags_by_source"`
	Up           bool                `json:"up"`
	Meta         hostMeta            `json:"meta"`
	Metrics      hostMetrics         `json:"metrics"`
}

type hostMeta struct {
	AgentVersion   string `json:"agent_version"`
	CPUCores       int    `json:"cpuCores"`
	Machine        string `json:"machine"`
	Platform       string `json:"platform"`
	Processor      string `json:"processor"`
	SocketHostname string `json:"socket-hostname"`
}

// hostMetrics is the latest of each, 0 when there was none lately.
type hostMetrics struct {
	CPU    float64 `json:"cpu"`    // % that is not idle
	IOWait float64 `json:"iowait"` // %
	Load   float64 `json:"load"`   // over 15 minutes
}

// Hosts that have been silent for longer are not listed or counted, unless the
// request says from when on.
const (
	listedFor  = 3 * time.Hour
	countedFor = 2 * time.Hour
)

// since is the request's "from" (ms), or what lies d back.
func (a *API) since(c *fiber.Ctx, d time.Duration) (int64, error) {
	from, ok, err := seconds(c, "from")
	if !ok {
		from = a.Now().Add(-d).UnixMilli()
	}
	return from, err
}

func (a *API) listHosts(c *fiber.Ctx) error {
	since, err := a.since(c, listedFor)
	if err != nil {
		return err
	}
	filter := strings.ToLower(c.Query("filter"))
	start, count := max(0, c.QueryInt("start", 0)), min(1000, max(0, c.QueryInt("count", 100)))
	tags, mutes := a.Catalog.HostTags(), a.hostMutes()
	matching := []host{}
	for i, h := range a.Catalog.Hosts() {
		if h.LastSeen >= since && hostMatches(filter, h, tags.Of(h.Name)) {
			one := a.hostOf(int64(i+1), h)
			one.MuteTimeout, one.IsMuted = mutes[h.Name]
			matching = append(matching, one)
		}
	}
	metrics, err := a.hostMetrics(c.UserContext())
	if err != nil {
		return err
	}
	for i := range matching {
		matching[i].Metrics = metrics[matching[i].Name]
	}
	var order func(x, y host) int
	switch c.Query("sort_field") {
	case "status":
		order = func(x, y host) int { return cmp.Compare(upRank(x), upRank(y)) }
	case "apps":
		order = func(x, y host) int { return slices.Compare(x.Apps, y.Apps) }
	case "cpu":
		order = func(x, y host) int { return cmp.Compare(x.Metrics.CPU, y.Metrics.CPU) }
	case "iowait":
		order = func(x, y host) int { return cmp.Compare(x.Metrics.IOWait, y.Metrics.IOWait) }
	case "load":
		order = func(x, y host) int { return cmp.Compare(x.Metrics.Load, y.Metrics.Load) }
	}
	if order != nil {
		slices.SortStableFunc(matching, order)
	}
	if c.Query("sort_dir") == "desc" {
		slices.Reverse(matching)
	}
	total := len(matching)
	page := matching[min(start, total):min(start+count, total)]
	return c.JSON(fiber.Map{"host_list": page, "total_matching": total, "total_returned": len(page), "exact_total_matching": true})
}

// hostMatches finds a text in the host's name, an alias or, unless it is asked
// for a host, a tag.
func hostMatches(filter string, h catalog.Host, tags []string) bool {
	name, byName := strings.CutPrefix(filter, "host:")
	named := func(s string) bool { return strings.Contains(strings.ToLower(s), name) }
	if named(h.Name) || slices.ContainsFunc(h.Aliases, named) {
		return true
	}
	return !byName && slices.ContainsFunc(tags, func(tag string) bool { return strings.Contains(tag, filter) })
}

func upRank(h host) int {
	if h.Up {
		return 0
	}
	return 1
}

func (a *API) hostOf(id int64, h catalog.Host) host {
	return host{
		ID: id, Name: h.Name, HostName: h.Name,
		Aliases: append([]string{h.Name}, h.Aliases...), Apps: orEmpty(h.Apps), Sources: []string{"agent"},
		LastReported: h.LastSeen / 1000,
		TagsBySource: tagsBySource(h),
		Up:           h.Up(a.Now().UnixMilli()),
		Meta: hostMeta{
			AgentVersion: h.AgentVersion, CPUCores: h.Cores, Machine: h.Machine,
			Platform: cmp.Or(h.Platform, h.OS), Processor: h.Processor, SocketHostname: h.Name,
		},
	}
}

// hostMetrics reads the latest figures of all hosts.
func (a *API) hostMetrics(ctx context.Context) (map[string]hostMetrics, error) {
	filter := store.Filter{Op: store.Or}
	for _, name := range []string{"system.cpu.idle", "system.cpu.iowait", "system.load.15"} {
		filter.Args = append(filter.Args, store.Filter{Op: store.MatchName, Value: name})
	}
	now := a.Now().UnixMilli()
	set, err := a.DB.Select(ctx, store.Selector{Filter: filter, From: now - catalog.UpFor, To: now})
	if err != nil {
		return nil, err
	}
	defer set.Close()
	out := map[string]hostMetrics{}
	var columns store.Columns
	for i, s := range set.Series {
		columns.Reset()
		if err := set.Read(i, &columns); err != nil {
			return nil, err
		}
		n := len(columns.Values)
		if n == 0 {
			continue
		}
		for _, name := range s.Tags.Values("host") {
			m := out[name]
			switch last := columns.Values[n-1]; s.Name {
			case "system.cpu.idle":
				m.CPU = 100 - last
			case "system.cpu.iowait":
				m.IOWait = last
			default:
				m.Load = last
			}
			out[name] = m
		}
	}
	return out, nil
}

// hostMutes are the hosts that a running downtime mutes as a whole, with its
// end (s); nil for one without end.
func (a *API) hostMutes() map[string]*int64 {
	mutes := map[string]*int64{}
	for _, raw := range a.Alerting.Downtimes(true) {
		var d struct {
			Scope     []string `json:"scope"`
			End       *int64   `json:"end"`
			MonitorID *int64   `json:"monitor_id"`
		}
		if json.Unmarshal(raw, &d) != nil || d.MonitorID != nil || len(d.Scope) != 1 {
			continue
		}
		if name, ok := strings.CutPrefix(d.Scope[0], "host:"); ok {
			mutes[name] = d.End
		}
	}
	return mutes
}

// muteHost makes a downtime whose scope is the host.
func (a *API) muteHost(c *fiber.Ctx) error {
	h, err := a.knownHost(c)
	if err != nil {
		return err
	}
	var asked struct {
		Message  string `json:"message"`
		End      *int64 `json:"end"` // s; null: without end
		Override bool   `json:"override"`
	}
	if body := c.Body(); len(body) > 0 {
		if err := json.Unmarshal(body, &asked); err != nil {
			return badJSON(err)
		}
	}
	if asked.End != nil && *asked.End*1000 <= a.Now().UnixMilli() {
		return badRequest("end: %d is in the past; want a unix time in seconds", *asked.End)
	}
	scope := []string{"host:" + h.Name}
	if _, muted := a.hostMutes()[h.Name]; muted {
		if !asked.Override {
			return badRequest("host %s is muted already: set override to true to replace that", h.Name)
		}
		if _, err := a.Alerting.CancelByScope(c.UserContext(), scope); err != nil {
			return err
		}
	}
	doc, err := json.Marshal(map[string]any{"scope": scope, "end": asked.End, "message": asked.Message})
	if err != nil {
		return err
	}
	if _, err := a.Alerting.CreateDowntime(c.UserContext(), doc); err != nil {
		return err
	}
	answer := fiber.Map{"action": "Muted", "hostname": h.Name, "message": asked.Message}
	if asked.End != nil {
		answer["end"] = *asked.End
	}
	return c.JSON(answer)
}

func (a *API) unmuteHost(c *fiber.Ctx) error {
	h, err := a.knownHost(c)
	if err != nil {
		return err
	}
	ended, err := a.Alerting.CancelByScope(c.UserContext(), []string{"host:" + h.Name})
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		return badRequest("host %s is not muted", h.Name)
	}
	return c.JSON(fiber.Map{"action": "Unmuted", "hostname": h.Name})
}

func (a *API) hostTotals(c *fiber.Ctx) error {
	since, err := a.since(c, countedFor)
	if err != nil {
		return err
	}
	active, up := 0, 0
	for _, h := range a.Catalog.Hosts() {
		if h.LastSeen >= since {
			active++
		}
		if h.Up(a.Now().UnixMilli()) {
			up++
		}
	}
	return c.JSON(fiber.Map{"total_active": active, "total_up": up})
}

// orEmpty makes an absent list [] in JSON, as clients expect.
func orEmpty[S ~[]E, E any](s S) []E {
	if s == nil {
		return []E{}
	}
	return s
}
