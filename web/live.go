package web

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/whippet-obs/whippet/store/catalog"
	"github.com/whippet-obs/whippet/web/access"
)

// liveTopics are what open pages are told of, and the collections behind each.
var liveTopics = []struct {
	name  string
	kinds []catalog.Kind
}{
	{"monitors", []catalog.Kind{catalog.Monitors, catalog.States, catalog.Downtimes}},
	{"dashboards", []catalog.Kind{catalog.Dashboards, catalog.Deleted, catalog.Lists, catalog.Shares, catalog.Favourites}},
	{"events", []catalog.Kind{catalog.Events}},
	{"hosts", []catalog.Kind{catalog.Hosts}},
	{"checks", []catalog.Kind{catalog.Checks}},
	{"outbox", []catalog.Kind{catalog.Outbox}},
}

const (
	maxStreams = 256                    // open pages; those beyond it ask now and then
	lookEvery  = 500 * time.Millisecond // so that a change is on a page well within 2 s
	beatEvery  = 10 * time.Second
	// stuckAfter is how long a reader may take nothing before it is dropped. It
	// comes back with its last id and misses nothing.
	stuckAfter = 15 * time.Second
)

// live tells open pages which parts of the catalog have changed, as server-sent
// events. It sends names and no documents: a page asks again for what it shows,
// with its own rights. So there is nothing to keep for a slow page but the
// revisions that it knows, and they are the id of the last event it got:
//
//	retry: 1000
//	id: 6f1c2a90.12.3.40.2.0.7
//	event: changed
//	data: {"topics": ["monitors", "events"], "restarted": false, "version": "1.4.0"}
//
// In between a "beat" comes with the server's clock, in ms, as data.
type live struct {
	catalog *catalog.Catalog
	access  *access.Access
	version string
	now     func() time.Time
	beat    time.Duration
	boot    string // begins every id: revisions start anew with the process
	open    atomic.Int64
}

func newLive(c Config, a *access.Access) *live {
	var boot [4]byte
	rand.Read(boot[:])
	return &live{catalog: c.DB.Catalog(), access: a, version: c.About.Version, now: c.Now, beat: beatEvery, boot: hex.EncodeToString(boot[:])}
}

// stream answers a page: at once with what changed since the id that it knows,
// as Last-Event-ID or ?last, and then with each change, until the page goes, its
// login ends, or the server stops.
func (l *live) stream(c *fiber.Ctx) error {
	if l.open.Add(1) > maxStreams {
		l.open.Add(-1)
		return fiber.NewError(fiber.StatusServiceUnavailable, fmt.Sprintf("%d pages follow live, which is the limit: this one asks every few seconds instead", maxStreams))
	}
	id := c.Get("Last-Event-ID")
	if id == "" {
		id = c.Query("last")
	}
	known, restarted := l.read(id)
	who := credentials(c)
	who = access.Credentials{Session: strings.Clone(who.Session), APIKey: strings.Clone(who.APIKey), AppKey: strings.Clone(who.AppKey)}
	conn, done := c.Context().Conn(), c.Context().Done()

	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // a proxy must not wait for more
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer l.open.Add(-1)
		l.follow(&page{conn, w, stuckAfter}, known, restarted, who, done)
	})
	return nil
}

// follow writes to one page until it ends.
func (l *live) follow(p *page, known []uint64, restarted bool, who access.Credentials, done <-chan struct{}) {
	look, beat := time.NewTicker(lookEvery), time.NewTicker(l.beat)
	defer look.Stop()
	defer beat.Stop()
	for first := true; ; first = false {
		var err error
		if present := l.revisions(); first || changed(known, present) != nil {
			err = p.tell("retry: 1000\nid: %s\nevent: changed\ndata: %s\n\n", l.id(present), l.message(known, present, restarted))
			known, restarted = present, false
		}
		if err != nil {
			return
		}
		select {
		case <-done:
			return
		case <-look.C:
		case <-beat.C:
			if caller, err := l.access.Identify(who); err != nil || !caller.Role.AtLeast(access.Viewer) {
				return
			}
			if p.tell("event: beat\ndata: %d\n\n", l.now().UnixMilli()) != nil {
				return
			}
		}
	}
}

// page is one reader. The time that it has to take a message begins anew with
// each, in place of the server's limit for a whole answer.
type page struct {
	conn net.Conn
	w    *bufio.Writer
	wait time.Duration
}

func (p *page) tell(format string, args ...any) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(p.wait)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.w, format, args...); err != nil {
		return err
	}
	return p.w.Flush()
}

// revisions are the present ones, by topic.
func (l *live) revisions() []uint64 {
	revisions := make([]uint64, len(liveTopics))
	for i, topic := range liveTopics {
		for _, kind := range topic.kinds {
			revisions[i] += l.catalog.Revision(kind) // they only grow, and so does their sum
		}
	}
	return revisions
}

// changed names the topics that differ; nil when none does.
func changed(known, present []uint64) []string {
	var names []string
	for i, topic := range liveTopics {
		if known[i] != present[i] {
			names = append(names, topic.name)
		}
	}
	return names
}

func (l *live) message(known, present []uint64, restarted bool) []byte {
	topics := changed(known, present)
	if restarted { // what went on before is not known
		topics = nil
		for _, topic := range liveTopics {
			topics = append(topics, topic.name)
		}
	}
	if topics == nil {
		topics = []string{}
	}
	text, _ := json.Marshal(fiber.Map{"topics": topics, "restarted": restarted, "version": l.version}) // of plain strings: can't fail
	return text
}

func (l *live) id(revisions []uint64) string {
	id := l.boot
	for _, n := range revisions {
		id += "." + strconv.FormatUint(n, 10)
	}
	return id
}

// read gives the revisions that an id stands for: the present ones for a page
// that knows none. An id of another process, or one that no process gave, says
// that the page may have missed anything.
func (l *live) read(id string) (known []uint64, restarted bool) {
	if id == "" {
		return l.revisions(), false
	}
	parts := strings.Split(id, ".")
	if parts[0] != l.boot || len(parts) != 1+len(liveTopics) {
		return l.revisions(), true
	}
	for _, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return l.revisions(), true
		}
		known = append(known, n)
	}
	return known, false
}
