// Package payload holds what the protocols share: unpacking a body within
// bounds, walking protobuf in place, reading numbers, and knowing a series
// again by a hash of the bytes that describe it.
package payload

import "fmt"

// Error is a payload that can't be taken. Status is what to answer: 400 for one
// that can't be read, 413 for one too large, 415 for one in a form not known.
type Error struct {
	Status int
	Reason string
	Offset int // into the decompressed body; -1 when unknown
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return e.Reason
	}
	return fmt.Sprintf("%s at offset %d", e.Reason, e.Offset)
}

// Malformed is an Error for a body that can't be read; offset -1 is unknown.
func Malformed(offset int, format string, args ...any) error {
	return &Error{Status: 400, Reason: fmt.Sprintf(format, args...), Offset: offset}
}
