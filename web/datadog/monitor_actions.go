package datadog

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// muting is what a client says about a mute, in the body or in the query.
type muting struct {
	Scope     string `json:"scope"`
	End       int64  `json:"end"` // s; 0: without end
	AllScopes bool   `json:"all_scopes"`
}

func mutingOf(c *fiber.Ctx) (m muting, err error) {
	if body := c.Body(); len(body) > 0 {
		if err := json.Unmarshal(body, &m); err != nil {
			return m, badJSON(err)
		}
	}
	if scope := c.Query("scope"); scope != "" {
		m.Scope = utils.CopyString(scope)
	}
	if end := c.Query("end"); end != "" {
		if m.End, err = strconv.ParseInt(end, 10, 64); err != nil {
			return m, badRequest("end: want a unix time in seconds, got %q", end)
		}
	}
	m.AllScopes = m.AllScopes || c.QueryBool("all_scopes")
	return m, nil
}

func (a *API) muteMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	m, err := mutingOf(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.MuteMonitor(c.UserContext(), id, m.Scope, m.End)
	return send(c, doc, err)
}

func (a *API) unmuteMonitor(c *fiber.Ctx) error {
	id, err := id(c)
	if err != nil {
		return err
	}
	m, err := mutingOf(c)
	if err != nil {
		return err
	}
	doc, err := a.Alerting.UnmuteMonitor(c.UserContext(), id, m.Scope, m.AllScopes)
	return send(c, doc, err)
}

// muteAll is a downtime of everything, as at Datadog.
func (a *API) muteAll(c *fiber.Ctx) error {
	doc, err := a.Alerting.CreateDowntime(c.UserContext(), json.RawMessage(`{"scope": ["*"]}`))
	return send(c, doc, err)
}

func (a *API) unmuteAll(c *fiber.Ctx) error {
	if _, err := a.Alerting.CancelByScope(c.UserContext(), []string{"*"}); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// bulkResolve resolves groups by hand: {"resolve": [{"12": "host:a"}, {"13": "ALL_GROUPS"}]}.
func (a *API) bulkResolve(c *fiber.Ctx) error {
	var request struct {
		Resolve []map[string]string `json:"resolve"`
	}
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return badJSON(err)
	}
	var resolved []int64
	for _, each := range request.Resolve {
		for text, group := range each {
			id, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return badRequest("resolve: want a monitor's number, got %q", text)
			}
			if group == "ALL_GROUPS" {
				group = ""
			}
			if err := a.Alerting.ResolveMonitor(c.UserContext(), id, group); err != nil {
				return err
			}
			resolved = append(resolved, id)
		}
	}
	slices.Sort(resolved)
	return c.JSON(fiber.Map{"resolved": slices.Compact(resolved)})
}

func (a *API) cancelByScope(c *fiber.Ctx) error {
	var request struct{ Scope json.RawMessage }
	if err := json.Unmarshal(c.Body(), &request); err != nil {
		return badJSON(err)
	}
	var one string
	var scopes []string
	if json.Unmarshal(request.Scope, &one) == nil {
		scopes = list(one)
	} else if err := json.Unmarshal(request.Scope, &scopes); err != nil {
		return badRequest("scope: want a tag or a list of tags")
	}
	ids, err := a.Alerting.CancelByScope(c.UserContext(), scopes)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return notFound("no downtime has exactly this scope")
	}
	return c.JSON(fiber.Map{"cancelled_ids": ids})
}
