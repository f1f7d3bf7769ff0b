package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
)

// seriesJSON is a series of /api/v1/series or, with points and resources as
// objects, of /api/v2/series in JSON.
type seriesJSON struct {
	Metric    string         `json:"metric"`
	Points    []pointJSON    `json:"points"`
	Tags      []string       `json:"tags"`
	Host      string         `json:"host"`
	Device    string         `json:"device"`
	Type      typeJSON       `json:"type"`
	Interval  number         `json:"interval"`
	Source    string         `json:"source_type_name"`
	Unit      string         `json:"unit"`
	Resources []resourceJSON `json:"resources"`
}

type resourceJSON struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

// number is a JSON number, or a string that holds one, or null.
type number struct {
	value float64
	set   bool
}

func (n *number) UnmarshalJSON(raw []byte) (err error) {
	if string(raw) == "null" {
		return nil
	}
	text := string(bytes.Trim(raw, `"`))
	if n.value, err = strconv.ParseFloat(text, 64); err != nil {
		return errors.New("want a number, got " + excerpt(raw))
	}
	n.set = true
	return nil
}

func excerpt(raw []byte) string { return string(raw[:min(len(raw), 40)]) }

// pointJSON is [time, value] or {"timestamp": time, "value": value}; a null
// point, time or value leaves it unset.
type pointJSON struct {
	time, value number
}

func (p *pointJSON) UnmarshalJSON(raw []byte) error {
	if raw[0] == '[' {
		var pair []number
		if err := json.Unmarshal(raw, &pair); err != nil {
			return err
		}
		if len(pair) > 2 {
			return errors.New("want a point [time, value], got " + excerpt(raw))
		}
		if len(pair) == 2 {
			p.time, p.value = pair[0], pair[1]
		}
		return nil
	}
	var object struct {
		Timestamp number `json:"timestamp"`
		Value     number `json:"value"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	p.time, p.value = object.Timestamp, object.Value
	return nil
}

// typeJSON is v1's word for a kind, or v2's number.
type typeJSON store.Kind

func (t *typeJSON) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case `"count"`, `"counter"`, "1":
		*t = typeJSON(store.Count)
	case `"rate"`, "2":
		*t = typeJSON(store.Rate)
	default:
		*t = typeJSON(store.Gauge)
	}
	return nil
}

// seriesV1 keeps a list of series in JSON; the forms of v1 and v2 differ in
// nothing that could be mistaken for one another.
func (in *Intake) seriesV1(ctx context.Context, r request) (int, error) {
	b := in.begin()
	defer b.release()
	if !b.scanV1(r.plain) {
		b.Samples = b.Samples[:0]
		if err := b.parseV1(r.plain); err != nil {
			return 0, err
		}
	}
	return b.keep(ctx)
}

// parseV1 understands every form there is, and says what is wrong with others.
func (b *batch) parseV1(body []byte) error {
	list, err := listOf[seriesJSON](body, "series")
	if err != nil {
		return err
	}
	for _, s := range list {
		series, err := b.in.intern(s.described())
		if err != nil {
			return err
		}
		first := len(b.Samples)
		for _, p := range s.Points {
			if p.time.set && p.value.set {
				b.sample(0, milliseconds(p.time.value), p.value.value)
			}
		}
		b.assign(first, series)
	}
	return nil
}

func (s *seriesJSON) described() described {
	d := described{
		name: s.Metric, host: s.Host, device: s.Device, tags: s.Tags, kind: store.Kind(s.Type),
		interval: int64(s.Interval.value), unit: s.Unit, source: s.Source,
	}
	for _, r := range s.Resources {
		d.addResource(r.Type, r.Name)
	}
	return d
}

// listOf reads {"key": [items]}, {"key": item}, or the bare list.
func listOf[T any](body []byte, key string) ([]T, error) {
	var list []T
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) > 0 && trimmed[0] == '[' {
		err := decodeJSON(body, &list)
		return list, err
	}
	var object map[string]json.RawMessage
	if err := decodeJSON(body, &object); err != nil {
		return nil, err
	}
	raw := bytes.TrimSpace(object[key])
	if len(raw) == 0 {
		return nil, payload.Malformed(0, "want an object with %q", key)
	}
	if raw[0] == '{' {
		list = make([]T, 1)
		err := decodeJSON(raw, &list[0])
		return list, err
	}
	err := decodeJSON(raw, &list)
	return list, err
}

// emptyValue is what an agent writes for a point whose value is infinite. It
// makes the whole payload invalid JSON.
var emptyValue = regexp.MustCompile(`(\[\s*\d+(?:\.\d+)?\s*,)\s*\]`)

// decodeJSON is json.Unmarshal with errors that say where. A body that is
// invalid only for its empty numbers is repaired: they become null.
func decodeJSON(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && emptyValue.Match(body) {
		if again := json.Unmarshal(emptyValue.ReplaceAll(body, []byte("${1}null]")), into); again == nil {
			return nil
		}
	}
	var shape *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return payload.Malformed(int(syntax.Offset), "JSON: %v", syntax)
	case errors.As(err, &shape):
		return payload.Malformed(int(shape.Offset), "JSON: %s: want %s, got %s", shape.Field, shape.Type, shape.Value)
	default:
		return payload.Malformed(-1, "JSON: %v", err)
	}
}
