package hostmetrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// metadata is the payload that describes this host, in the agent's shape:
// "gohai" is a JSON document in a string, and its numbers are texts.
func (c *Collector) metadata(ctx context.Context) ([]byte, error) {
	info, err := host.InfoWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("describe this host: %w", err)
	}
	memory, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("describe this host's memory: %w", err)
	}
	cores, err := cpu.CountsWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("describe this host's processors: %w", err)
	}
	model := ""
	if processors, err := cpu.InfoWithContext(ctx); err == nil && len(processors) > 0 {
		model = processors[0].ModelName
	}
	network := map[string]string{}
	network["ipaddress"], network["ipaddressv6"], network["macaddress"] = addresses()
	gohai, err := json.Marshal(map[string]any{
		"platform": map[string]string{
			"kernel_name": info.OS, "kernel_release": info.KernelVersion, "machine": info.KernelArch, "hostname": c.config.Host, "os": info.Platform,
		},
		"cpu":     map[string]string{"model_name": model, "cpu_logical_processors": strconv.Itoa(cores)},
		"memory":  map[string]string{"total": strconv.FormatUint(memory.Total, 10)},
		"network": network,
	})
	if err != nil {
		return nil, fmt.Errorf("describe this host: %w", err)
	}
	version := [3]string{info.Platform, info.PlatformVersion, ""}
	stats := map[string]any{"cpuCores": cores, "machine": info.KernelArch, "processor": model, "platform": info.OS}
	switch info.OS {
	case "darwin":
		stats["macV"] = version
	case "windows":
		stats["winV"] = version
	default:
		stats["nixV"] = version
	}
	tags := c.config.Tags
	if tags == nil {
		tags = []string{}
	}
	return json.Marshal(map[string]any{
		"agentVersion": c.config.Version, "agent-flavor": "whippet", "internalHostname": c.config.Host, "os": info.OS,
		"systemStats": stats, "gohai": string(gohai),
		"meta":      map[string]any{"hostname": c.config.Host, "socket-hostname": info.Hostname},
		"host-tags": map[string]any{"system": tags},
	})
}

// addresses are the first of this host's that others may reach it by.
func addresses() (v4, v6, mac string) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return "", "", ""
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		all, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range all {
			ip, _, err := net.ParseCIDR(a.String())
			if err != nil || !ip.IsGlobalUnicast() {
				continue
			}
			switch {
			case ip.To4() != nil && v4 == "":
				v4, mac = ip.String(), i.HardwareAddr.String()
			case ip.To4() == nil && v6 == "":
				v6 = ip.String()
			}
		}
	}
	return v4, v6, mac
}
