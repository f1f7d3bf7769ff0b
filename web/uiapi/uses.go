package uiapi

import (
	"encoding/json"
	"regexp"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/store/catalog"
)

// uses lists the dashboards and monitors whose queries name a metric.
func (a *API) uses(c *fiber.Ctx) error {
	named := mentions(utils.CopyString(c.Params("name")))
	found := []thing{}
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Dashboards, "", func(id string, raw json.RawMessage) error {
			if !named.Match(raw) {
				return nil
			}
			var d struct{ Title string }
			if err := json.Unmarshal(raw, &d); err != nil {
				return nil // not one that a page could show
			}
			found = append(found, thing{Kind: "dashboard", ID: id, Title: d.Title})
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, doc := range a.Alerting.Monitors(alerting.ListOptions{}) {
		var m struct {
			ID          int64
			Name, Query string
		}
		if err := json.Unmarshal(doc, &m); err != nil {
			return err
		}
		if named.MatchString(m.Query) {
			found = append(found, thing{Kind: "monitor", ID: strconv.FormatInt(m.ID, 10), Title: m.Name})
		}
	}
	return c.JSON(fiber.Map{"uses": found})
}

// mentions finds a metric's name where it is not a part of a longer one.
func mentions(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\w.])` + regexp.QuoteMeta(name) + `(?:[^\w.]|\.?$|\.[^\w])`)
}
