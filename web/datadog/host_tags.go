package datadog

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// userSource is the source of tags that people set, as opposed to agents.
const userSource = "user"

// sourceKey is the catalog's name of a source given in Datadog's terms; people's
// own when none is given.
func sourceKey(source string) string {
	switch strings.ToLower(source) {
	case "", "users", userSource:
		return userSource
	case "datadog", "system":
		return "system"
	default:
		return utils.CopyString(source)
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

// allHostTags answers which hosts have which tag, by all sources or by one.
func (a *API) allHostTags(c *fiber.Ctx) error {
	tags := map[string][]string{}
	if source := c.Query("source"); source != "" {
		for _, h := range a.Catalog.Hosts() {
			for _, tag := range h.Tags[sourceKey(source)] {
				tags[tag] = append(tags[tag], h.Name)
			}
		}
	} else {
		a.Catalog.HostTags().Each(func(tag string, hosts []string) { tags[tag] = hosts })
	}
	return c.JSON(fiber.Map{"tags": tags})
}

// knownHost finds the host that the path names, by its name or an alias.
func (a *API) knownHost(c *fiber.Ctx) (catalog.Host, error) {
	name := utils.CopyString(c.Params("host"))
	h, ok := a.Catalog.FindHost(name)
	if !ok {
		if h, ok = a.Catalog.FindHost(store.NormalizeHost(name)); !ok {
			return h, notFound("no host %q: it has sent nothing yet", name)
		}
	}
	return h, nil
}

func (a *API) getHostTags(c *fiber.Ctx) error {
	h, err := a.knownHost(c)
	if err != nil {
		return err
	}
	tags := a.Catalog.HostTags().Of(h.Name)
	if source := c.Query("source"); source != "" {
		tags = h.Tags[sourceKey(source)]
	}
	return c.JSON(fiber.Map{"host": h.Name, "tags": orEmpty(tags)})
}

func (a *API) addHostTags(c *fiber.Ctx) error {
	return a.changeHostTags(c, func(old, given []string) []string { return append(slices.Clone(old), given...) })
}

func (a *API) putHostTags(c *fiber.Ctx) error {
	return a.changeHostTags(c, func(_, given []string) []string { return given })
}

// maxHostTags bounds the tags that people give one host.
const maxHostTags = 1000

// changeHostTags changes the tags of one source. A host that has sent nothing
// yet may be given tags in advance.
func (a *API) changeHostTags(c *fiber.Ctx, change func(old, given []string) []string) error {
	source := sourceKey(c.Query("source"))
	name := store.NormalizeHost(utils.CopyString(c.Params("host")))
	if h, err := a.knownHost(c); err == nil {
		name = h.Name
	}
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
	tooMany := false
	err := a.Catalog.UpdateHost(c.UserContext(), name, func(h *catalog.Host) {
		if h.Tags == nil {
			h.Tags = map[string][]string{}
		}
		tags = store.NewTags(change(h.Tags[source], doc.Tags))
		if tooMany = len(tags) > maxHostTags; !tooMany {
			h.Tags[source] = tags
		}
	})
	switch {
	case err != nil:
		return err
	case tooMany:
		return badRequest("tags: %d, the limit is %d for one host", len(tags), maxHostTags)
	}
	return c.Status(fiber.StatusCreated).JSON(fiber.Map{"host": name, "tags": orEmpty(tags)})
}

func (a *API) deleteHostTags(c *fiber.Ctx) error {
	source := sourceKey(c.Query("source"))
	h, err := a.knownHost(c)
	if err != nil {
		return err
	}
	err = a.Catalog.UpdateHost(c.UserContext(), h.Name, func(h *catalog.Host) {
		h.Tags = maps.Clone(h.Tags)
		delete(h.Tags, source)
	})
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
