package catalog

import (
	"fmt"
	"path/filepath"
	"testing"
)

func TestTheBusiestProcessesAreKept(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "catalog"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var list []Process
	for i := range 1000 {
		list = append(list, Process{PID: i + 1, Name: "p", CPU: float64(i % 7), RSS: int64(i)})
	}
	list[3].CPU, list[500].RSS = 99, 1<<40
	c.PutProcesses("h", Processes{Time: 5, List: list})
	got := c.Processes("h")
	if got.Total != 1000 || len(got.List) != 2*topProcesses || got.List[0].PID != 4 {
		t.Fatalf("got %d of %d, first %+v", len(got.List), got.Total, got.List[0])
	}
	largest := false
	for _, p := range got.List {
		largest = largest || p.PID == 501
	}
	if !largest {
		t.Error("the process with most memory is not among them")
	}
}

func TestProcessesOfManyHostsAreBounded(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "catalog"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range maxProcesses/topProcesses + 10 {
		list := make([]Process, topProcesses)
		for j := range list {
			list[j].PID = j + 1
		}
		c.PutProcesses(fmt.Sprint("h", i), Processes{Time: int64(i + 1), List: list})
	}
	if c.processes.number > maxProcesses {
		t.Errorf("%d processes are kept", c.processes.number)
	}
	if got := c.Processes("h0"); got.Time != 0 {
		t.Error("the host that was silent for longest is still there")
	}
	if got := c.Processes(fmt.Sprint("h", maxProcesses/topProcesses+9)); len(got.List) != topProcesses {
		t.Errorf("the last host has %d processes", len(got.List))
	}
}
