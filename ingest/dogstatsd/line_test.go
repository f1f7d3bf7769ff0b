package dogstatsd

import (
	"fmt"
	"testing"
)

func TestMetricLineIsReadFieldByField(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"a:1|c", "a c [1] rate 1"},
		{"a:+2|g", "a g [2] rate 1"},
		{"a:-0.5|g", "a g [-0.5] rate 1"},
		{"a:1e3|g", "a g [1000] rate 1"},
		{"a:0x1p4|g", "a g [16] rate 1"},
		{"a:1::3|g", "a g [1 3] rate 1"},
		{"a:1:2:3|h|@0.5", "a h [1 2 3] rate 0.5"},
		{"a:5|d|@0.25|#x:y,z", "a d [5] #x:y,z rate 0.25"},
		{"a:12.250000|ms|c:0123|card:low", "a ms [12.25] rate 1"},
		{"a:u:1:2|s", "a s u:1:2 rate 1"},
		{"a:1|c|#a:1|#b:2", "a c [1] #b:2 rate 1"},
		{"a:1|c|@0.1|@0.5", "a c [1] rate 0.5"},
		{"a:1|c|zz:9||future|#k:v", "a c [1] #k:v rate 1"},
		{"a:1|c|@0", "a c [1] rate 1"},
		{"a:1|c|@2", "a c [1] rate 1"},
		{"a:1|c|@nan", "a c [1] rate 1"},
		{"a:1:inf:3|g", "a g [1 3] rate 1, 1 odd"},
		{"a:4|g|T1795461000", "a gT [4] rate 1 at 1795461000000"},
		{"a:4|c|#a|T1|e:it-false", "a cT [4] #a rate 1 at 1000"},
		{"a b!:1|g|#", "a b! g [1] rate 1"},
		{"9x:1|g", "9x g [1] rate 1"},
	} {
		var m metric
		if why := parseMetric([]byte(tt.line), &m); why != valid {
			t.Errorf("%q: rejected as %v", tt.line, why)
			continue
		}
		if got := m.String(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func (m *metric) String() string {
	s := string(m.name) + " " + [...]string{"c", "g", "h", "ms", "s", "d", "cT", "gT"}[m.kind]
	if m.kind == set {
		s += " " + string(m.member)
	} else {
		s += fmt.Sprint(" ", m.values)
	}
	if len(m.tags) > 0 {
		s += " #" + string(m.tags)
	}
	s += fmt.Sprint(" rate ", m.rate)
	if m.odd > 0 {
		s += fmt.Sprintf(", %d odd", m.odd)
	}
	if m.at != 0 {
		s += fmt.Sprint(" at ", m.at)
	}
	return s
}

func TestMalformedMetricIsRefusedForItsReason(t *testing.T) {
	for line, want := range map[string]reason{
		"nobar:1":                     badForm,
		"|":                           badForm,
		"a|c":                         badForm,
		"a|b:1|c":                     badForm,
		":1|g":                        badName,
		"42:1|g":                      badName,
		"é:1|g":                       badName,
		"a:1|":                        badType,
		"a:1|q":                       badType,
		"a:1|g ":                      badType,
		"a:1|C":                       badType,
		"a:1|m":                       badType,
		"a:|g":                        badNumber,
		"a::|g":                       badNumber,
		"a:|s":                        badNumber,
		"a:x|g":                       badNumber,
		"a: 5|g":                      badNumber,
		"a:1:x|c":                     badNumber,
		"a:1e999|g":                   badNumber,
		"a:-|g":                       badNumber,
		"a:.|g":                       badNumber,
		"a:1.2.3|g":                   badNumber,
		"a:inf|g":                     badFinite,
		"a:nan|g":                     badFinite,
		"a:-Infinity:NaN|h":           badFinite,
		"a:1|c|@":                     badRate,
		"a:1|c|@x":                    badRate,
		"a:1|g|T":                     badTime,
		"a:1|g|T0":                    badTime,
		"a:1|g|T-5":                   badTime,
		"a:1|g|T1.5":                  badTime,
		"a:1|g|T99999999999999999999": badTime,
		"a:1|h|T5":                    badTimedType,
		"a:1|ms|T5":                   badTimedType,
		"a:1|d|T5":                    badTimedType,
		"a:1|s|T5":                    badTimedType,
	} {
		var m metric
		if got := parseMetric([]byte(line), &m); got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}
