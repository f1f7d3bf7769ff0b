package payload

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Limits on what a body may unpack to. Agents and Prometheus stay under 5 MiB;
// what is larger than usual waits for one of a few turns, so that many bombs at
// once cost no more memory than a few.
const (
	usualPlain = 4 << 20
	MaxPlain   = 32 << 20
	largeTurns = 2
	maxInUse   = 256 << 20 // of unpacked bodies at once; more is told to wait
)

// Unpacker undoes content encodings, with decoders and buffers that are used
// again and again. Safe for concurrent use.
type Unpacker struct {
	usual, large *zstd.Decoder // by the most they give
	zlibs, gzips sync.Pool
	buffers      sync.Pool
	turns        chan struct{}
	inUse        atomic.Int64
}

// NewUnpacker returns an Unpacker that refuses more than MaxPlain bytes.
func NewUnpacker() *Unpacker {
	decoder := func(limit uint64) *zstd.Decoder {
		// The error is about options, which are constants.
		d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(limit), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic("BUG: zstd decoder: " + err.Error())
		}
		return d
	}
	return &Unpacker{usual: decoder(usualPlain), large: decoder(MaxPlain), turns: make(chan struct{}, largeTurns)}
}

// Plain is an unpacked body. Its bytes are valid until Release.
type Plain struct {
	Bytes  []byte
	buffer *[]byte // nil when Bytes is the request's own
	from   *Unpacker
	large  bool
}

// Release gives the memory of p back.
func (p *Plain) Release() {
	if p.from == nil {
		return
	}
	p.from.inUse.Add(-int64(len(p.Bytes)))
	if p.large {
		<-p.from.turns
	} else if p.buffer != nil {
		*p.buffer = p.Bytes[:0]
		p.from.buffers.Put(p.buffer)
	}
	*p = Plain{}
}

var errTooLarge = &Error{Status: 413, Reason: fmt.Sprintf("the decompressed body is larger than %d bytes: send smaller payloads", MaxPlain), Offset: -1}

var errBusy = &Error{Status: 429, Reason: fmt.Sprintf("more than %d bytes of payloads are being taken in: try again", maxInUse), Offset: -1}

// errUnusual says that a body needs one of the large turns.
var errUnusual = errors.New("larger than usual")

// Old05 is the encoding of zstd 0.5. No sender names it in a header.
const Old05 = "zstd-0.5"

// Unpack undoes an encoding: "" and identity, deflate (a zlib stream), gzip
// with any number of members, zstd and its other name zstd1 with any number of
// frames, and snappy's block format. Errors are *Error; one of status 429 means
// that too much is under way, and the sender should try again.
func (u *Unpacker) Unpack(encoding string, body []byte) (Plain, error) {
	if u.inUse.Load() > maxInUse {
		return Plain{}, errBusy
	}
	p, err := u.unpack(encoding, body)
	u.inUse.Add(int64(len(p.Bytes)))
	return p, err
}

func (u *Unpacker) unpack(encoding string, body []byte) (Plain, error) {
	if encoding == "" || encoding == "identity" {
		if len(body) > MaxPlain {
			return Plain{}, errTooLarge
		}
		return Plain{Bytes: body, from: u}, nil
	}
	buffer, _ := u.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	plain, err := u.decode(encoding, body, (*buffer)[:0], usualPlain)
	if err == nil {
		return Plain{Bytes: plain, buffer: buffer, from: u}, nil
	}
	u.buffers.Put(buffer)
	if err != errUnusual {
		return Plain{}, err
	}
	u.turns <- struct{}{}
	plain, err = u.decode(encoding, body, nil, MaxPlain)
	if err != nil {
		<-u.turns
		if err == errUnusual {
			err = errTooLarge
		}
		return Plain{}, err
	}
	return Plain{Bytes: plain, from: u, large: true}, nil
}

// decode appends at most limit bytes to dst; more is errUnusual.
func (u *Unpacker) decode(encoding string, body, dst []byte, limit int) ([]byte, error) {
	switch encoding {
	case "snappy":
		n, err := snappy.DecodedLen(body)
		if err != nil {
			return nil, Malformed(-1, "the body is not snappy (its block format): %v", err)
		}
		if n > limit {
			return nil, errUnusual
		}
		if cap(dst) < n {
			dst = make([]byte, n)
		}
		dst, err = snappy.Decode(dst[:cap(dst)], body)
		if err != nil {
			return nil, Malformed(-1, "the body is not snappy (its block format): %v", err)
		}
		return dst, nil
	case Old05:
		return unpackOld05(dst, body, limit)
	case "zstd", "zstd1":
		d := u.usual
		if limit > usualPlain {
			d = u.large
		}
		dst, err := d.DecodeAll(body, dst)
		switch {
		case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), err == nil && len(dst) > limit:
			return nil, errUnusual
		case err != nil:
			return nil, Malformed(-1, "the body is not zstd: %v", err)
		}
		return dst, nil
	case "deflate":
		r, _ := u.zlibs.Get().(io.ReadCloser)
		var err error
		if r == nil {
			r, err = zlib.NewReader(bytes.NewReader(body))
		} else {
			err = r.(zlib.Resetter).Reset(bytes.NewReader(body), nil)
		}
		if err != nil {
			return nil, Malformed(-1, "the body is not deflate (a zlib stream): %v", err)
		}
		defer u.zlibs.Put(r)
		return readAll(encoding, r, dst, limit)
	case "gzip":
		r, _ := u.gzips.Get().(*gzip.Reader)
		var err error
		if r == nil {
			r, err = gzip.NewReader(bytes.NewReader(body))
		} else {
			err = r.Reset(bytes.NewReader(body))
		}
		if err != nil {
			return nil, Malformed(-1, "the body is not gzip: %v", err)
		}
		defer u.gzips.Put(r)
		return readAll(encoding, r, dst, limit)
	default:
		return nil, &Error{Status: 415, Reason: fmt.Sprintf("content encoding %q: allowed are deflate, gzip, snappy, zstd and none", encoding), Offset: -1}
	}
}

func readAll(encoding string, r io.Reader, dst []byte, limit int) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	n, err := out.ReadFrom(io.LimitReader(r, int64(limit)+1))
	switch {
	case n > int64(limit):
		return nil, errUnusual
	case err != nil:
		return nil, Malformed(-1, "the body is not whole %s: %v", encoding, err)
	}
	return out.Bytes(), nil
}
