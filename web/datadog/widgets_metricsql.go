package datadog

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// metricsQLSource is the data_source of a widget's query in MetricsQL, an addition
// to Datadog's form.
const metricsQLSource = "prometheus"

var (
	metricsQLWidgets     = []string{"timeseries", "query_value", "toplist"}
	metricsQLAggregators = []string{"avg", "last", "max", "min", "sum"}
	identifier           = regexp.MustCompile(`[A-Za-z_]\w*`)
)

// checkMetricsQL checks the requests at path, a list or an object by role, for what
// they ask in MetricsQL. Requests of other forms ask nothing in it.
func checkMetricsQL(path, kind string, raw json.RawMessage) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for i, request := range list {
			if err := checkMetricsQLRequest(fmt.Sprintf("%s[%d]", path, i), kind, request); err != nil {
				return err
			}
		}
		return nil
	}
	var byRole map[string]json.RawMessage
	if json.Unmarshal(raw, &byRole) != nil {
		return nil
	}
	roles := make([]string, 0, len(byRole))
	for role := range byRole {
		roles = append(roles, role)
	}
	slices.Sort(roles) // so that of several faults always the same one is named
	for _, role := range roles {
		if err := checkMetricsQLRequest(path+"."+role, kind, byRole[role]); err != nil {
			return err
		}
	}
	return nil
}

func checkMetricsQLRequest(path, kind string, raw json.RawMessage) error {
	var request object
	if json.Unmarshal(raw, &request) != nil {
		return nil
	}
	asks := func(at string, query object) (bool, error) {
		source, err := query.text("data_source")
		if err != nil || source != metricsQLSource {
			return false, nil
		}
		if !slices.Contains(metricsQLWidgets, kind) {
			return true, badRequest("%s.data_source: a widget of type %s asks in the Datadog language only; %q (MetricsQL) is for %s", at, kind, metricsQLSource, strings.Join(metricsQLWidgets, ", "))
		}
		return true, nil
	}
	var single object // of request_type: histogram
	if json.Unmarshal(request["query"], &single) == nil {
		if _, err := asks(path+".query", single); err != nil {
			return err
		}
	}
	var queries []object
	if json.Unmarshal(request["queries"], &queries) != nil {
		return nil
	}
	var names []string
	for i, query := range queries {
		at := fmt.Sprintf("%s.queries[%d]", path, i)
		ours, err := asks(at, query)
		if err != nil {
			return err
		}
		if !ours {
			continue
		}
		if err := checkMetricsQLQuery(at, query); err != nil {
			return err
		}
		name, _ := query.text("name")
		names = append(names, name)
	}
	switch q, _ := request.text("q"); {
	case len(names) == 0:
		return nil
	case len(names) < len(queries):
		return badRequest("%s.queries: a request asks in one language, so either all or none have data_source %q", path, metricsQLSource)
	case q != "":
		return badRequest("%s.q: want either q or queries in MetricsQL, got both", path)
	}
	return checkMetricsQLFormulas(path+".formulas", request["formulas"], names)
}

func checkMetricsQLQuery(path string, query object) error {
	if text, err := textAt(path, query, "query"); err != nil {
		return err
	} else if strings.TrimSpace(text) == "" {
		return badRequest("%s.query: want a query in MetricsQL such as rate(http_requests_total[5m])", path)
	}
	if name, err := textAt(path, query, "name"); err != nil {
		return err
	} else if identifier.FindString(name) != name || name == "" {
		return badRequest("%s.name: want letters, digits and _, such as a, got %q", path, name)
	}
	return checkChoices(path, query, map[string][]string{"aggregator": metricsQLAggregators})
}

// checkMetricsQLFormulas refuses arithmetic over MetricsQL: it belongs into the
// query itself.
func checkMetricsQLFormulas(path string, raw json.RawMessage, names []string) error {
	return eachAt(path, raw, func(at string, f object) error {
		text, err := textAt(at, f, "formula")
		if err == nil && !slices.Contains(names, strings.TrimSpace(text)) {
			err = badRequest("%s.formula: over MetricsQL a formula is the name of a query, one of %s, got %q; write arithmetic in the query itself", at, strings.Join(names, ", "), text)
		}
		return err
	})
}
