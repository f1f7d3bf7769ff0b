package agent

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"sync"

	"github.com/whippet-obs/whippet/ingest/payload"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/catalog"
)

// A process agent posts frames: a header of 16 bytes, big endian, before a
// protobuf message that is compressed by itself.
//
//	version u8, 3 | encoding u8 | type u8 | subscription u8 | organisation i32 | time i64
const (
	frameHeader  = 16
	frameVersion = 3

	plainProtobuf = 0
	oldZstd       = 2 // of version 0.5
	zstdProtobuf  = 4
	zstdProtobuf2 = 5 // the same, by another implementation

	processMessage = 12
)

// maxParts bounds the messages that one snapshot may come in, and maxPending
// the hosts of which some have come and others haven't.
const (
	maxParts   = 100
	maxPending = 10_000
)

// parts puts snapshots together that come in several messages.
type parts struct {
	mu     sync.Mutex
	byHost map[string]*pending
}

type pending struct {
	group    uint64
	received int
	list     []catalog.Process
}

// collectorMessage is one message of processes, as far as it is looked at.
type collectorMessage struct {
	host        string
	group, size uint64
	list        []catalog.Process
}

// processes keeps the processes of a frame. Frames that can't be read are
// counted and accepted: the agent would log an error for each otherwise.
func (in *Intake) processes(_ context.Context, r request) (int, error) {
	frame := r.plain
	if len(frame) < frameHeader || frame[0] != frameVersion {
		in.counts.oddFrames.Add(1)
		return 0, nil
	}
	if frame[2] != processMessage {
		return 0, nil // of real-time data, and what the agent may send in times to come
	}
	encoding := ""
	switch frame[1] {
	case plainProtobuf:
	case oldZstd:
		encoding = payload.Old05
	case zstdProtobuf, zstdProtobuf2:
		encoding = "zstd"
	default:
		in.counts.oddFrames.Add(1)
		return 0, nil
	}
	plain, err := in.unpacker.Unpack(encoding, frame[frameHeader:])
	if err != nil {
		return 0, err
	}
	defer plain.Release()
	m, err := parseCollector(plain.Bytes)
	if err != nil {
		return 0, err
	}
	host := store.NormalizeHost(m.host)
	if host == "" {
		return 0, nil
	}
	now := in.now().UnixMilli()
	in.catalog.Seen(host, now)
	if list, complete := in.parts.add(host, m); complete {
		in.catalog.PutProcesses(host, catalog.Processes{Time: min(frameTime(frame, now), now), List: list})
	}
	return len(m.list), nil
}

// frameTime is when a frame was made, in ms; now when it doesn't say.
func frameTime(frame []byte, now int64) int64 {
	seconds := int64(binary.BigEndian.Uint64(frame[8:]))
	if seconds <= 0 || seconds > maxSecond {
		return now
	}
	return seconds * 1000
}

// maxSecond is the last second of the year 9999.
const maxSecond = 253402300799

// add gives the whole list once all messages of a snapshot are there.
func (p *parts) add(host string, m *collectorMessage) ([]catalog.Process, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.size <= 1 || m.size > maxParts {
		delete(p.byHost, host)
		return m.list, true
	}
	of := p.byHost[host]
	if of == nil || of.group != m.group {
		if p.byHost == nil || len(p.byHost) >= maxPending {
			p.byHost = map[string]*pending{}
		}
		of = &pending{group: m.group}
		p.byHost[host] = of
	}
	known := map[int]bool{}
	for _, one := range of.list {
		known[one.PID] = true
	}
	for _, one := range m.list { // a message may come twice
		if !known[one.PID] {
			of.list = append(of.list, one)
		}
	}
	if of.received++; of.received < int(m.size) {
		return nil, false
	}
	delete(p.byHost, host)
	return of.list, true
}

func parseCollector(b []byte) (*collectorMessage, error) {
	m := &collectorMessage{}
	err := eachField(b, 0, func(f *payload.Field) error {
		switch f.Number {
		case 2:
			m.host = string(f.Bytes)
		case 3:
			one, err := parseProcess(f.Bytes, f.Content())
			if err != nil {
				return err
			}
			if len(m.list) < maxFrameProcesses {
				m.list = append(m.list, one)
			}
		case 6:
			m.group = f.Value
		case 7:
			m.size = f.Value
		}
		return nil
	})
	return m, err
}

// maxFrameProcesses bounds the processes of one message.
const maxFrameProcesses = 10_000

// eachField calls fn with the fields of a protobuf message at an offset.
func eachField(b []byte, base int, fn func(*payload.Field) error) error {
	var f payload.Field
	for {
		more, err := f.Next(b, base)
		if !more || err != nil {
			return err
		}
		if err := fn(&f); err != nil {
			return err
		}
	}
}

func parseProcess(b []byte, base int) (p catalog.Process, err error) {
	var args []string
	var executable string
	err = eachField(b, base, func(f *payload.Field) error {
		switch f.Number {
		case 2:
			p.PID = int(int32(f.Value))
		case 4:
			return eachField(f.Bytes, base+f.Content(), func(f *payload.Field) error {
				switch f.Number {
				case 1:
					args = append(args, string(f.Bytes))
				case 8:
					executable = string(f.Bytes)
				case 9:
					p.Name = string(f.Bytes)
				}
				return nil
			})
		case 5:
			return eachField(f.Bytes, base+f.Content(), func(f *payload.Field) error {
				if f.Number == 1 {
					p.User = string(f.Bytes)
				}
				return nil
			})
		case 7:
			return eachField(f.Bytes, base+f.Content(), func(f *payload.Field) error {
				if f.Number == 1 {
					p.RSS = int64(min(f.Value, 1<<60))
				}
				return nil
			})
		case 8:
			return eachField(f.Bytes, base+f.Content(), func(f *payload.Field) error {
				switch f.Number {
				case 2:
					p.CPU = within(float64(math.Float32frombits(uint32(f.Value))), 1e6)
				case 5:
					p.Threads = int(int32(f.Value))
				}
				return nil
			})
		case 9:
			p.Started = int64(min(f.Value, maxSecond*1000))
		case 11:
			p.Files = int(int32(f.Value))
		case 14:
			p.Container = string(f.Bytes)
		}
		return nil
	})
	p.Command = strings.Join(args, " ")
	if p.Name == "" {
		if executable == "" && len(args) > 0 {
			executable = args[0]
		}
		p.Name = executable[strings.LastIndexByte(executable, '/')+1:]
	}
	return p, err
}

// resources keeps the snapshot of processes by name that a core agent sends now
// and then: [[time, [[user, CPU %, memory %, virtual, resident, name, number], ...]]].
// It is an extra, and never an error.
func (in *Intake) resources(raw json.RawMessage) int {
	var r struct {
		Meta struct {
			Host string `json:"host"`
		} `json:"meta"`
		Processes struct {
			Snaps [][]json.RawMessage `json:"snaps"`
		} `json:"processes"`
	}
	if json.Unmarshal(raw, &r) != nil || len(r.Processes.Snaps) == 0 || len(r.Processes.Snaps[0]) != 2 {
		return 0
	}
	host := store.NormalizeHost(r.Meta.Host)
	var at number
	var rows [][]json.RawMessage
	snap := r.Processes.Snaps[0]
	if host == "" || json.Unmarshal(snap[0], &at) != nil || json.Unmarshal(snap[1], &rows) != nil {
		return 0
	}
	var list []catalog.Process
	total := 0
	for _, row := range rows[:min(len(rows), maxFrameProcesses)] {
		var cpu, rss, n number
		p := catalog.Process{}
		if len(row) < 7 || json.Unmarshal(row[0], &p.User) != nil || json.Unmarshal(row[1], &cpu) != nil || json.Unmarshal(row[4], &rss) != nil ||
			json.Unmarshal(row[5], &p.Name) != nil || json.Unmarshal(row[6], &n) != nil || !(n.value >= 1 && n.value < 1<<30) {
			continue
		}
		p.CPU, p.RSS, p.Number = within(cpu.value, 1e6), int64(within(rss.value, 1<<60)), int(n.value)
		total += p.Number
		list = append(list, p)
	}
	now := in.now().UnixMilli()
	in.catalog.PutProcesses(host, catalog.Processes{Time: min(int64(within(at.value, maxSecond))*1000, now), Total: total, List: list})
	return 0
}

// within is v, or 0 when it does not lie between that and most.
func within(v, most float64) float64 {
	if !(v >= 0 && v <= most) {
		return 0
	}
	return v
}
