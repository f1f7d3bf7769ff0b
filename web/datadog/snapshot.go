package datadog

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/query/chart"
	"github.com/whippet-obs/whippet/web/boards"
	"github.com/whippet-obs/whippet/web/snapshot"
)

// snapshot draws a graph, keeps the picture and says where it is
// (https://docs.datadoghq.com/api/latest/snapshots/#take-graph-snapshots).
func (a *API) snapshot(c *fiber.Ctx) error {
	// It is asked for by GET, and keeps something.
	if site := c.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return fiber.NewError(fiber.StatusForbidden, "refused: the request was made by a page of another site")
	}
	from, to, err := timeRange(c, "start", "end")
	if err != nil {
		return err
	}
	g := snapshot.Graph{From: from, To: to, Title: utils.CopyString(c.Query("title")), Events: utils.CopyString(c.Query("event_query"))}
	if g.Width, err = pixels(c, "width", 240, 1600); err != nil {
		return err
	}
	if g.Height, err = pixels(c, "height", 120, 1200); err != nil {
		return err
	}
	metric, definition := utils.CopyString(c.Query("metric_query")), utils.CopyString(c.Query("graph_def"))
	answer := fiber.Map{}
	switch {
	case metric != "" && definition != "":
		return badRequest("metric_query and graph_def: give one of them")
	case metric != "":
		answer["metric_query"] = metric
		g.Queries = []snapshot.Query{{Text: metric}}
	case definition != "":
		answer["graph_def"] = definition
		if err := readGraph(&g, definition); err != nil {
			return err
		}
	default:
		return badRequest("metric_query or graph_def: one of them is required")
	}
	picture, _, err := a.Snapshots.Draw(c.UserContext(), g)
	if err != nil {
		return err
	}
	id, err := a.Snapshots.Keep(c.UserContext(), picture)
	if err != nil {
		return err
	}
	answer["snapshot_url"] = a.PublicURL + "/snapshot/view/" + id + ".png"
	return c.JSON(answer)
}

// readGraph takes the queries and thresholds of a graph's definition, in the
// form of dashboards' widgets or of timeboards' graphs.
func readGraph(g *snapshot.Graph, text string) error {
	var d struct {
		Viz      string           `json:"viz"`
		Type     string           `json:"type"`
		Title    string           `json:"title"`
		Requests []boards.Request `json:"requests"`
		Markers  []boards.Marker  `json:"markers"`
		Events   []struct {
			Q string `json:"q"`
		} `json:"events"`
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return badRequest("graph_def: want a JSON object with requests: %v", err)
	}
	for field, kind := range map[string]string{"viz": d.Viz, "type": d.Type} {
		if kind != "" && kind != "timeseries" {
			return badRequest("graph_def.%s: a picture is drawn of timeseries, not of %q", field, kind)
		}
	}
	for i := range d.Requests {
		questions, err := d.Requests[i].Questions()
		if err != nil {
			return badRequest("graph_def.requests[%d]: %v", i, err)
		}
		for _, q := range questions {
			g.Queries = append(g.Queries, snapshot.Query{Text: q, Style: chart.Style(cmp.Or(d.Requests[i].DisplayType, d.Requests[i].Type))})
		}
	}
	if g.Title == "" {
		g.Title = d.Title
	}
	if g.Events == "" && len(d.Events) > 0 {
		g.Events = strings.TrimPrefix(d.Events[0].Q, "tags:")
	}
	g.Thresholds = boards.Thresholds(d.Markers)
	return nil
}

func pixels(c *fiber.Ctx, name string, least, most int) (int, error) {
	text := c.Query(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, badRequest("%s: want %d to %d pixels, got %q", name, least, most, text)
	}
	return n, nil
}

// snapshotStatus says whether a picture can be fetched; here it can as soon as
// its URL is known.
func (a *API) snapshotStatus(c *fiber.Ctx) error {
	_, found, err := a.Snapshots.Picture(utils.CopyString(c.Params("id")))
	if err != nil {
		return err
	}
	if !found {
		return notFound("no snapshot %q", c.Params("id"))
	}
	return c.JSON(fiber.Map{"status_code": fiber.StatusOK})
}
