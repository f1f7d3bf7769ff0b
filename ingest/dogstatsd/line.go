package dogstatsd

import (
	"bytes"
	"math"

	"github.com/whippet-obs/whippet/ingest/payload"
)

// kind is what a metric line asks to be done with its values.
type kind uint8

const (
	counter kind = iota
	gauge
	histogram
	timing
	set
	distribution
	counterAt // with a time of their own: not aggregated
	gaugeAt
)

// metric is one parsed metric line. Its slices point into the packet, or are
// reused by the next parse.
type metric struct {
	name      []byte
	tags      []byte // as sent, comma-separated; empty when there are none
	container []byte // the container's own id, if the client gave it
	kind      kind
	values    []float64 // finite; empty for a set
	member    []byte    // of a set
	rate      float64   // of sampling, in (0, 1]
	at        int64     // ms since the epoch, for counterAt and gaugeAt
	odd       int       // values left out because they are infinite or no number
}

// parseMetric reads a line
//
//	name:value[:value...]|type[|@rate][|#tags][|Tseconds][|anything else]
//
// into m. Fields may come in any order, the last of a kind wins, and unknown
// ones are left for future versions of the protocol. Nothing of m means
// anything unless it returns valid.
func parseMetric(line []byte, m *metric) reason {
	bar := bytes.IndexByte(line, '|')
	if bar < 0 {
		return badForm
	}
	head, rest := line[:bar], line[bar+1:]
	colon := bytes.IndexByte(head, ':')
	if colon < 0 {
		return badForm
	}
	m.name = head[:colon]
	if !hasLetter(m.name) {
		return badName
	}
	values := head[colon+1:]

	field, rest, more := nextField(rest)
	switch {
	case len(field) == 1 && field[0] == 'c':
		m.kind = counter
	case len(field) == 1 && field[0] == 'g':
		m.kind = gauge
	case len(field) == 1 && field[0] == 'h':
		m.kind = histogram
	case len(field) == 1 && field[0] == 'd':
		m.kind = distribution
	case len(field) == 1 && field[0] == 's':
		m.kind = set
	case len(field) == 2 && field[0] == 'm' && field[1] == 's':
		m.kind = timing
	default:
		return badType
	}

	m.tags, m.container, m.rate, m.at = nil, nil, 1, 0
	for more {
		field, rest, more = nextField(rest)
		if len(field) == 0 {
			continue
		}
		switch field[0] {
		case '#':
			m.tags = field[1:]
		case '@':
			rate, ok := payload.ParseNumber(field[1:])
			if !ok {
				return badRate
			}
			if !(rate > 0 && rate <= 1) {
				rate = 1
			}
			m.rate = rate
		case 'c':
			if list, ok := bytes.CutPrefix(field, []byte("c:")); ok {
				m.container = containerOf(list)
			}
		case 'T':
			seconds, ok := parseSeconds(field[1:])
			if !ok {
				return badTime
			}
			m.at = seconds * 1000
		}
	}
	if m.at != 0 {
		switch m.kind {
		case counter:
			m.kind = counterAt
		case gauge:
			m.kind = gaugeAt
		default:
			return badTimedType
		}
	}
	return m.parseValues(values)
}

// containerOf reads where the client says that it runs: a list of "ci-" and a
// container, or "in-" and a file number; or, as older clients have it, the
// container alone. Those that name a container count.
func containerOf(list []byte) []byte {
	for len(list) > 0 {
		id := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			id, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		if name, ok := bytes.CutPrefix(id, []byte("ci-")); ok {
			return name
		}
		if name, ok := bytes.CutPrefix(id, []byte("cid-")); ok {
			return name
		}
		if len(id) == 64 {
			return id
		}
	}
	return nil
}

// parseValues reads the part between the name and the type. A set's member may
// hold colons; any other type may pack several values.
func (m *metric) parseValues(b []byte) reason {
	m.values, m.member, m.odd = m.values[:0], nil, 0
	if m.kind == set {
		if len(b) == 0 {
			return badNumber
		}
		m.member = b
		return valid
	}
	for more := true; more; {
		var value []byte
		if i := bytes.IndexByte(b, ':'); i >= 0 {
			value, b = b[:i], b[i+1:]
		} else {
			value, more = b, false
		}
		if len(value) == 0 {
			continue
		}
		v, ok := payload.ParseNumber(value)
		switch {
		case !ok:
			return badNumber
		case v-v != 0: // NaN, or an infinity
			m.odd++
		default:
			m.values = append(m.values, v)
		}
	}
	switch {
	case len(m.values) > 0:
		return valid
	case m.odd > 0:
		return badFinite
	default:
		return badNumber
	}
}

// nextField cuts the first of the |-separated fields off b.
func nextField(b []byte) (field, rest []byte, more bool) {
	if i := bytes.IndexByte(b, '|'); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}

// hasLetter reports whether anything of a name would be left once normalized.
func hasLetter(name []byte) bool {
	for _, c := range name {
		if c|0x20 >= 'a' && c|0x20 <= 'z' {
			return true
		}
	}
	return false
}

// maxSeconds is the last second of the year 9999.
const maxSeconds = 253402300799

// parseSeconds reads a unix time, at least 1.
func parseSeconds(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 12 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n > 0 && n <= maxSeconds
}

// weight is how many occurrences one sampled value stands for: 1/rate cut to a
// whole number, as the agent does for histograms and distributions.
func (m *metric) weight() int64 {
	return int64(min(1/m.rate, maxWeight))
}

// maxWeight keeps sums of weights far from overflowing.
const maxWeight = 1 << 30

// finite reports whether v is a number that can be kept.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
