package metricsql

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store"
)

// Label is a name and value.
type Label struct{ Name, Value string }

// nameLabel is the label that holds the metric's name.
const nameLabel = "__name__"

// Labels are the labels of a series, with its name and its hosts' tags, sorted.
func Labels(s store.SeriesInfo) []Label {
	tags := s.Tags
	if len(s.HostTags) > 0 {
		tags = slices.Concat(s.Tags, s.HostTags)
		slices.Sort(tags)
	}
	labels := make([]Label, 0, len(tags)+1)
	labels = append(labels, Label{nameLabel, s.Name})
	for _, tag := range tags {
		key, value := store.SplitTag(tag)
		if last := &labels[len(labels)-1]; last.Name == key {
			if last.Value != value {
				last.Value += "," + value
			}
			continue
		}
		labels = append(labels, Label{key, value})
	}
	slices.SortFunc(labels, func(a, b Label) int { return cmp.Compare(a.Name, b.Name) })
	return labels
}

// row is one series of an intermediate result. Whoever evaluates an expression
// owns the values of the rows it gets, and may change them in place; labels are
// shared between rows and copied by those who change them.
type row struct {
	name   string
	labels []Label   // sorted by name, without the metric's name
	values []float64 // one per timestamp of the grid; NaN where there is none
}

func rowOf(s *store.SeriesInfo) row {
	labels := Labels(*s)
	at := slices.IndexFunc(labels, func(l Label) bool { return l.Name == nameLabel })
	return row{name: s.Name, labels: slices.Delete(labels, at, at+1)}
}

func (r *row) label(name string) string {
	if name == nameLabel {
		return r.name
	}
	for i := range r.labels {
		if r.labels[i].Name == name {
			return r.labels[i].Value
		}
	}
	return ""
}

// set changes, adds or (for "") removes a label.
func (r *row) set(name, value string) {
	if name == nameLabel {
		r.name = value
		return
	}
	at, found := slices.BinarySearchFunc(r.labels, name, func(l Label, name string) int { return strings.Compare(l.Name, name) })
	if value == "" && !found {
		return
	}
	labels := slices.Clone(r.labels)
	switch {
	case value == "":
		labels = slices.Delete(labels, at, at+1)
	case found:
		labels[at].Value = value
	default:
		labels = slices.Insert(labels, at, Label{name, value})
	}
	r.labels = labels
}

// keepOnly drops the labels, and the name, that keep refuses.
func (r *row) keepOnly(keep func(name string) bool) {
	if !keep(nameLabel) {
		r.name = ""
	}
	r.labels = slices.DeleteFunc(slices.Clone(r.labels), func(l Label) bool { return !keep(l.Name) })
}

// key joins the labels, and the name, that keep accepts, to compare rows by.
func (r *row) key(keep func(name string) bool) string {
	var b strings.Builder
	if keep(nameLabel) {
		b.WriteString(r.name)
	}
	for i := range r.labels {
		if l := &r.labels[i]; keep(l.Name) {
			b.WriteByte(1)
			b.WriteString(l.Name)
			b.WriteByte(0)
			b.WriteString(l.Value)
		}
	}
	return b.String()
}

func anyLabel(string) bool { return true }

// readable shows the labels of r that keep accepts, for messages.
func (r *row) readable(keep func(string) bool) string {
	var parts []string
	for _, l := range r.labels {
		if keep(l.Name) {
			parts = append(parts, l.Name+"=\""+l.Value+"\"")
		}
	}
	name := ""
	if keep(nameLabel) {
		name = r.name
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

// anonymous reports whether r has neither name nor labels, as a number has.
func (r *row) anonymous() bool { return r.name == "" && len(r.labels) == 0 }

// isScalar reports whether rows are one number per timestamp.
func isScalar(rows []row) bool { return len(rows) == 1 && rows[0].anonymous() }

func empty(values []float64) bool {
	for _, v := range values {
		if !math.IsNaN(v) {
			return false
		}
	}
	return true
}

// withoutEmpty drops the rows that have no value at all.
func withoutEmpty(rows []row) []row {
	return slices.DeleteFunc(rows, func(r row) bool { return empty(r.values) })
}

// byLabels orders rows by name, then labels.
func byLabels(a, b row) int {
	return cmp.Or(cmp.Compare(a.name, b.name), slices.CompareFunc(a.labels, b.labels, func(x, y Label) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
	}))
}
