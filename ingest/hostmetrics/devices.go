package hostmetrics

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/net"
)

// device reports a point of a device: the agent names it twice, as it is and
// without its folder.
func (r *report) device(device, name string, value float64, unit string) {
	r.add(point{name: name, value: value, device: device, tags: []string{"device_name:" + filepath.Base(device)}, unit: unit})
}

// collectDisks reports the room on each mounted disk, in KiB, and its inodes.
func collectDisks(ctx context.Context, r *report) error {
	mounts, err := disk.PartitionsWithContext(ctx, false)
	if err != nil && len(mounts) == 0 {
		return fmt.Errorf("list disks: %w", err)
	}
	seen := map[string]bool{}
	var errs []error
	for _, m := range mounts {
		if seen[m.Device] || strings.HasPrefix(m.Device, "/dev/loop") || m.Fstype == "squashfs" {
			continue // mounted twice, or an image that is always full
		}
		seen[m.Device] = true
		u, err := disk.UsageWithContext(ctx, m.Mountpoint)
		if err != nil {
			errs = append(errs, fmt.Errorf("measure %s: %w", m.Mountpoint, err))
			continue
		}
		if u.Total == 0 {
			continue
		}
		r.device(m.Device, "system.disk.total", float64(u.Total)/1024, "kibibyte")
		r.device(m.Device, "system.disk.used", float64(u.Used)/1024, "kibibyte")
		r.device(m.Device, "system.disk.free", float64(u.Free)/1024, "kibibyte")
		r.device(m.Device, "system.disk.in_use", u.UsedPercent/100, "")
		if u.InodesTotal > 0 {
			r.device(m.Device, "system.fs.inodes.total", float64(u.InodesTotal), "")
			r.device(m.Device, "system.fs.inodes.used", float64(u.InodesUsed), "")
			r.device(m.Device, "system.fs.inodes.free", float64(u.InodesFree), "")
			r.device(m.Device, "system.fs.inodes.in_use", u.InodesUsedPercent/100, "")
		}
	}
	return errors.Join(errs...)
}

// sector is the unit of avg_rq_sz, in bytes.
const sector = 512

// collectIO reports what each disk does, as iostat -x would.
func collectIO(ctx context.Context, r *report) error {
	disks, err := disk.IOCountersWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read disk counters: %w", err)
	}
	for name, d := range disks {
		if strings.HasPrefix(name, "loop") || strings.HasPrefix(name, "ram") {
			continue
		}
		delta := func(what string, total uint64) float64 {
			grown, ok := r.counters.delta(name+"|"+what, float64(total))
			if !ok {
				return -1
			}
			return grown
		}
		reads, writes := delta("reads", d.ReadCount), delta("writes", d.WriteCount)
		readMerges, writeMerges := delta("read merges", d.MergedReadCount), delta("write merges", d.MergedWriteCount)
		readBytes, writeBytes := delta("read bytes", d.ReadBytes), delta("write bytes", d.WriteBytes)
		readTime, writeTime := delta("read ms", d.ReadTime), delta("write ms", d.WriteTime)
		busy, weighted := delta("busy ms", d.IoTime), delta("weighted ms", d.WeightedIO)
		if min(reads, writes, readMerges, writeMerges, readBytes, writeBytes, readTime, writeTime, busy, weighted) < 0 {
			continue // first sight, or the disk was taken out and put back
		}
		s := r.counters.seconds
		r.device(name, "system.io.r_s", reads/s, "")
		r.device(name, "system.io.w_s", writes/s, "")
		r.device(name, "system.io.rrqm_s", readMerges/s, "")
		r.device(name, "system.io.wrqm_s", writeMerges/s, "")
		r.device(name, "system.io.rkb_s", readBytes/1024/s, "kibibyte")
		r.device(name, "system.io.wkb_s", writeBytes/1024/s, "kibibyte")
		r.device(name, "system.io.util", min(100, busy/10/s), "percent")
		r.device(name, "system.io.avg_q_sz", weighted/1000/s, "")
		r.device(name, "system.io.avg_rq_sz", ratio((readBytes+writeBytes)/sector, reads+writes), "")
		r.device(name, "system.io.await", ratio(readTime+writeTime, reads+writes), "millisecond")
		r.device(name, "system.io.r_await", ratio(readTime, reads), "millisecond")
		r.device(name, "system.io.w_await", ratio(writeTime, writes), "millisecond")
	}
	return nil
}

// ratio is a/b, and 0 where nothing happened.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// collectNetwork reports each interface's traffic per second, and TCP and UDP.
func collectNetwork(ctx context.Context, r *report) error {
	interfaces, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return fmt.Errorf("read network counters: %w", err)
	}
	for _, i := range interfaces {
		for _, c := range []struct {
			name, unit string
			total      uint64
		}{
			{"system.net.bytes_rcvd", "byte", i.BytesRecv}, {"system.net.bytes_sent", "byte", i.BytesSent},
			{"system.net.packets_in.count", "", i.PacketsRecv}, {"system.net.packets_out.count", "", i.PacketsSent},
			{"system.net.packets_in.error", "", i.Errin}, {"system.net.packets_out.error", "", i.Errout},
			{"system.net.packets_in.drop", "", i.Dropin}, {"system.net.packets_out.drop", "", i.Dropout},
		} {
			if delta, ok := r.counters.delta(i.Name+"|"+c.name, float64(c.total)); ok {
				r.device(i.Name, c.name, delta/r.counters.seconds, c.unit)
			}
		}
	}
	protocols, err := net.ProtoCountersWithContext(ctx, []string{"tcp", "udp"})
	if err != nil {
		return nil // only Linux has them
	}
	for _, p := range protocols {
		if established, ok := p.Stats["CurrEstab"]; ok {
			r.gauge("system.net.tcp.current_established", float64(established))
		}
		for _, c := range []struct{ protocol, stat, name string }{
			{"tcp", "RetransSegs", "system.net.tcp.retrans_segs"}, {"tcp", "InErrs", "system.net.tcp.in_errors"},
			{"tcp", "InSegs", "system.net.tcp.in_segs"}, {"tcp", "OutSegs", "system.net.tcp.out_segs"},
			{"tcp", "ActiveOpens", "system.net.tcp.active_opens"}, {"tcp", "PassiveOpens", "system.net.tcp.passive_opens"},
			{"tcp", "AttemptFails", "system.net.tcp.attempt_fails"}, {"tcp", "OutRsts", "system.net.tcp.out_resets"},
			{"udp", "InDatagrams", "system.net.udp.in_datagrams"}, {"udp", "OutDatagrams", "system.net.udp.out_datagrams"},
			{"udp", "InErrors", "system.net.udp.in_errors"}, {"udp", "NoPorts", "system.net.udp.no_ports"},
			{"udp", "RcvbufErrors", "system.net.udp.rcv_buf_errors"}, {"udp", "SndbufErrors", "system.net.udp.snd_buf_errors"},
		} {
			if total, ok := p.Stats[c.stat]; ok && p.Protocol == c.protocol {
				r.rate(c.name, float64(total))
			}
		}
	}
	return nil
}
