package datadog

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// userSource is the source of tags that people set, as opposed to agents.
const userSource = "user"

type host struct {
	ID           int64               `json:"id"`
	Name         string              `json:"name"`
	HostName     string              `json:"host_name"`
	Aliases      []string            `json:"aliases"`
	Apps         []string            `json:"apps"`
	IsMuted      bool                `json:"is_muted"`
	LastReported int64               `json:"last_reported_time"` // s
	Sources      []string            `json:"sources"`
	TagsBySource map[string][]string `json:"tags_by_source"`
	Up           bool                `json:"up"`
	Meta         hostMeta            `json:"meta"`
	Metrics      struct{}            `json:"metrics"`
}

type hostMeta struct {
	AgentVersion   string `json:"agent_version"`
	CPUCores       int    `json:"cpuCores"`
	Machine        string `json:"machine"`
	Platform       string `json:"platform"`
	Processor      string `json:"processor"`
	SocketHostname string `json:"socket-hostname"`
}

func (a *API) listHosts(c *fiber.Ctx) error {
	filter := strings.ToLower(c.Query("filter"))
	start, count := max(0, c.QueryInt("start", 0)), min(1000, max(0, c.QueryInt("count", 100)))
	tags := a.Catalog.HostTags()
	matching := []host{}
	for i, h := range a.Catalog.Hosts() {
		if hostMatches(filter, h, tags.Of(h.Name)) {
			matching = append(matching, a.hostOf(int64(i+1), h))
		}
	}
	switch c.Query("sort_field") {
	case "status":
		slices.SortStableFunc(matching, func(x, y host) int { return cmp.Compare(upRank(x), upRank(y)) })
	case "apps":
		slices.SortStableFunc(matching, func(x, y host) int { return slices.Compare(x.Apps, y.Apps) })
	}
	if c.Query("sort_dir") == "desc" {
		slices.Reverse(matching)
	}
	total := len(matching)
	page := matching[min(start, total):min(start+count, total)]
	return c.JSON(fiber.Map{"host_list": page, "total_matching": total, "total_returned": len(page)})
}

func hostMatches(filter string, h catalog.Host, tags []string) bool {
	name, byName := strings.CutPrefix(filter, "host:")
	if strings.Contains(strings.ToLower(h.Name), name) {
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
		Aliases: orEmpty(h.Aliases), Apps: orEmpty(h.Apps), Sources: []string{"agent"},
		LastReported: h.LastSeen / 1000,
		TagsBySource: tagsBySource(h),
		Up:           h.Up(a.Now().UnixMilli()),
		Meta: hostMeta{
			AgentVersion: h.AgentVersion, CPUCores: h.Cores, Machine: h.Machine,
			Platform: cmp.Or(h.Platform, h.OS), Processor: h.Processor, SocketHostname: h.Name,
		},
	}
}

// tagsBySource names the sources as Datadog does: agents' tags are "Datadog".
func tagsBySource(h catalog.Host) map[string][]string {
	by := map[string][]string{}
	for source, tags := range h.Tags {
		switch source {
		case "system":
			source = "Datadog"
		case userSource:
			source = "Users"
		}
		by[source] = append(by[source], tags...)
	}
	return by
}

func (a *API) hostTotals(c *fiber.Ctx) error {
	since := a.Now().Add(-2 * time.Hour).UnixMilli()
	if from, ok, err := seconds(c, "from"); err != nil {
		return err
	} else if ok {
		since = from
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

func (a *API) allHostTags(c *fiber.Ctx) error {
	tags := map[string][]string{}
	a.Catalog.HostTags().Each(func(tag string, hosts []string) { tags[tag] = hosts })
	return c.JSON(fiber.Map{"tags": tags})
}

func (a *API) getHostTags(c *fiber.Ctx) error {
	name := utils.CopyString(c.Params("host"))
	h, ok := a.Catalog.Host(name)
	if !ok {
		return notFound("no host %q", name)
	}
	tags := a.Catalog.HostTags().Of(name)
	if source := c.Query("source"); source != "" {
		tags = h.Tags[sourceKey(source)]
	}
	return c.JSON(fiber.Map{"host": name, "tags": orEmpty(tags)})
}

func (a *API) addHostTags(c *fiber.Ctx) error {
	return a.changeHostTags(c, func(old, given []string) []string { return append(slices.Clone(old), given...) })
}

func (a *API) putHostTags(c *fiber.Ctx) error {
	return a.changeHostTags(c, func(_, given []string) []string { return given })
}

func (a *API) changeHostTags(c *fiber.Ctx, change func(old, given []string) []string) error {
	name, source := utils.CopyString(c.Params("host")), sourceKey(c.Query("source"))
	var doc struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(c.Body(), &doc); err != nil {
		return badJSON(err)
	}
	for i, tag := range doc.Tags {
		doc.Tags[i] = store.NormalizeTag(tag)
	}
	var tags store.Tags
	err := a.Catalog.UpdateHost(c.UserContext(), name, func(h *catalog.Host) {
		if h.Tags == nil {
			h.Tags = map[string][]string{}
		}
		tags = store.NewTags(change(h.Tags[source], doc.Tags))
		h.Tags[source] = tags
	})
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(fiber.Map{"host": name, "tags": orEmpty(tags)})
}

func (a *API) deleteHostTags(c *fiber.Ctx) error {
	name, source := utils.CopyString(c.Params("host")), sourceKey(c.Query("source"))
	if _, ok := a.Catalog.Host(name); !ok {
		return notFound("no host %q", name)
	}
	err := a.Catalog.UpdateHost(c.UserContext(), name, func(h *catalog.Host) {
		h.Tags = maps.Clone(h.Tags)
		delete(h.Tags, source)
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// sourceKey is the catalog's name of a source given in Datadog's terms.
func sourceKey(source string) string {
	switch strings.ToLower(source) {
	case "", "users", userSource:
		return userSource
	case "datadog":
		return "system"
	default:
		return utils.CopyString(source)
	}
}

// orEmpty makes an absent list [] in JSON, as clients expect.
func orEmpty[S ~[]E, E any](s S) []E {
	if s == nil {
		return []E{}
	}
	return s
}
