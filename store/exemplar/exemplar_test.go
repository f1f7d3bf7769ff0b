package exemplar

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func of(series uint32, at int64, trace string) Exemplar {
	return Exemplar{series, at, float64(at) / 2, []Label{{"trace_id", trace}}}
}

func open(t testing.TB, dir string, keep int) *Store {
	t.Helper()
	s, err := Open(dir, Options{Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExemplarsComeBackInTheOrderOfTheirTimes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 10)
	if n := s.Add([]Exemplar{of(1, 30, "c"), of(1, 10, "a"), of(2, 20, "x"), of(1, 20, "b")}); n != 4 {
		t.Errorf("kept %d of 4", n)
	}
	want := []Exemplar{of(1, 10, "a"), of(1, 20, "b"), of(1, 30, "c")}
	if got := s.Of(1, 0, 100); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := s.Of(1, 11, 20); !reflect.DeepEqual(got, want[1:2]) {
		t.Errorf("from 11 to 20: got %v", got)
	}
	s.Close()
	s = open(t, dir, 10)
	defer s.Close()
	if got := s.Of(1, 0, 100); !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart: got %v", got)
	}
}

func TestWhatIsRepeatedIsKeptOnce(t *testing.T) {
	s := open(t, t.TempDir(), 10)
	defer s.Close()
	for range 3 {
		s.Add([]Exemplar{of(1, 10, "a")})
	}
	if got := s.Of(1, 0, 100); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if st := s.Stats(); st.Added != 1 || st.Doubles != 2 || st.Kept != 1 {
		t.Errorf("got %+v", st)
	}
}

func TestUnfitExemplarsAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), 10)
	defer s.Close()
	many := of(1, 10, "a")
	for i := range maxLabels {
		many.Labels = append(many.Labels, Label{fmt.Sprint("l", i), ""})
	}
	long := of(1, 10, string(make([]byte, maxBytes)))
	if n := s.Add([]Exemplar{many, long, {Series: 1}}); n != 0 || s.Stats().Refused != 3 {
		t.Errorf("kept %d, %+v", n, s.Stats())
	}
}

// A file that was cut anywhere, as by a power cut, gives the exemplars before
// the cut.
func TestATornFileKeepsWhatIsBeforeTheTear(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 100)
	for i := range int64(5) {
		s.Add([]Exemplar{of(1, 10+i, "trace")})
	}
	s.Close()
	path := filepath.Join(dir, "1.log")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, 100)
		if got, want := len(s.Of(1, 0, 100)), cut*5/len(whole); got != want {
			t.Errorf("cut at %d of %d: %d exemplars, want %d", cut, len(whole), got, want)
		}
		s.Close()
	}
}

// The newest are there, whatever was added, and after a restart too.
func TestTheNewestAreKept(t *testing.T) {
	base := t.TempDir()
	turn := 0
	rapid.Check(t, func(t *rapid.T) {
		turn++
		dir := filepath.Join(base, fmt.Sprint(turn))
		keep := rapid.IntRange(1, 20).Draw(t, "keep")
		s, err := Open(dir, Options{Keep: keep})
		if err != nil {
			t.Fatal(err)
		}
		var all []Exemplar
		for i := range rapid.IntRange(0, 120).Draw(t, "n") {
			e := of(uint32(rapid.IntRange(1, 4).Draw(t, "series")), int64(i+1), fmt.Sprint("trace", i))
			all = append(all, e)
			s.Add([]Exemplar{e})
			if rapid.IntRange(0, 30).Draw(t, "restart") == 0 {
				s.Close()
				if s, err = Open(dir, Options{Keep: keep}); err != nil {
					t.Fatal(err)
				}
			}
		}
		defer s.Close()
		for series := range uint32(5) {
			var want []Exemplar
			for _, e := range all[max(0, len(all)-keep):] {
				if e.Series == series {
					want = append(want, e)
				}
			}
			if got := s.Of(series, 0, 1000); !slices.EqualFunc(got, want, func(a, b Exemplar) bool { return reflect.DeepEqual(a, b) }) {
				t.Fatalf("series %d: got %v, want %v", series, got, want)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	e := encode(nil, of(7, 1000, "abc"))
	f.Add(e[:len(e)-4])
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := decode(b); ok {
			again := encode(nil, e)
			if back, ok := decode(again[:len(again)-4]); !ok || len(back.Labels) != len(e.Labels) {
				t.Errorf("%v came back as %v", e, back)
			}
		}
	})
}
