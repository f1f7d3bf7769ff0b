package prometheus

import (
	"slices"

	"github.com/whippet-obs/whippet/query"
)

// withBands adds to each row that was judged the lines of its band, told apart
// by a label: anomaly or forecast is "lower", "middle" or "upper", and of
// anomalies "outside", which is 1 where the value is and 0 elsewhere.
func withBands(rows []query.Row) []query.Row {
	if !slices.ContainsFunc(rows, func(r query.Row) bool { return r.Band != nil || r.Outlier }) {
		return rows
	}
	var out []query.Row
	for _, row := range rows {
		out = append(out, row)
		line := func(label string, values []float64) {
			l := row
			l.Band, l.Values, l.Tags = nil, values, append(slices.Clone(row.Tags), label)
			slices.Sort(l.Tags)
			out = append(out, l)
		}
		if b := row.Band; b != nil {
			label := "anomaly:"
			if b.Forecast {
				label = "forecast:"
			}
			line(label+"lower", b.Lower)
			line(label+"middle", b.Middle)
			line(label+"upper", b.Upper)
			if !b.Forecast {
				flags := make([]float64, len(b.Anomalous))
				for i, anomalous := range b.Anomalous {
					if anomalous {
						flags[i] = 1
					}
				}
				line(label+"outside", flags)
			}
		}
		if row.Outlier {
			last := &out[len(out)-1]
			last.Tags = append(slices.Clone(row.Tags), "outlier:true")
			slices.Sort(last.Tags)
		}
	}
	return out
}
