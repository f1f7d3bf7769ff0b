package hostmetrics

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"google.golang.org/protobuf/encoding/protowire"
)

// Of the processes, those that take most CPU and those that take most memory
// are told of; of the others only that they are there.
const (
	topByCPU    = 50
	topByMemory = 50
	// thrift is how many times longer than it took the list is left alone, so that
	// a host of very many processes doesn't spend its time looking at them.
	thrift = 50
)

// top lists the busiest processes, as a process agent does.
type top struct {
	counters counters
	next     time.Time
}

// busy is one process at one moment.
type busy struct {
	process *process.Process
	cpu     float64 // percent of one core
	memory  process.MemoryInfoStat
}

// frame returns a payload for /api/v1/collector; nil when it is too early for
// the next.
func (l *top) frame(ctx context.Context, host string, now time.Time) ([]byte, error) {
	if now.Before(l.next) && l.next.Sub(now) < time.Hour {
		return nil, nil
	}
	begin := time.Now()
	defer func() { l.next = now.Add(thrift * time.Since(begin)) }()
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	l.counters.begin(now)
	defer l.counters.end()
	list := make([]busy, 0, len(all))
	for _, p := range all {
		times, err := p.TimesWithContext(ctx)
		if err != nil {
			continue // gone
		}
		one := busy{process: p}
		if m, err := p.MemoryInfoWithContext(ctx); err == nil {
			one.memory = *m
		}
		started, _ := p.CreateTimeWithContext(ctx) // a number may be used again
		if delta, ok := l.counters.delta(fmt.Sprint(p.Pid, "@", started), times.User+times.System); ok && l.counters.seconds > 0 {
			one.cpu = 100 * delta / l.counters.seconds
		}
		list = append(list, one)
	}
	message := appendText(nil, 2, host)
	for _, one := range busiest(list) {
		message = appendMessage(message, 3, one.encode(ctx))
	}
	message = appendNumber(message, 7, 1)     // messages in this snapshot
	header := []byte{3, 0, 12, 0, 0, 0, 0, 0} // version 3, protobuf, processes
	return append(binary.BigEndian.AppendUint64(header, uint64(now.Unix())), message...), nil
}

// busiest are those with most CPU, and of the others those with most memory.
func busiest(list []busy) []busy {
	slices.SortStableFunc(list, func(a, b busy) int { return cmp.Or(cmp.Compare(b.cpu, a.cpu), cmp.Compare(b.memory.RSS, a.memory.RSS)) })
	if len(list) <= topByCPU {
		return list
	}
	rest := list[topByCPU:]
	slices.SortStableFunc(rest, func(a, b busy) int { return cmp.Compare(b.memory.RSS, a.memory.RSS) })
	return list[:topByCPU+min(len(rest), topByMemory)]
}

// encode writes the process as the process agent's message of one. What can't
// be read, for want of rights, is left out.
func (b *busy) encode(ctx context.Context) []byte {
	p := b.process
	var command []byte
	if args, err := p.CmdlineSliceWithContext(ctx); err == nil {
		for _, arg := range scrub(args) {
			command = appendText(command, 1, arg)
		}
	}
	if name, err := p.NameWithContext(ctx); err == nil {
		command = appendText(command, 9, name)
	}
	if parent, err := p.PpidWithContext(ctx); err == nil {
		command = appendNumber(command, 6, uint64(parent))
	}
	out := appendNumber(nil, 2, uint64(p.Pid))
	out = appendMessage(out, 4, command)
	if user, err := p.UsernameWithContext(ctx); err == nil {
		out = appendMessage(out, 5, appendText(nil, 1, user))
	}
	out = appendMessage(out, 7, appendNumber(appendNumber(nil, 1, b.memory.RSS), 2, b.memory.VMS))
	use := protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(float32(b.cpu)))
	if n, err := p.NumThreadsWithContext(ctx); err == nil {
		use = appendNumber(use, 5, uint64(n))
	}
	out = appendMessage(out, 8, use)
	if started, err := p.CreateTimeWithContext(ctx); err == nil {
		out = appendNumber(out, 9, uint64(started))
	}
	if n, err := p.NumFDsWithContext(ctx); err == nil {
		out = appendNumber(out, 11, uint64(n))
	}
	return out
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), strings.ToValidUTF8(text, "\uFFFD"))
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), message)
}

func appendNumber(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// Bounds on the command line of a process.
const (
	maxArgs    = 64
	maxCommand = 512 // bytes
)

// secret is an argument whose value nobody else should read; what follows it in
// the same argument is the value.
var secret = regexp.MustCompile(`(?i)^(.*(?:password|passwd|secret|credential|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key|stripetoken)[a-z0-9_-]*)(?:([=:])(.+))?$`)

// userinfo is the password in a URL.
var userinfo = regexp.MustCompile(`(://[^/@\s:]*:)[^/@\s]+@`)

const hidden = "********"

// scrub hides the secrets that people put into command lines, and cuts what is
// long.
func scrub(args []string) []string {
	out := make([]string, 0, min(len(args), maxArgs))
	size, next := 0, false
	for _, arg := range args[:min(len(args), maxArgs)] {
		found := secret.FindStringSubmatch(arg)
		switch {
		case next && !strings.HasPrefix(arg, "-"):
			arg = hidden
			next = false
		case found != nil && found[2] != "":
			arg = found[1] + found[2] + hidden
			next = false
		default:
			next = found != nil && strings.HasPrefix(arg, "-")
			arg = userinfo.ReplaceAllString(arg, "${1}"+hidden+"@")
		}
		if size += len(arg) + 1; size > maxCommand {
			return append(out, arg[:max(0, len(arg)-(size-maxCommand))]+"...")
		}
		out = append(out, arg)
	}
	return out
}
