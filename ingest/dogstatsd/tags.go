package dogstatsd

import (
	"strings"

	"github.com/whippet-obs/whippet/store"
)

// splitTags reads the comma-separated tags of a message into the form they are
// kept in, with room for two more. The tag host:NAME names the host instead of
// the default one, "host:" says that there is none. Tags in which clients
// describe where they run to the agent are left out.
func splitTags(s, defaultHost string) (tags []string, host string) {
	host = defaultHost
	if s == "" {
		return nil, host
	}
	tags = make([]string, 0, strings.Count(s, ",")+3)
	for tag := range strings.SplitSeq(s, ",") {
		if tag == "" || isInternal(tag) {
			continue
		}
		if name, ok := strings.CutPrefix(tag, "host:"); ok {
			host = store.NormalizeHost(name)
			continue
		}
		tags = append(tags, store.NormalizeTag(tag))
	}
	return tags, host
}

func isInternal(tag string) bool {
	name, ok := strings.CutPrefix(tag, "dd.internal.")
	return ok && (strings.HasPrefix(name, "entity_id:") || strings.HasPrefix(name, "card:") || strings.HasPrefix(name, "jmx_check_name:"))
}
