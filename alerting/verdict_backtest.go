package alerting

import (
	"context"
	"encoding/json"
	"math"

	"github.com/whippet-obs/whippet/anomaly"
	"github.com/whippet-obs/whippet/query/datadog"
)

// BacktestAnomalies says what an anomaly monitor would have done over [from,
// to] (ms) with its settings and with others: the same bands and the same rule,
// over what is stored. marks are people's words about stretches of it.
func (s *Service) BacktestAnomalies(ctx context.Context, doc json.RawMessage, from, to int64, marks []anomaly.Mark) (*datadog.Backtest, error) {
	m, err := s.understand(doc)
	if err != nil {
		return nil, err
	}
	source, ok := m.query.source.(*verdictSource)
	if !ok || !m.query.anomaly {
		return nil, &FieldError{Field: "query", Value: m.queryText, Allowed: "a query about anomalies, such as avg(last_1h):anomalies(avg:system.load.1{*}, 'basic', 3, alert_window='last_5m') >= 0.6"}
	}
	recovers := m.criticalRecovery
	if math.IsNaN(recovers) {
		recovers = math.Nextafter(m.critical, 0)
	}
	return source.monitor.Backtest(ctx, s.engine, from, min(to, s.ms()), recovers, marks)
}
