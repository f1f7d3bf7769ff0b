package prometheus

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
)

// answer sends data, which is JSON, in Prometheus' envelope, with the warnings and
// the explanation of f; nil for none.
func answer(c *fiber.Ctx, data []byte, f *query.Frame) error {
	b := make([]byte, 0, len(data)+64)
	b = append(b, `{"status":"success","data":`...)
	b = append(b, data...)
	if f != nil && len(f.Warnings) > 0 {
		raw, err := json.Marshal(f.Warnings)
		if err != nil {
			return err
		}
		b = append(append(b, `,"warnings":`...), raw...)
	}
	if e := query.ExplanationOf(f); e != nil {
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b = append(append(b, `,"explain":`...), raw...)
	}
	b = append(b, '}')
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(b)
}

func appendInstant(b []byte, r *metricsql.Result, at int64) []byte {
	if r.Type == "matrix" {
		return appendRaw(b, r.Raw)
	}
	if r.Type == "string" {
		b = append(b, `{"resultType":"string","result":[`...)
		b = append(appendSeconds(b, at), ',')
		return append(appendString(b, r.Text), `]}`...)
	}
	if r.Type == "scalar" {
		b = append(b, `{"resultType":"scalar","result":`...)
		value := math.NaN()
		if len(r.Frame.Rows) > 0 && len(r.Frame.Rows[0].Values) > 0 {
			value = r.Frame.Rows[0].Values[0]
		}
		return append(appendPoint(b, at, value), '}')
	}
	b = append(b, `{"resultType":"vector","result":[`...)
	first := true
	for _, row := range r.Frame.Rows {
		if len(row.Values) == 0 || math.IsNaN(row.Values[0]) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendLabels(append(b, `{"metric":`...), row)
		b = appendPoint(append(b, `,"value":`...), at, row.Values[0])
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

func appendMatrix(b []byte, f *query.Frame) []byte {
	b = append(b, `{"resultType":"matrix","result":[`...)
	firstRow := true
	for _, row := range f.Rows {
		start := len(b)
		if !firstRow {
			b = append(b, ',')
		}
		b = appendLabels(append(b, `{"metric":`...), row)
		b = append(b, `,"values":[`...)
		any := false
		for i, v := range row.Values {
			if math.IsNaN(v) {
				continue
			}
			if any {
				b = append(b, ',')
			}
			any = true
			b = appendPoint(b, f.Grid.Start+int64(i)*f.Grid.Step, v)
		}
		if !any {
			b = b[:start]
			continue
		}
		firstRow = false
		b = append(b, `]}`...)
	}
	return append(b, `]}`...)
}

func appendRaw(b []byte, rows []metricsql.RawRow) []byte {
	b = append(b, `{"resultType":"matrix","result":[`...)
	for i, row := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendLabels(append(b, `{"metric":`...), row.Row)
		b = append(b, `,"values":[`...)
		for j, v := range row.Values {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendPoint(b, row.Times[j], v)
		}
		b = append(b, `]}`...)
	}
	return append(b, `]}`...)
}

// appendPoint writes [seconds,"value"].
func appendPoint(b []byte, ms int64, v float64) []byte {
	b = appendSeconds(append(b, '['), ms)
	b = append(b, `,"`...)
	switch {
	case math.IsInf(v, 1):
		b = append(b, "+Inf"...)
	case math.IsInf(v, -1):
		b = append(b, "-Inf"...)
	default:
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return append(b, `"]`...)
}

// appendSeconds writes ms as seconds, with a fraction where there is one.
func appendSeconds(b []byte, ms int64) []byte {
	if ms < 0 {
		return strconv.AppendFloat(b, float64(ms)/1000, 'f', -1, 64)
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if ms %= 1000; ms > 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

func appendLabels(b []byte, row query.Row) []byte {
	b = append(b, '{')
	if row.Metric != "" {
		b = append(appendString(append(b, `"__name__":`...), row.Metric), ',')
	}
	for _, tag := range row.Tags {
		key, value := store.SplitTag(tag)
		b = append(appendString(b, key), ':')
		b = append(appendString(b, value), ',')
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	if plain(s) {
		b = append(append(b, '"'), s...)
		return append(b, '"')
	}
	raw, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string does not marshal: " + err.Error())
	}
	return append(b, raw...)
}

// plain reports whether JSON writes s as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
