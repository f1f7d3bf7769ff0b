package uiapi

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/presets"
)

// thing is something that a person may look for by name.
type thing struct {
	Kind   string `json:"kind"` // dashboard, monitor, host, metric, service
	ID     string `json:"id"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	rank   int
}

// Bounds of an answer and of a question.
const (
	mostFound   = 40
	mostOfAKind = 10
	longestFind = 200 // bytes
)

// find looks for everything that people name, best first:
//
//	GET /find?q=web
func (a *API) find(c *fiber.Ctx) error {
	q := utils.CopyString(c.Query("q"))
	if len(q) > longestFind {
		return fiber.NewError(fiber.StatusBadRequest, "q: at most "+strconv.Itoa(longestFind)+" bytes")
	}
	words := strings.Fields(strings.ToLower(q))
	if len(words) == 0 {
		return c.JSON(fiber.Map{"found": []thing{}})
	}
	found, err := a.things(c.UserContext(), words)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"found": found})
}

func (a *API) things(ctx context.Context, words []string) ([]thing, error) {
	var found []thing
	take := func(t thing) {
		if t.rank = rank(words, t.Title, t.Detail); t.rank > 0 {
			found = append(found, t)
		}
	}
	boards, err := a.dashboardTitles()
	if err != nil {
		return nil, err
	}
	for _, t := range boards {
		take(t)
	}
	for _, doc := range a.Alerting.Monitors(alerting.ListOptions{}) {
		var m struct {
			ID    int64    `json:"id"`
			Name  string   `json:"name"`
			Tags  []string `json:"tags"`
			State string   `json:"overall_state"`
			Query string   `json:"query"`
		}
		if err := json.Unmarshal(doc, &m); err != nil {
			return nil, err
		}
		take(thing{Kind: "monitor", ID: strconv.FormatInt(m.ID, 10), Title: m.Name, Detail: strings.Join(append([]string{m.State, "·", m.Query}, m.Tags...), " ")})
	}
	tags := a.Catalog.HostTags()
	for _, h := range a.Catalog.Hosts() {
		take(thing{Kind: "host", ID: h.Name, Title: h.Name, Detail: strings.Join(slices.Concat(h.Aliases, tags.Of(h.Name)), " ")})
	}
	to := a.Now().UnixMilli()
	metrics, err := a.DB.Metrics(ctx, to-completionPast, to)
	if err != nil {
		return nil, err
	}
	builtin, err := presets.All()
	if err != nil {
		return nil, err
	}
	for _, p := range presets.With(builtin, metrics) {
		take(thing{Kind: "dashboard", ID: p.ID, Title: p.Title, Detail: p.Description})
	}
	for _, name := range metrics {
		m, _ := a.Catalog.Metric(name)
		take(thing{Kind: "metric", ID: name, Title: name, Detail: m.Description})
	}
	services, err := a.DB.TagValues(ctx, "service", store.Filter{Op: store.MatchNameRegexp, Regexp: hitsOfTraces}, to-completionPast, to)
	if err != nil {
		return nil, err
	}
	for _, name := range services {
		take(thing{Kind: "service", ID: name, Title: name})
	}
	return best(found), nil
}

var hitsOfTraces = regexp.MustCompile(`^trace\..+\.hits$`)

// dashboardTitles reads all dashboards, once for every change of them.
func (a *API) dashboardTitles() ([]thing, error) {
	a.titles.Lock()
	defer a.titles.Unlock()
	revision := a.Catalog.Revision(catalog.Dashboards)
	if a.titles.known && a.titles.revision == revision {
		return a.titles.list, nil
	}
	var list []thing
	err := a.Catalog.View(func(tx *catalog.Tx) error {
		return tx.Each(catalog.Dashboards, "", func(id string, raw json.RawMessage) error {
			var d struct {
				Title       string `json:"title"`
				Description string `json:"description"`
			}
			if err := json.Unmarshal(raw, &d); err != nil {
				return nil // not one that a page could show
			}
			list = append(list, thing{Kind: "dashboard", ID: id, Title: d.Title, Detail: d.Description})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	a.titles.known, a.titles.revision, a.titles.list = true, revision, list
	return list, nil
}

// rank tells how well a title, or else what is said beside it, answers all of
// the words; 0: not.
func rank(words []string, title, detail string) int {
	title, detail = strings.ToLower(title), strings.ToLower(detail)
	total := 0
	for _, word := range words {
		switch at := strings.Index(title, word); {
		case title == word:
			total += 100
		case at == 0:
			total += 60
		case at > 0 && !letter(title[at-1]):
			total += 40 // a word of it begins so
		case at > 0:
			total += 20
		case strings.Contains(detail, word):
			total += 5
		default:
			return 0
		}
	}
	return total
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 0x80 }

// kindOrder settles equal ranks: what people make and watch before what there
// are many of.
var kindOrder = []string{"dashboard", "monitor", "service", "host", "metric"}

// best puts the best first, the shorter of two as good, and keeps as many of a
// kind and in all as a person reads.
func best(found []thing) []thing {
	slices.SortStableFunc(found, func(x, y thing) int {
		return cmp.Or(cmp.Compare(y.rank, x.rank), cmp.Compare(slices.Index(kindOrder, x.Kind), slices.Index(kindOrder, y.Kind)), cmp.Compare(len(x.Title), len(y.Title)), cmp.Compare(x.Title, y.Title))
	})
	kept, kinds := []thing{}, map[string]int{}
	for _, t := range found {
		if kinds[t.Kind]++; kinds[t.Kind] <= mostOfAKind && len(kept) < mostFound {
			kept = append(kept, t)
		}
	}
	return kept
}
