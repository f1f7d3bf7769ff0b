package alerting

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/whippet-obs/whippet/alerting/downtime"
)

// ErrNotFound is wrapped by errors about a document that isn't there.
var ErrNotFound = errors.New("not found")

// FieldError is a mistake in one field of a document: whose it is, what was
// read, and what could stand there.
type FieldError struct {
	Field   string // "options.thresholds.warning"
	Value   string // as it was read, shortened; "" when it is missing
	Allowed string
	Err     error // the reason in detail, such as a *datadog.SyntaxError; may be nil
}

func (e *FieldError) Error() string {
	value := e.Value
	if value == "" {
		value = "nothing"
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Field, e.Err)
	}
	return fmt.Sprintf("%s: %s given; allowed: %s", e.Field, value, e.Allowed)
}

func (e *FieldError) Unwrap() error { return e.Err }

// fieldError brings an error of the downtime package under the name that the
// field has here.
func fieldError(prefix string, err error) error {
	var f *downtime.FieldError
	if errors.As(err, &f) {
		return &FieldError{Field: prefix + f.Field, Value: f.Value, Allowed: f.Allowed}
	}
	return err
}

// object is a JSON document whose unknown fields stay as they came.
type object map[string]json.RawMessage

// parseObject reads a document of at most limit bytes.
func parseObject(what string, doc json.RawMessage) (object, error) {
	const limit = 1 << 20
	if len(doc) > limit {
		return nil, &FieldError{Field: what, Value: fmt.Sprintf("%d bytes", len(doc)), Allowed: "at most 1 MiB"}
	}
	var o object
	if err := json.Unmarshal(doc, &o); err != nil || o == nil {
		return nil, &FieldError{Field: what, Value: short(doc), Allowed: "a JSON object"}
	}
	return o, nil
}

// set puts a value of ours into o.
func (o object) set(key string, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		panic("BUG: a value of ours has no JSON: " + err.Error())
	}
	o[key] = raw
}

// preset sets key unless it is there.
func (o object) preset(key string, value any) {
	if !o.has(key) {
		o.set(key, value)
	}
}

// has says whether key is there and not null.
func (o object) has(key string) bool {
	raw, ok := o[key]
	return ok && string(raw) != "null"
}

func (o object) json() json.RawMessage {
	raw, err := json.Marshal(o)
	if err != nil {
		panic("BUG: a document that was read has no JSON: " + err.Error())
	}
	return raw
}

// reader takes typed fields out of an object. The first mistake is kept.
type reader struct {
	object
	path string // "options."
	err  error
}

// get decodes the field key into target, and says whether there was one.
func (r *reader) get(key, allowed string, target any) bool {
	if r.err != nil || !r.has(key) {
		return false
	}
	if err := json.Unmarshal(r.object[key], target); err != nil {
		r.refuse(key, allowed)
		return false
	}
	return true
}

// check refuses the field key unless fine.
func (r *reader) check(fine bool, key, allowed string) {
	if !fine {
		r.refuse(key, allowed)
	}
}

func (r *reader) refuse(key, allowed string) {
	if r.err == nil {
		r.err = &FieldError{Field: r.path + key, Value: short(r.object[key]), Allowed: allowed}
	}
}

// refuseAll refuses each of keys that has a value.
func (r *reader) refuseAll(allowed string, keys ...string) {
	for _, key := range keys {
		if r.has(key) {
			r.refuse(key, allowed)
		}
	}
}

// into reads the object at key; a missing one is empty.
func (r *reader) into(key string) *reader {
	inner := &reader{object: object{}, path: r.path + key + "."}
	if r.has(key) && json.Unmarshal(r.object[key], &inner.object) != nil {
		r.refuse(key, "an object")
	}
	return inner
}

// short is raw for an error message.
func short(raw json.RawMessage) string {
	const most = 120
	text := strings.ToValidUTF8(string(raw), "\uFFFD")
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
