package uiapi

import (
	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
)

type host struct {
	catalog.Host
	AllTags []string        `json:"all_tags"`
	Up      bool            `json:"up"`
	Checks  []catalog.Check `json:"checks"`
}

func (a *API) hosts(c *fiber.Ctx) error {
	checks := map[string][]catalog.Check{}
	for _, check := range a.Catalog.Checks() {
		checks[check.Host] = append(checks[check.Host], check)
	}
	tags, now := a.Catalog.HostTags(), a.Now().UnixMilli()
	hosts := []host{}
	for _, h := range a.Catalog.Hosts() {
		hosts = append(hosts, host{
			Host: h, AllTags: append([]string{}, tags.Of(h.Name)...), Checks: append([]catalog.Check{}, checks[h.Name]...),
			Up: h.Up(now),
		})
	}
	return c.JSON(fiber.Map{"hosts": hosts})
}

// processes lists the busiest of a host, as it last told of them.
func (a *API) processes(c *fiber.Ctx) error {
	host, ok := a.Catalog.FindHost(c.Params("name"))
	if !ok {
		return fiber.NewError(fiber.StatusNotFound, "no host "+c.Params("name")+" has reported")
	}
	p := a.Catalog.Processes(host.Name)
	if p.List == nil {
		p.List = []catalog.Process{}
	}
	return c.JSON(p)
}

func (a *API) checks(c *fiber.Ctx) error {
	return c.JSON(fiber.Map{"checks": a.Catalog.Checks()})
}
