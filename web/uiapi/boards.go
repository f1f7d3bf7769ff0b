package uiapi

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/access"
	"github.com/whippet-obs/whippet/web/boards"
)

// favourites is the dashboards that the reader keeps at hand.
func (a *API) favourites(c *fiber.Ctx) error {
	var ids []string
	err := a.Catalog.View(func(tx *catalog.Tx) (err error) {
		ids, err = boards.Favourites(tx, access.CallerOf(c.UserContext()).Name)
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"ids": ids})
}

func (a *API) setFavourite(c *fiber.Ctx) error {
	id, marked := strings.Clone(c.Params("id")), c.Method() == fiber.MethodPut
	if len(id) > 100 {
		return fiber.NewError(fiber.StatusBadRequest, "id: that is none of a dashboard")
	}
	err := a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error {
		return boards.SetFavourite(tx, access.CallerOf(c.UserContext()).Name, id, marked)
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{})
}

// deleted lists the dashboards that can be brought back, newest first.
func (a *API) deleted(c *fiber.Ctx) error {
	list := []fiber.Map{}
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		trashed, err := boards.Deleted(tx, a.Now())
		for _, t := range trashed {
			var doc struct {
				Title       string  `json:"title"`
				Description *string `json:"description"`
			}
			if err := json.Unmarshal(t.Dashboard, &doc); err != nil {
				return err
			}
			list = append(list, fiber.Map{
				"id": t.ID, "title": doc.Title, "description": doc.Description, "at": t.At, "by": t.By, "until": t.At + boards.KeepDeleted.Milliseconds(),
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"dashboards": list})
}

// shares lists the links of a dashboard, newest first.
func (a *API) shares(c *fiber.Ctx) error {
	id, list := c.Params("dashboard"), []boards.Share{}
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		return boards.EachShare(tx, func(s *boards.Share) error {
			if s.DashboardID == id {
				list = append(list, *s)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b boards.Share) int { return b.Created.Compare(a.Created) })
	return c.JSON(fiber.Map{"shares": list, "url": a.About.HTTP + "/p/"})
}
