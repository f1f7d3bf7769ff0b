package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// intakePayload is what agents post to /intake/: one route for events, host
// metadata, check lists and process snapshots, told apart by their keys.
type intakePayload struct {
	AgentVersion string                  `json:"agentVersion"`
	Hostname     string                  `json:"internalHostname"`
	OS           string                  `json:"os"`
	Events       map[string][]agentEvent `json:"events"`
	HostTags     map[string]stringList   `json:"host-tags"`
	SystemStats  *systemStats            `json:"systemStats"`
	Meta         *hostMeta               `json:"meta"`
	Gohai        string                  `json:"gohai"` // a JSON document in a string
	ExternalTags []json.RawMessage       `json:"external_host_tags"`
	Checks       []json.RawMessage       `json:"agent_checks"`
	Resources    json.RawMessage         `json:"resources"`
}

type systemStats struct {
	Cores     number            `json:"cpuCores"`
	Machine   string            `json:"machine"`
	Processor string            `json:"processor"`
	Linux     []json.RawMessage `json:"nixV"`
	Mac       []json.RawMessage `json:"macV"`
	Windows   []json.RawMessage `json:"winV"`
}

type hostMeta struct {
	Hostname   string   `json:"hostname"`
	Socket     string   `json:"socket-hostname"`
	EC2        string   `json:"ec2-hostname"`
	InstanceID string   `json:"instance-id"`
	Aliases    []string `json:"host_aliases"`
}

// stringList is a list of strings; any other value is none.
type stringList []string

func (l *stringList) UnmarshalJSON(raw []byte) error {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		*l = list
	}
	return nil
}

type gohai struct {
	CPU struct {
		Model string `json:"model_name"`
		Cores string `json:"cpu_logical_processors"`
	} `json:"cpu"`
	Memory struct {
		Total string `json:"total"` // bytes, or "...kB" from older agents
	} `json:"memory"`
	Network struct {
		IP   string `json:"ipaddress"`
		IPv6 string `json:"ipaddressv6"`
		MAC  string `json:"macaddress"`
	} `json:"network"`
	Platform struct {
		Kernel  string `json:"kernel_release"`
		Machine string `json:"machine"`
	} `json:"platform"`
}

func (in *Intake) intakeV5(ctx context.Context, r request) (int, error) {
	var p intakePayload
	if err := decodeJSON(r.plain, &p); err != nil {
		return 0, err
	}
	kept := 0
	if len(p.Events) > 0 {
		var err error
		kept, err = in.once(r.plain, func() (int, error) { return in.agentEvents(ctx, p.Events, p.Hostname) })
		if err != nil {
			return 0, err
		}
	}
	for _, raw := range p.ExternalTags {
		if err := in.externalTags(ctx, raw); err != nil {
			return 0, err
		}
	}
	if len(p.Resources) > 0 {
		kept += in.resources(p.Resources)
	}
	host := p.Hostname
	if host == "" && p.Meta != nil {
		host = p.Meta.Hostname
	}
	if host = store.NormalizeHost(host); host == "" || p.Meta == nil && p.HostTags == nil && p.SystemStats == nil {
		return kept, nil
	}
	err := in.updateHost(ctx, host, func(h *catalog.Host) {
		h.LastSeen = max(h.LastSeen, in.now().UnixMilli())
		p.applyTo(h)
	})
	return kept + 1, err
}

// updateHost changes a host. One too many is counted, and is no error: the
// agent would send its payload for ever.
func (in *Intake) updateHost(ctx context.Context, name string, fn func(*catalog.Host)) error {
	err := in.catalog.UpdateHost(ctx, name, fn)
	if errors.Is(err, catalog.ErrTooManyHosts) {
		in.counts.hosts.Add(1)
		return nil
	}
	return err
}

// applyTo changes what the payload speaks of and leaves the rest: a check list
// has no host tags, and must not erase them.
func (p *intakePayload) applyTo(h *catalog.Host) {
	set(&h.AgentVersion, p.AgentVersion)
	set(&h.OS, p.OS)
	if apps := checkNames(p.Checks); len(apps) > 0 {
		h.Apps = apps
	}
	if p.Meta != nil {
		aliases := append(slices.Clone(p.Meta.Aliases), p.Meta.Socket, p.Meta.EC2, p.Meta.InstanceID)
		h.Aliases = merged(h.Aliases, aliases, h.Name)
	}
	for source, tags := range p.HostTags {
		h.Tags = withTags(h.Tags, source, tags)
	}
	if s := p.SystemStats; s != nil {
		set(&h.Machine, s.Machine)
		set(&h.Processor, s.Processor)
		if s.Cores.value > 0 && s.Cores.value < 1<<20 && h.Cores == 0 {
			h.Cores = int(s.Cores.value)
		}
		for _, version := range [][]json.RawMessage{s.Linux, s.Mac, s.Windows} {
			set(&h.Platform, platformOf(version))
		}
	}
	var g gohai
	if p.Gohai == "" || json.Unmarshal([]byte(p.Gohai), &g) != nil {
		return // gohai is an extra: without it the host still counts
	}
	set(&h.Kernel, g.Platform.Kernel)
	set(&h.Machine, g.Platform.Machine)
	set(&h.Processor, g.CPU.Model)
	if n, err := strconv.Atoi(g.CPU.Cores); err == nil && n > 0 {
		h.Cores = n
	}
	if bytes := memoryBytes(g.Memory.Total); bytes > 0 {
		h.MemoryBytes = bytes
	}
	set(&h.IP, g.Network.IP)
	set(&h.IPv6, g.Network.IPv6)
	set(&h.MAC, g.Network.MAC)
}

// checkNames are the integrations that an agent runs, as in
// [["disk", "disk", "disk:67cc0574430a16ba", "OK", "", ""], ...].
func checkNames(checks []json.RawMessage) []string {
	apps := []string{"agent"}
	for _, raw := range checks[:min(len(checks), maxChecks)] {
		var fields []json.RawMessage
		var name string
		if json.Unmarshal(raw, &fields) == nil && len(fields) > 0 && json.Unmarshal(fields[0], &name) == nil && name != "" {
			apps = append(apps, cut(name, maxTitle))
		}
	}
	if len(apps) == 1 {
		return nil
	}
	slices.Sort(apps)
	return slices.Compact(apps)
}

// maxChecks bounds the checks of one agent.
const maxChecks = 1000

// set overwrites a field when the payload says something.
func set(field *string, value string) {
	if value != "" {
		*field = cut(value, maxTitle)
	}
}

// platformOf joins a version list such as ["debian", "12.11", ""].
func platformOf(version []json.RawMessage) string {
	var words []string
	for _, raw := range version {
		var word string
		if json.Unmarshal(raw, &word) == nil && word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// memoryBytes reads "25276514304", or "24684096kB" from older agents.
func memoryBytes(s string) int64 {
	text, isKB := strings.CutSuffix(s, "kB")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<50 {
		return 0
	}
	if isKB {
		n *= 1024
	}
	return n
}

// withTags replaces the tags of one source. The map is copied: others may read
// the old one.
func withTags(bySource map[string][]string, source string, tags []string) map[string][]string {
	out := make(map[string][]string, len(bySource)+1)
	for k, v := range bySource {
		out[k] = v
	}
	if tags = normalTags(tags); len(tags) == 0 {
		delete(out, source)
	} else {
		out[source] = tags
	}
	return out
}

// merged adds names to a list of aliases, sorted, without empty ones, doubles
// and the host's own name.
func merged(list, more []string, own string) []string {
	out := slices.Clone(list)
	for _, name := range more {
		if name != "" && !strings.EqualFold(name, own) && len(name) <= 255 && len(out) < 100 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// externalTags keeps [host, {source: [tags]}]: tags that one agent knows of
// another host.
func (in *Intake) externalTags(ctx context.Context, raw json.RawMessage) error {
	var pair []json.RawMessage
	var host string
	var bySource map[string]stringList
	if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[0], &host) != nil || json.Unmarshal(pair[1], &bySource) != nil {
		return payload.Malformed(-1, "external_host_tags: want [host, {source: [tags]}], got %s", excerpt(raw))
	}
	if host = store.NormalizeHost(host); host == "" {
		return nil
	}
	return in.updateHost(ctx, host, func(h *catalog.Host) {
		for source, tags := range bySource {
			h.Tags = withTags(h.Tags, source, tags)
		}
	})
}

// inventory keeps the host_metadata of an /api/v1/metadata payload, the
// friendliest description of a host. The other sections are the agent's own.
func (in *Intake) inventory(ctx context.Context, r request) (int, error) {
	var p struct {
		Hostname string `json:"hostname"`
		Host     *struct {
			Cores    number `json:"cpu_logical_processors"`
			Model    string `json:"cpu_model"`
			Kernel   string `json:"kernel_release"`
			OS       string `json:"kernel_name"`
			Version  string `json:"os_version"`
			Machine  string `json:"cpu_architecture"`
			MemoryKB number `json:"memory_total_kb"`
			IP       string `json:"ip_address"`
			IPv6     string `json:"ipv6_address"`
			MAC      string `json:"mac_address"`
			Agent    string `json:"agent_version"`
		} `json:"host_metadata"`
	}
	if err := decodeJSON(r.plain, &p); err != nil {
		return 0, err
	}
	host := store.NormalizeHost(p.Hostname)
	if host == "" || p.Host == nil {
		return 0, nil
	}
	m := p.Host
	err := in.updateHost(ctx, host, func(h *catalog.Host) {
		h.LastSeen = max(h.LastSeen, in.now().UnixMilli())
		set(&h.OS, cmp.Or(h.OS, strings.ToLower(m.OS)))
		set(&h.Processor, m.Model)
		set(&h.Kernel, m.Kernel)
		set(&h.Platform, m.Version)
		set(&h.Machine, m.Machine)
		set(&h.IP, m.IP)
		set(&h.IPv6, m.IPv6)
		set(&h.MAC, m.MAC)
		set(&h.AgentVersion, m.Agent)
		if m.Cores.value > 0 && m.Cores.value < 1<<20 {
			h.Cores = int(m.Cores.value)
		}
		if m.MemoryKB.value > 0 && m.MemoryKB.value < 1<<50 {
			h.MemoryBytes = int64(m.MemoryKB.value) * 1024
		}
	})
	return 1, err
}
