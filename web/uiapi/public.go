package uiapi

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/boards"
)

// RegisterPublic adds the routes by which the readers of a link see a dashboard,
// to r, which stands at /api/public. They have no login; the link's token is all
// that they show, and it opens nothing but the dashboard and its own questions.
func (a *API) RegisterPublic(r fiber.Router) {
	places := make(chan struct{}, sharedAtOnce)
	inTurn := func(answer fiber.Handler) fiber.Handler {
		return func(c *fiber.Ctx) error {
			select {
			case places <- struct{}{}:
			case <-time.After(sharedPatience):
				return fiber.NewError(fiber.StatusServiceUnavailable, "too many people look at shared dashboards: try again in a moment")
			}
			defer func() { <-places }()
			return answer(c)
		}
	}
	r.Get("/:token", a.sharedBoard)
	r.Get("/:token/query", inTurn(a.sharedQuery))
	r.Get("/:token/spread", inTurn(a.sharedSpread))
	r.Post("/:token/scalar", inTurn(a.sharedScalar))
	r.Post("/:token/markdown", a.sharedText)
}

// People without a login must not keep those with one from their answers: few of
// their questions are answered at once, and the rest wait a while.
const (
	sharedAtOnce   = 4
	sharedPatience = 10 * time.Second
)

// mostSharedPoints is how many points a reader of a link gets for a line.
const mostSharedPoints = 500

func (a *API) public(c *fiber.Ctx) (p *boards.Public, err error) {
	token := strings.Clone(c.Params("token"))
	err = a.Catalog.View(func(tx *catalog.Tx) error {
		p, err = boards.Open(tx, token, a.Now())
		return err
	})
	return p, err
}

func (a *API) sharedBoard(c *fiber.Ctx) error {
	p, err := a.public(c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{
		"dashboard": p.Dashboard, "live_span": p.Share.Time.LiveSpan, "free_time": p.Share.FreeTime, "variables": p.Share.Variables,
		"preferences": p.Share.Preferences, "now": a.Now().UnixMilli(),
	})
}

// chosen is what a reader's page has the template variables stand for, as its
// URL says it: tpl_var_env=prod, or tpl_var_env[0]=prod and on.
func chosen(c *fiber.Ctx) map[string][]string {
	values := map[string][]string{}
	for key, value := range c.Context().QueryArgs().All() {
		if name, ok := strings.CutPrefix(string(key), "tpl_var_"); ok {
			name, _, _ = strings.Cut(name, "[")
			values[name] = append(values[name], string(value))
		}
	}
	return values
}

func (a *API) sharedQuery(c *fiber.Ctx) error {
	if lang := c.Query("lang", "datadog"); lang != "datadog" {
		return &boards.InvalidError{Field: "lang", Reason: "shared dashboards ask in the Datadog language only, and do not show MetricsQL"}
	}
	text, from, to, err := a.allowed(c)
	if err != nil {
		return err
	}
	return a.answer(c, text, "datadog", from, to)
}

// allowed reads the question of a request, if the dashboard asks it.
func (a *API) allowed(c *fiber.Ctx) (text string, from, to int64, err error) {
	p, err := a.public(c)
	if err != nil {
		return "", 0, 0, err
	}
	if from, to, err = a.timeRange(c); err != nil {
		return "", 0, 0, err
	}
	if c.QueryInt("points", 0) > mostSharedPoints {
		return "", 0, 0, &boards.InvalidError{Field: "points", Reason: "at most 500"}
	}
	text = strings.Clone(c.Query("query"))
	return text, from, to, p.Allow(boards.Question{Text: text, From: from, To: to, Variables: chosen(c)}, a.Now())
}

func (a *API) sharedSpread(c *fiber.Ctx) error {
	if _, _, _, err := a.allowed(c); err != nil {
		return err
	}
	return a.spread(c)
}

// sharedText writes a note as HTML.
func (a *API) sharedText(c *fiber.Ctx) error {
	if _, err := a.public(c); err != nil {
		return err
	}
	if len(c.Body()) > 64<<10 {
		return &boards.InvalidError{Field: "text", Reason: "at most 64 KiB"}
	}
	return a.markdown(c)
}

// sharedScalar answers a question of /api/v2/query/scalar, if the dashboard asks it.
func (a *API) sharedScalar(c *fiber.Ctx) error {
	p, err := a.public(c)
	if err != nil {
		return err
	}
	var asked struct {
		Data struct {
			Attributes struct {
				From    int64 `json:"from"`
				To      int64 `json:"to"`
				Queries []struct {
					Name  string `json:"name"`
					Query string `json:"query"`
				} `json:"queries"`
				Formulas []struct {
					Formula string `json:"formula"`
				} `json:"formulas"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.Body(), &asked); err != nil {
		return fiber.NewError(fiber.StatusBadRequest, "the body has the wrong shape: "+err.Error())
	}
	at := &asked.Data.Attributes
	queries, texts := map[string]string{}, []string{}
	for _, q := range at.Queries {
		queries[q.Name] = q.Query
		texts = append(texts, q.Query)
	}
	for _, f := range at.Formulas {
		texts = append(texts, boards.FormulaText(f.Formula, queries))
	}
	if len(texts) > 50 {
		return &boards.InvalidError{Field: "queries", Reason: "at most 50 queries and formulas"}
	}
	for _, text := range texts {
		if err := p.Allow(boards.Question{Text: text, From: at.From, To: at.To, Variables: chosen(c)}, a.Now()); err != nil {
			return err
		}
	}
	return a.Scalar(c)
}
