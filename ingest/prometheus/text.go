package prometheus

import (
	"bytes"
	"context"
	"strconv"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/exemplar"
)

// Text keeps samples in the text exposition format, as /metrics pages and
// OpenMetrics have it:
//
//	# TYPE http_requests_total counter
//	http_requests_total{code="200"} 1027 1395066363000
//
// A sample without a time is of now. Exemplars stand behind a '#'. What it
// keeps is durable when it returns; errors are as those of Write, and name the
// line.
func (in *Intake) Text(ctx context.Context, contentEncoding string, body []byte) (Written, error) {
	in.counts.requests.Add(1)
	written, err := in.text(ctx, contentEncoding, body)
	if _, bad := err.(*payload.Error); bad {
		in.counts.malformed.Add(1)
	}
	return written, err
}

func (in *Intake) text(ctx context.Context, contentEncoding string, body []byte) (Written, error) {
	plain, err := in.unpacker.Unpack(contentEncoding, body)
	if err != nil {
		return Written{}, err
	}
	defer plain.Release()
	d := in.decoders.Get().(*decoder)
	defer in.decoders.Put(d)
	d.reset(plain.Bytes)
	now := in.now().UnixMilli()
	rest := plain.Bytes
	for number := 1; len(rest) > 0; number++ {
		line := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case line[0] == '#':
			d.comment(line)
		default:
			if err := d.line(line, number, now); err != nil {
				return Written{}, err
			}
		}
	}
	return d.keep(ctx)
}

// comment learns from "# TYPE name type", "# HELP name text" and "# UNIT name unit".
func (d *decoder) comment(line []byte) {
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) != 4 || string(fields[0]) != "#" {
		return
	}
	name, text := string(fields[2]), string(fields[3])
	told := d.in.families.of(name)
	switch string(fields[1]) {
	case "TYPE":
		switch text {
		case "counter":
			told.kind = typeCounter
		case "gauge":
			told.kind = typeGauge
		case "histogram":
			told.kind = typeHistogram
		case "summary":
			told.kind = typeSummary
		}
	case "HELP":
		told.help = cut(text, maxHelp)
	case "UNIT":
		told.unit = cut(text, maxUnit)
	default:
		return
	}
	d.in.learn(cut(name, maxText), told)
}

// line reads a sample: name{label="value", ...} value [time].
func (d *decoder) line(line []byte, number int, now int64) error {
	fail := func(format string, args ...any) error {
		return payload.Malformed(-1, "line "+strconv.Itoa(number)+": "+format, args...)
	}
	end := bytes.IndexAny(line, "{ \t")
	if end <= 0 {
		return fail("want name{labels} value, found %.60q", line)
	}
	d.labels = append(d.labels[:0], label{[]byte("__name__"), line[:end]})
	rest := line[end:]
	if rest[0] == '{' {
		var ok bool
		if rest, ok = d.textLabels(rest[1:]); !ok {
			return fail("want label=\"value\", found %.60q", line[end:])
		}
	}
	series := line[:len(line)-len(rest)]
	var example []byte
	if at := bytes.Index(rest, []byte(" # {")); at >= 0 { // an exemplar
		rest, example = rest[:at], rest[at+4:]
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return fail("want a value, and a time in ms if any, found %.60q", rest)
	}
	s := store.Sample{Time: now}
	var err error
	if s.Value, err = strconv.ParseFloat(string(fields[0]), 64); err != nil {
		return fail("%.60q is not a number", fields[0])
	}
	if len(fields) == 2 {
		if s.Time, err = strconv.ParseInt(string(fields[1]), 10, 64); err != nil {
			// OpenMetrics has seconds, with a fraction.
			seconds, err := strconv.ParseFloat(string(fields[1]), 64)
			if err != nil || !(seconds > -1e12 && seconds < 1e12) {
				return fail("%.60q is not a time", fields[1])
			}
			s.Time = int64(seconds * 1000)
		}
	}
	first := d.mark()
	d.batch.Samples = append(d.batch.Samples, s)
	if example != nil && !d.textExemplar(example, s.Time) {
		return fail("want an exemplar such as # {trace_id=\"4bf9\"} 0.2, found %.60q", example)
	}
	hash := payload.Join(d.in.series.Hash(series), 2) // apart from those of remote write
	return d.resolve(hash, first, 0, func() (description, error) {
		return description{labels: d.labels}, nil
	})
}

// textExemplar reads what follows the brace of an exemplar, whose time is the
// sample's unless it has one of its own, in seconds.
func (d *decoder) textExemplar(text []byte, at int64) bool {
	d.received++
	own := len(d.labels)
	rest, ok := d.textLabels(text)
	e := exemplar.Exemplar{Time: at}
	for _, l := range d.labels[own:] {
		e.Labels = append(e.Labels, exemplar.Label{Name: string(l.name), Value: string(l.value)})
	}
	d.labels = d.labels[:own]
	fields := bytes.Fields(rest)
	if !ok || len(fields) == 0 || len(fields) > 2 {
		return false
	}
	var err error
	if e.Value, err = strconv.ParseFloat(string(fields[0]), 64); err != nil {
		return false
	}
	if len(fields) == 2 {
		seconds, err := strconv.ParseFloat(string(fields[1]), 64)
		if err != nil || !(seconds > 0 && seconds < 1e12) {
			return false
		}
		e.Time = int64(seconds * 1000)
	}
	d.exemplars = append(d.exemplars, e)
	return true
}

// textLabels reads labels up to the closing brace, and gives what follows it.
func (d *decoder) textLabels(b []byte) (rest []byte, ok bool) {
	for {
		b = bytes.TrimLeft(b, " \t,")
		if len(b) > 0 && b[0] == '}' {
			return b[1:], true
		}
		equal := bytes.IndexByte(b, '=')
		if equal <= 0 || len(d.labels) > maxLabels {
			return nil, false
		}
		name := bytes.TrimSpace(b[:equal])
		b = bytes.TrimLeft(b[equal+1:], " \t")
		if len(b) == 0 || b[0] != '"' {
			return nil, false
		}
		var value []byte
		i, escaped := 1, false
		for ; i < len(b) && b[i] != '"'; i++ {
			if b[i] != '\\' || i+1 == len(b) {
				if escaped {
					value = append(value, b[i])
				}
				continue
			}
			if !escaped { // from here on the value is a copy
				value, escaped = append([]byte(nil), b[1:i]...), true
			}
			i++
			if c := b[i]; c == 'n' {
				value = append(value, '\n')
			} else {
				value = append(value, c)
			}
		}
		if i >= len(b) {
			return nil, false
		}
		if !escaped {
			value = b[1:i]
		}
		d.labels = append(d.labels, label{name, value})
		b = b[i+1:]
	}
}
