package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/store"
)

// decodedSeries is a series as the vendor's own message definitions, written
// as JSON beside the recordings, have it.
type decodedSeries struct {
	Metric, Host, Device string
	Tags                 []string
	Resources            []struct{ Type, Name string }
	Type                 json.RawMessage
	Interval             int64
	Points               []json.RawMessage
	Dogsketches          []struct {
		TS, Cnt       int64
		Min, Max, Sum float64
		K             []int32
		N             []uint64
	}
}

// lines says what the samples of a series must be in the store, a line each.
func (d *decodedSeries) lines(t *testing.T) []string {
	kind := map[string]string{"1": "count", `"count"`: "count", "2": "rate", `"rate"`: "rate"}[string(d.Type)]
	interval := d.Interval
	if kind == "" {
		kind, interval = "gauge", 0
	}
	tags := slices.Clone(d.Tags)
	for _, r := range append(d.Resources, struct{ Type, Name string }{"host", d.Host}, struct{ Type, Name string }{"device", d.Device}) {
		if r.Name != "" {
			tags = append(tags, r.Type+":"+r.Name)
		}
	}
	for i := range tags {
		tags[i] = store.NormalizeTag(tags[i])
	}
	series := fmt.Sprint(store.NormalizeName(d.Metric), store.NewTags(tags))
	var out []string
	for _, raw := range d.Points {
		var at, value float64
		if raw[0] == '{' {
			var point struct{ Timestamp, Value float64 }
			if err := json.Unmarshal(raw, &point); err != nil {
				t.Fatal(err)
			}
			at, value = point.Timestamp, point.Value
		} else {
			var pair []float64
			if json.Unmarshal(raw, &pair) != nil { // raw values of distribution points
				continue
			}
			at, value = pair[0], pair[1]
		}
		out = append(out, fmt.Sprintf("%s %s %d %d %v", series, kind, interval, int64(at), value))
	}
	for _, s := range d.Dogsketches {
		out = append(out, fmt.Sprintf("%s distribution %d %d %v %v %v %v %v", series, s.TS, s.Cnt, s.Min, s.Max, s.Sum, s.K, s.N))
	}
	return out
}

// kept is everything in the store, in the words of decodedSeries.lines.
func kept(t *testing.T, db *store.DB) (out []string) {
	t.Helper()
	set, err := db.Select(context.Background(), store.Selector{From: 0, To: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for i, s := range set.Series {
		var c store.Columns
		if err := set.Read(i, &c); err != nil {
			t.Fatal(err)
		}
		series := fmt.Sprint(s.Name, s.Tags)
		for j, at := range c.Times {
			if len(c.Sketches) > 0 {
				k := c.Sketches[j]
				out = append(out, fmt.Sprintf("%s distribution %d %d %v %v %v %v %v", series, at/1000, k.Count, k.Min, k.Max, k.Sum, k.Keys, k.Counts))
			} else {
				out = append(out, fmt.Sprintf("%s %s %d %d %v", series, s.Kind, s.Interval/1000, at/1000, c.Values[j]))
			}
		}
	}
	slices.Sort(out)
	return out
}

// decodedV3 reads the columns of a v3 payload out of their JSON form, in the
// plainest way there is.
func decodedV3(t *testing.T, raw []byte) (out []decodedSeries) {
	var p struct {
		MetricData struct {
			DictNameStr, DictTagStr, DictResourceStr                                    []byte
			DictTagsets, DictResourceLen, DictResourceType, DictResourceName            []json.Number
			Types, NameRefs, TagsetRefs, ResourcesRefs, Intervals, NumPoints            []json.Number
			Timestamps, ValsSint64, ValsFloat32, ValsFloat64, NumBins, BinKeys, BinCnts []json.Number
		}
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	m := p.MetricData
	dict := func(b []byte) []string {
		list := []string{""}
		for len(b) > 0 {
			size, n := binary.Uvarint(b)
			list, b = append(list, string(b[n:n+int(size)])), b[n+int(size):]
		}
		return list
	}
	next := func(column *[]json.Number) float64 {
		v, err := (*column)[0].Float64()
		if err != nil {
			t.Fatal(err)
		}
		*column = (*column)[1:]
		return v
	}
	names, tags, resources := dict(m.DictNameStr), dict(m.DictTagStr), dict(m.DictResourceStr)
	tagsets := [][]string{nil}
	for len(m.DictTagsets) > 0 {
		var set []string
		at := 0
		for range int(next(&m.DictTagsets)) {
			if at += int(next(&m.DictTagsets)); at < 0 {
				set = append(set, tagsets[-at]...)
			} else {
				set = append(set, tags[at])
			}
		}
		tagsets = append(tagsets, set)
	}
	type resource = struct{ Type, Name string }
	sets := [][]resource{nil}
	for len(m.DictResourceLen) > 0 {
		var set []resource
		kind, name := 0, 0
		for range int(next(&m.DictResourceLen)) {
			kind += int(next(&m.DictResourceType))
			name += int(next(&m.DictResourceName))
			set = append(set, resource{resources[kind], resources[name]})
		}
		sets = append(sets, set)
	}
	name, tagset, set, at := 0, 0, 0, int64(0)
	for len(m.Types) > 0 {
		kind := int(next(&m.Types))
		name += int(next(&m.NameRefs))
		tagset += int(next(&m.TagsetRefs))
		set += int(next(&m.ResourcesRefs))
		s := decodedSeries{Metric: names[name], Tags: tagsets[tagset], Resources: sets[set], Interval: int64(next(&m.Intervals)), Type: fmt.Append(nil, kind&0xf)}
		value := func() float64 {
			switch kind & 0x30 {
			case 0x10:
				return next(&m.ValsSint64)
			case 0x20:
				return float64(float32(next(&m.ValsFloat32)))
			case 0x30:
				return next(&m.ValsFloat64)
			}
			return 0
		}
		for range int(next(&m.NumPoints)) {
			at += int64(next(&m.Timestamps))
			if kind&0xf != 4 {
				s.Points = append(s.Points, fmt.Appendf(nil, "[%d,%v]", at, value()))
				continue
			}
			k := struct {
				TS, Cnt       int64
				Min, Max, Sum float64
				K             []int32
				N             []uint64
			}{TS: at}
			k.Sum, k.Min, k.Max = value(), value(), value()
			k.Cnt = int64(next(&m.ValsSint64))
			key := int32(0)
			for range int(next(&m.NumBins)) {
				key += int32(next(&m.BinKeys))
				k.K, k.N = append(k.K, key), append(k.N, uint64(next(&m.BinCnts)))
			}
			s.Dogsketches = append(s.Dogsketches, k)
		}
		out = append(out, s)
	}
	return out
}

// TestRecordingsAreKeptAsTheVendorDecodesThem posts each recording twice: the
// second time its series are known, and nothing changes.
func TestRecordingsAreKeptAsTheVendorDecodesThem(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.decoded.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("got %d files (error %v)", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		folder, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".decoded.json")
		if strings.HasSuffix(name, "distribution_points") || !json.Valid(raw) && !bytes.HasPrefix(raw, []byte("{")) {
			continue // raw values, or a body that the recorder could not decode
		}
		var all []decodedSeries
		var list struct{ Series []decodedSeries }
		switch lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n")); {
		case folder == "agent-v3":
			all = decodedV3(t, raw)
		case json.Unmarshal(raw, &list) == nil && len(list.Series) > 0:
			all = list.Series
		default:
			for _, line := range lines {
				var s decodedSeries
				if err := json.Unmarshal(line, &s); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				all = append(all, s)
			}
		}
		last := map[string]string{} // of several values at one time the last is kept
		for _, s := range all {
			for _, line := range s.lines(t) {
				key := line[:strings.LastIndexByte(line, ' ')]
				if strings.Contains(line, "distribution") {
					key = line
				}
				last[key] = line
			}
		}
		want := slices.Sorted(maps.Values(last))
		in, db := newIntake(t)
		for i := range 2 {
			if _, err := in.Handle(context.Background(), recordings(t, folder)[name]); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			got := kept(t, db)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%s, time %d: %d samples kept, %d decoded", file, i+1, len(got), len(want))
				for _, line := range got {
					if !slices.Contains(want, line) {
						t.Log("kept only:   ", line)
					}
				}
				for _, line := range want {
					if !slices.Contains(got, line) {
						t.Log("decoded only:", line)
					}
				}
			}
		}
	}
}
