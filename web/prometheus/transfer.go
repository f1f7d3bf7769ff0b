package prometheus

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/s2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/query/metricsql"
	"github.com/whippet-obs/whippet/store"
)

// maxRemoteRead bounds a request of remote read, unpacked.
const maxRemoteRead = 1 << 20

// remoteRead answers Prometheus' remote read with samples:
//
//	ReadRequest  queries=1
//	Query        start_timestamp_ms=1 end_timestamp_ms=2 matchers=3
//	LabelMatcher type=1 (0 =, 1 !=, 2 =~, 3 !~) name=2 value=3
//	ReadResponse results=1;  QueryResult timeseries=1;  TimeSeries labels=1 samples=2
func (a *API) remoteRead(c *fiber.Ctx) error {
	if n, err := s2.DecodedLen(c.Body()); err != nil || n > maxRemoteRead {
		return badRequest("the body is not a snappy block of at most %d bytes", maxRemoteRead)
	}
	body, err := s2.Decode(nil, c.Body())
	if err != nil {
		return badRequest("the body is not a snappy block: %v", err)
	}
	run, err := a.Engine.Begin(c.UserContext(), "remote read")
	if err != nil {
		return err
	}
	defer func() { run.End(err) }()
	var response []byte
	err = fields(body, func(number protowire.Number, value []byte, _ uint64) error {
		if number != 1 {
			return nil
		}
		result, err := readOne(run, value)
		if err != nil {
			return err
		}
		response = protowire.AppendBytes(protowire.AppendTag(response, 1, protowire.BytesType), result)
		return nil
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/x-protobuf")
	c.Set(fiber.HeaderContentEncoding, "snappy")
	return c.Send(s2.EncodeSnappy(nil, response))
}

// fields calls fn for every field of a message, with its bytes or its number.
func fields(message []byte, fn func(number protowire.Number, value []byte, v uint64) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return badRequest("the body is not a ReadRequest: %v", protowire.ParseError(n))
		}
		message = message[n:]
		var value []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return badRequest("the body is not a ReadRequest: %v", protowire.ParseError(n))
		}
		message = message[n:]
		if err := fn(number, value, v); err != nil {
			return err
		}
	}
	return nil
}

// readOne answers one Query with a QueryResult.
func readOne(run *query.Run, message []byte) ([]byte, error) {
	var from, to int64
	var matchers []string
	err := fields(message, func(number protowire.Number, value []byte, v uint64) error {
		switch number {
		case 1:
			from = int64(v)
		case 2:
			to = int64(v)
		case 3:
			op, name, text := uint64(0), "", ""
			err := fields(value, func(number protowire.Number, value []byte, v uint64) error {
				switch number {
				case 1:
					op = v
				case 2:
					name = string(value)
				case 3:
					text = string(value)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if op > 3 {
				return badRequest("there is no type %d of matchers", op)
			}
			matchers = append(matchers, strconv.Quote(name)+[]string{"=", "!=", "=~", "!~"}[op]+strconv.Quote(text))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if to < from || from < -maxTime || to > maxTime {
		return nil, badRequest("a query's start must not be after its end")
	}
	filters, err := metricsql.Selector("{" + strings.Join(matchers, ",") + "}")
	if err != nil {
		return nil, err
	}
	selection, err := run.Select(store.Filter{Op: store.Or, Args: filters}, from, to)
	if err != nil {
		return nil, err
	}
	defer selection.Close()
	rows := make([][]byte, len(selection.Series))
	err = selection.Each(nil, func(_, i int, c *store.Columns) error {
		if selection.Series[i].Kind == store.Distribution || len(c.Times) == 0 {
			return nil
		}
		var row []byte
		for _, l := range metricsql.Labels(selection.Series[i]) {
			pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), l.Name)
			pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), l.Value)
			row = protowire.AppendBytes(protowire.AppendTag(row, 1, protowire.BytesType), pair)
		}
		var sample [20]byte
		for j, at := range c.Times {
			b := protowire.AppendFixed64(protowire.AppendTag(sample[:0], 1, protowire.Fixed64Type), math.Float64bits(c.Values[j]))
			b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(at))
			row = protowire.AppendBytes(protowire.AppendTag(row, 2, protowire.BytesType), b)
		}
		rows[i] = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), row)
		return run.Hold(int64(len(rows[i])/8 + 1))
	})
	return slices.Concat(rows...), err
}

// federate writes the newest values of the series that match[] names, as a
// /metrics page.
func (a *API) federate(c *fiber.Ctx) error {
	matches := parameters(c, "match[]")
	if len(matches) == 0 {
		return badRequest("match[]: at least one is required, such as {job=\"api\"}")
	}
	at := a.Now().UnixMilli()
	var b bytes.Buffer
	seen := map[string]bool{}
	last := ""
	for _, match := range matches {
		if _, err := metricsql.Selector(match); err != nil {
			return err
		}
		// A marker of a series' end hides it, as it does there.
		result, err := metricsql.Instant(c.UserContext(), a.Engine, match, at, metricsql.Options{})
		if err != nil {
			return err
		}
		for _, row := range result.Frame.Rows {
			text := exposed(row)
			if seen[text] {
				continue
			}
			seen[text] = true
			if row.Metric != last {
				kind := "untyped"
				if m, ok := a.DB.Catalog().Metric(row.Metric); ok {
					kind = map[string]string{"cumulative": "counter", "gauge": "gauge", "rate": "gauge", "count": "gauge"}[m.Type]
				}
				if kind == "" {
					kind = "untyped"
				}
				b.WriteString("# TYPE " + exposedName(row.Metric) + " " + kind + "\n")
				last = row.Metric
			}
			b.WriteString(text)
			b.WriteByte(' ')
			b.WriteString(strconv.FormatFloat(row.Values[0], 'g', -1, 64))
			b.WriteByte(' ')
			b.WriteString(strconv.FormatInt(at, 10))
			b.WriteByte('\n')
		}
	}
	c.Set(fiber.HeaderContentType, "text/plain; version=0.0.4; charset=utf-8")
	return c.Send(b.Bytes())
}

// exposed is a series as the text format writes it, whose names have no dots.
func exposed(row query.Row) string {
	var b strings.Builder
	b.WriteString(exposedName(row.Metric))
	for i, tag := range row.Tags {
		b.WriteByte("{,"[min(i, 1)])
		key, value := store.SplitTag(tag)
		b.WriteString(exposedName(key) + "=\"")
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value))
		b.WriteByte('"')
	}
	if len(row.Tags) > 0 {
		b.WriteByte('}')
	}
	return b.String()
}

func exposedName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == ':' {
			return r
		}
		return '_'
	}, name)
}
