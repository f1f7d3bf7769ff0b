package agent

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Decompress undoes a content encoding: "" and identity, deflate (which is a
// zlib stream), gzip with any number of members, zstd and its other name zstd1
// with any number of frames. More than limit bytes are refused with a 413.
func Decompress(encoding string, body []byte, limit int) ([]byte, error) {
	var plain io.Reader
	switch encoding {
	case "", "identity":
		if len(body) > limit {
			return nil, tooLarge(limit)
		}
		return body, nil
	case "deflate":
		r, err := zlib.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, malformed(-1, "the body is not deflate (a zlib stream): %v", err)
		}
		defer r.Close()
		plain = r
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, malformed(-1, "the body is not gzip: %v", err)
		}
		defer r.Close()
		plain = r
	case "zstd", "zstd1":
		r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20))
		if err != nil {
			return nil, malformed(-1, "the body is not zstd: %v", err)
		}
		defer r.Close()
		plain = r
	default:
		return nil, &Error{Status: 415, Reason: fmt.Sprintf("content encoding %q: allowed are deflate, gzip, zstd and none", encoding), Offset: -1}
	}
	var out bytes.Buffer
	n, err := out.ReadFrom(io.LimitReader(plain, int64(limit)+1))
	switch {
	case n > int64(limit):
		return nil, tooLarge(limit)
	case err == zstd.ErrDecoderSizeExceeded, err == zstd.ErrWindowSizeExceeded:
		return nil, tooLarge(limit)
	case err != nil:
		return nil, malformed(-1, "the body is not whole %s: %v", encoding, err)
	}
	return out.Bytes(), nil
}

func tooLarge(limit int) error {
	return &Error{Status: 413, Reason: fmt.Sprintf("the decompressed body is larger than %d bytes: send smaller payloads", limit), Offset: -1}
}
