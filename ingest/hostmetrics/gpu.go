package hostmetrics

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// gpuFields are what nvidia-smi is asked for each GPU, and what becomes of it.
// "nvidia-smi --help-query-gpu" explains the fields.
var gpuFields = [...]struct {
	field, metric, unit string
	factor              float64
}{
	{"utilization.gpu", "gpu.utilization", "percent", 1},
	{"utilization.memory", "gpu.memory.utilization", "percent", 1},
	{"memory.total", "gpu.memory.limit", "byte", 1 << 20},
	{"memory.used", "gpu.memory.usage", "byte", 1 << 20},
	{"memory.free", "gpu.memory.free", "byte", 1 << 20},
	{"temperature.gpu", "gpu.temperature", "degree celsius", 1},
	{"power.draw", "gpu.power.usage", "watt", 1},
	{"power.limit", "gpu.power.limit", "watt", 1},
	{"clocks.sm", "gpu.clock_speed.sm", "hertz", 1e6},
	{"clocks.mem", "gpu.clock_speed.memory", "hertz", 1e6},
	{"fan.speed", "gpu.fan_speed", "percent", 1},
}

// gpuSource measures NVIDIA GPUs by the nvidia-smi that comes with the driver;
// nil where there is none.
func gpuSource() *source {
	smi, err := exec.LookPath("nvidia-smi")
	if err != nil {
		return nil
	}
	return &source{name: "gpu", collect: func(ctx context.Context, r *report) error { return collectGPUs(ctx, r, smi) }}
}

func collectGPUs(ctx context.Context, r *report, smi string) error {
	columns := []string{"index", "uuid", "name"}
	for _, f := range gpuFields {
		columns = append(columns, f.field)
	}
	gpus, err := querySMI(ctx, smi, "--query-gpu="+strings.Join(columns, ","), len(columns))
	if err != nil {
		return err
	}
	tags := map[string][]string{}
	for _, gpu := range gpus {
		tags[gpu[1]] = []string{"gpu:" + gpu[0], "gpu_uuid:" + gpu[1], "gpu_device:" + gpu[2]}
		for i, f := range gpuFields {
			// A field that a GPU does not have reads "[N/A]".
			if value, err := strconv.ParseFloat(gpu[3+i], 64); err == nil {
				r.add(point{name: f.metric, value: value * f.factor, tags: tags[gpu[1]], unit: f.unit})
			}
		}
	}
	processes, err := querySMI(ctx, smi, "--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory", 4)
	if err != nil {
		return err
	}
	for _, p := range processes {
		if value, err := strconv.ParseFloat(p[3], 64); err == nil {
			r.add(point{
				name: "gpu.process.memory.usage", value: value * (1 << 20), unit: "byte",
				tags: append([]string{"pid:" + p[1], "process_name:" + filepath.Base(p[2])}, tags[p[0]]...),
			})
		}
	}
	return nil
}

// querySMI runs one query and returns its rows.
func querySMI(ctx context.Context, smi, query string, columns int) ([][]string, error) {
	out, err := exec.CommandContext(ctx, smi, query, "--format=csv,noheader,nounits").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("run nvidia-smi: %w", err)
	}
	reader := csv.NewReader(strings.NewReader(string(out)))
	reader.TrimLeadingSpace = true
	reader.FieldsPerRecord = columns
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read nvidia-smi's answer to %s: %w", query, err)
	}
	return rows, nil
}
