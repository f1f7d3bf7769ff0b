package prometheus

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/store"
)

// Monitors, as Prometheus shows its rules: each is a rule of one group, and each
// of its groups that is not well is an alert.

// rule is an alerting rule of /api/v1/rules.
type rule struct {
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Duration       float64           `json:"duration"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations"`
	Alerts         []alert           `json:"alerts"`
	Health         string            `json:"health"`
	Type           string            `json:"type"`
	State          string            `json:"state"`
	LastEvaluation string            `json:"lastEvaluation"`
	EvaluationTime float64           `json:"evaluationTime"`
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       string            `json:"state"`
	ActiveAt    string            `json:"activeAt"`
	Value       string            `json:"value"`
}

// allRules describes every monitor.
func (a *API) allRules() ([]rule, error) {
	list := []rule{}
	for _, raw := range a.Alerting.Monitors(alerting.ListOptions{}) {
		var m struct {
			ID      int64    `json:"id"`
			Name    string   `json:"name"`
			Query   string   `json:"query"`
			Message string   `json:"message"`
			Type    string   `json:"type"`
			Tags    []string `json:"tags"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, err
		}
		groups, err := a.Alerting.MonitorGroups(m.ID)
		if err != nil {
			continue // deleted meanwhile
		}
		r := rule{
			Name: m.Name, Query: m.Query, Labels: labelsOf(m.Tags), Annotations: map[string]string{"message": m.Message}, Alerts: []alert{},
			Health: "ok", Type: "alerting", State: "inactive", LastEvaluation: a.Now().UTC().Format(time.RFC3339Nano),
		}
		r.Labels["monitor_id"] = strconv.FormatInt(m.ID, 10)
		for _, g := range groups {
			status := string(g.Status)
			if status != "Alert" && status != "Warn" {
				continue
			}
			labels := labelsOf(append(append([]string{}, m.Tags...), g.Tags...))
			labels["alertname"], labels["severity"] = m.Name, strings.ToLower(status)
			value, err := json.Marshal(g.Value)
			if err != nil {
				return nil, err
			}
			r.Alerts = append(r.Alerts, alert{labels, r.Annotations, "firing", time.UnixMilli(g.Since).UTC().Format(time.RFC3339Nano), strings.Trim(string(value), `"`)})
			r.State = "firing"
		}
		list = append(list, r)
	}
	return list, nil
}

func labelsOf(tags []string) map[string]string {
	labels := map[string]string{}
	for _, tag := range tags {
		key, value := store.SplitTag(tag)
		labels[key] = value
	}
	return labels
}

func (a *API) rules(c *fiber.Ctx) error {
	list, err := a.allRules()
	if err != nil {
		return err
	}
	if parameter(c, "type") == "record" {
		list = []rule{}
	}
	groups := []fiber.Map{}
	if len(list) > 0 {
		groups = append(groups, fiber.Map{
			"name": "monitors", "file": "whippet", "interval": 60, "limit": 0, "rules": list, "evaluationTime": 0,
			"lastEvaluation": a.Now().UTC().Format(time.RFC3339Nano),
		})
	}
	return success(c, fiber.Map{"groups": groups})
}

func (a *API) alerts(c *fiber.Ctx) error {
	list, err := a.allRules()
	if err != nil {
		return err
	}
	all := []alert{}
	for _, r := range list {
		all = append(all, r.Alerts...)
	}
	return success(c, fiber.Map{"alerts": all})
}
