package datadog

import (
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/boards"
)

// shownShare is a share as clients see it.
type shownShare struct {
	boards.Share
	PublicURL    string  `json:"public_url"`
	ShareList    []any   `json:"share_list"`
	LastAccessed *string `json:"last_accessed"` // not kept
}

func (a *API) shown(s boards.Share) shownShare {
	return shownShare{Share: s, PublicURL: a.PublicURL + "/p/" + s.Token, ShareList: []any{}}
}

// readShare decodes what a client may say of a share into s.
func readShare(c *fiber.Ctx, s *boards.Share) error {
	kept := *s
	var said object
	if err := json.Unmarshal(c.Body(), &said); err != nil {
		return badJSON(err)
	}
	if said["selectable_template_vars"] != nil {
		s.Variables = nil // replaced, not merged
	}
	if err := json.Unmarshal(c.Body(), s); err != nil {
		return badJSON(err)
	}
	var others struct {
		ShareList []any `json:"share_list"`
		Invitees  []any `json:"invitees"`
		Domains   []any `json:"embeddable_domains"`
	}
	if err := json.Unmarshal(c.Body(), &others); err != nil {
		return badJSON(err)
	}
	if len(others.ShareList) > 0 || len(others.Invitees) > 0 || len(others.Domains) > 0 {
		return badRequest("share_list, invitees, embeddable_domains: a dashboard is shared by a link that anybody can open, not with a list")
	}
	s.Token, s.Author, s.Created = kept.Token, kept.Author, kept.Created
	return nil
}

func (a *API) shareDashboard(c *fiber.Ctx) error {
	by := authorOf(c.UserContext())
	s := boards.Share{Token: boards.NewToken(), Author: boards.Author{Handle: by, Name: by}, Created: a.Now().UTC()}
	if err := readShare(c, &s); err != nil {
		return err
	}
	if err := a.keepShare(c, &s); err != nil {
		return err
	}
	return c.JSON(a.shown(s))
}

func (a *API) keepShare(c *fiber.Ctx, s *boards.Share) error {
	if err := s.Check(a.Now()); err != nil {
		return err
	}
	return a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error {
		var doc object
		if found, err := tx.Get(catalog.Dashboards, s.DashboardID, &doc); err != nil {
			return err
		} else if !found {
			return notFound("no dashboard %q", s.DashboardID)
		}
		s.Type = boardType(doc)
		if s.Title == "" {
			s.Title = unquoted(doc["title"])
		}
		return s.Put(tx)
	})
}

// share finds the share of the route's token.
func (a *API) share(c *fiber.Ctx) (s boards.Share, err error) {
	token, found := strings.Clone(c.Params("token")), false
	err = a.Catalog.View(func(tx *catalog.Tx) error {
		s, found, err = boards.ShareOf(tx, token)
		return err
	})
	if err == nil && !found {
		err = notFound("no shared dashboard %q", token)
	}
	return s, err
}

func (a *API) getShare(c *fiber.Ctx) error {
	s, err := a.share(c)
	if err != nil {
		return err
	}
	return c.JSON(a.shown(s))
}

func (a *API) putShare(c *fiber.Ctx) error {
	s, err := a.share(c)
	if err != nil {
		return err
	}
	board := s.DashboardID
	if err := readShare(c, &s); err != nil {
		return err
	}
	s.DashboardID = board
	if err := a.keepShare(c, &s); err != nil {
		return err
	}
	return c.JSON(a.shown(s))
}

func (a *API) deleteShare(c *fiber.Ctx) error {
	s, err := a.share(c)
	if err != nil {
		return err
	}
	if err := a.Catalog.Update(c.UserContext(), func(tx *catalog.Tx) error { return tx.Delete(catalog.Shares, s.Token) }); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"deleted_public_dashboard_token": s.Token})
}

func (a *API) refuseInvitations(*fiber.Ctx) error {
	return badRequest("invitations are not to be had here: a dashboard is shared by a link that anybody can open")
}
