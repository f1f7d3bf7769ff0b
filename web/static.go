package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// The UI as built from web/ui.
//
//go:embed all:dist
var dist embed.FS

// contentPolicy lets pages load what this server sends, and the pictures and
// pages of the sites that dashboards may show. The outbox shows mails in sandboxed
// frames with pictures as data URLs.
func contentPolicy(embed []string) string {
	sites := strings.Join(append([]string{""}, embed...), " ")
	return "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:" + sites + "; frame-src 'self'" + sites + "; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}

// static serves the files of the UI from memory.
type static struct {
	files  map[string]file // by path without the leading slash
	policy string
}

type file struct {
	plain, gzipped []byte
	mime, etag     string
}

func newStatic(embed []string) (*static, error) {
	s := &static{files: map[string]file{}, policy: contentPolicy(embed)}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		gzipped, err := gzipOf(plain)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		s.files[strings.TrimPrefix(name, "dist/")] = file{
			plain: plain, gzipped: gzipped,
			mime: mime.TypeByExtension(path.Ext(name)), etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the embedded UI: %w", err)
	}
	if _, ok := s.files["index.html"]; !ok {
		return nil, fmt.Errorf("the embedded UI has no index.html: run \"make ui\" and build again")
	}
	return s, nil
}

func gzipOf(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// serve answers with the file of the path. A path without a file is a view of
// the UI, whose page is index.html.
func (s *static) serve(c *fiber.Ctx) error {
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		return fiber.NewError(fiber.StatusNotFound, "no such route: "+c.Method()+" "+c.Path())
	}
	name := strings.TrimPrefix(c.Path(), "/")
	f, ok := s.files[name]
	switch {
	case !ok && strings.HasPrefix(name, "assets/"):
		return fiber.NewError(fiber.StatusNotFound, "no such file: "+c.Path())
	case !ok:
		f = s.files["index.html"]
		fallthrough
	case name == "index.html":
		c.Set(fiber.HeaderCacheControl, "no-cache")
	case strings.HasPrefix(name, "assets/"): // their names carry a hash
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	c.Set(fiber.HeaderContentSecurityPolicy, s.policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderETag, f.etag)
	if c.Get(fiber.HeaderIfNoneMatch) == f.etag {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, f.mime)
	c.Vary(fiber.HeaderAcceptEncoding)
	if strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(f.gzipped)
	}
	return c.Send(f.plain)
}
