package uiapi

import (
	"math"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

func (a *API) metrics(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	names, err := a.DB.Metrics(c.UserContext(), from, to)
	if err != nil {
		return err
	}
	metrics := make([]catalog.Metric, len(names))
	for i, name := range names {
		metrics[i] = a.metadata(name)
	}
	return c.JSON(fiber.Map{"metrics": metrics})
}

func (a *API) metadata(name string) catalog.Metric {
	m, _ := a.Catalog.Metric(name)
	m.Name = name
	return m
}

// maxValues bounds the values listed for one tag key.
const maxValues = 1000

type tagKey struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
	Total  int      `json:"total"`
}

func (a *API) metric(c *fiber.Ctx) error {
	from, to, err := a.timeRange(c)
	if err != nil {
		return err
	}
	name := utils.CopyString(c.Params("name"))
	filter := store.Filter{Op: store.MatchName, Value: name}
	set, err := a.DB.Select(c.UserContext(), store.Selector{Filter: filter, From: from, To: to})
	if err != nil {
		return err
	}
	defer set.Close()
	values := map[string]map[string]bool{}
	for _, s := range set.Series {
		for _, tag := range slices.Concat(s.Tags, s.HostTags) {
			key, value := store.SplitTag(tag)
			if values[key] == nil {
				values[key] = map[string]bool{}
			}
			values[key][value] = true
		}
	}
	tags := []tagKey{}
	hosts := []string{}
	for key, set := range values {
		list := make([]string, 0, len(set))
		for value := range set {
			list = append(list, value)
		}
		slices.Sort(list)
		if key == "host" {
			hosts = list
		}
		tags = append(tags, tagKey{Key: key, Values: list[:min(len(list), maxValues)], Total: len(list)})
	}
	slices.SortFunc(tags, func(x, y tagKey) int { return strings.Compare(x.Key, y.Key) })
	interval, err := observedInterval(set)
	if err != nil {
		return err
	}
	m := a.metadata(name)
	return c.JSON(struct {
		catalog.Metric
		Series   int      `json:"series"`
		Hosts    []string `json:"hosts"`
		Tags     []tagKey `json:"tags"`
		Observed float64  `json:"observed_interval"` // s; 0 when unknown
	}{m, len(set.Series), hosts, tags, interval})
}

// observedInterval is the median distance of neighbouring samples, in seconds,
// over the first few series.
func observedInterval(set *store.SeriesSet) (float64, error) {
	const enough = 5
	var c store.Columns
	var steps []int64
	for i := range min(enough, len(set.Series)) {
		if err := set.Read(i, &c); err != nil {
			return 0, err
		}
		for j := 1; j < len(c.Times); j++ {
			steps = append(steps, c.Times[j]-c.Times[j-1])
		}
	}
	if len(steps) == 0 {
		return 0, nil
	}
	slices.Sort(steps)
	return math.Round(float64(steps[len(steps)/2])/100) / 10, nil
}
