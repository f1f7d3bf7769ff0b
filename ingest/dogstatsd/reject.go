package dogstatsd

// reason says why a line, or a value of it, was not taken.
type reason uint8

const (
	valid reason = iota
	badForm
	badName
	badType
	badNumber
	badFinite
	badRate
	badTime
	badTimedType
	badEvent
	badCheck
	truncated
	tooManyTags
	tooManyContexts
	tooMuchMemory
	reasons // how many there are
)

func (r reason) String() string {
	switch r {
	case badForm:
		return "not name:value|type"
	case badName:
		return "name without a letter"
	case badType:
		return "unknown type"
	case badNumber:
		return "not a number"
	case badFinite:
		return "infinite or not-a-number value"
	case badRate:
		return "bad sample rate"
	case badTime:
		return "bad timestamp"
	case badTimedType:
		return "timestamp on a type that has to be aggregated"
	case badEvent:
		return "malformed event"
	case badCheck:
		return "malformed service check"
	case truncated:
		return "datagram longer than 65535 bytes"
	case tooManyTags:
		return "more than 512 tags"
	case tooManyContexts:
		return "too many distinct names and tags"
	case tooMuchMemory:
		return "too many values within one bucket"
	default:
		return "valid"
	}
}

// rejections counts what was refused, by reason, with the latest examples.
type rejections struct {
	total    uint64
	counts   [reasons]uint64
	examples [reasons][exampleCount][]byte // a ring
}

const (
	exampleCount = 3
	exampleBytes = 160
)

// add counts one refused line, or n values of it.
func (r *rejections) add(why reason, line []byte, n int) {
	example := &r.examples[why][r.counts[why]%exampleCount]
	*example = append((*example)[:0], line[:min(len(line), exampleBytes)]...)
	r.counts[why] += uint64(n)
	r.total += uint64(n)
}

// Rejection is what was refused for one reason.
type Rejection struct {
	Reason   string
	Count    uint64   // lines; of infinite values and of values over a limit, values
	Examples []string // the latest few, cut to 160 bytes, quoted by Go's rules where they are not text
}
