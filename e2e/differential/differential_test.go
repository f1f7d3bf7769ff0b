package differential

import (
	"flag"
	"math/rand"
	"testing"
	"time"
)

var (
	queries = flag.Int("queries", 3000, "how many random queries to ask")
	seed    = flag.Int64("seed", 1, "of the random queries")
)

func TestAnswersAreTheSame(t *testing.T) {
	whippet, vm, prometheus := startPeers(t)
	all := samples()
	for _, p := range []*peer{whippet, vm, prometheus} {
		p.feed(t, all)
	}
	waitUntilVisible(t, all, whippet, vm, prometheus)
	t.Run("table", func(t *testing.T) {
		asked, compared, newer := 0, 0, 0
		from := begin.UnixMilli()
		for _, q := range table() {
			for _, g := range []grid{
				{from + 1_800_000, from + 5_400_000, 120_000},
				{from + 3_601_700, from + 4_201_700, 17_000},
				{start: from + 3_660_000},
			} {
				asked++
				got, refused := whippet.ask(t, q.query, g)
				if q.newer == "" && !(q.rangeOnly && g.step == 0) {
					compared++
					want, refusedThere := vm.ask(t, q.query, g)
					report(t, q.query, g, vm, got, want, refused, refusedThere)
				} else {
					newer++
				}
				if q.promql {
					compared++
					want, refusedThere := prometheus.ask(t, q.query, g)
					report(t, q.query, g, prometheus, got.unnamed(), want.unnamed(), refused, refusedThere)
				}
			}
		}
		t.Logf("%d questions, %d answers compared, %d newer than Debian's victoria-metrics", asked, compared, newer)
	})
	t.Run("random", func(t *testing.T) {
		r := rand.New(rand.NewSource(*seed))
		refusals := 0
		for range *queries {
			query, g := randomQuestion(r)
			got, refused := whippet.ask(t, query, g)
			want, refusedThere := vm.ask(t, query, g)
			if refusedThere != "" {
				refusals++
			}
			report(t, query, g, vm, got, want, refused, refusedThere)
		}
		t.Logf("%d random queries, %d of them refused by both", *queries, refusals)
	})
}

func report(t *testing.T, query string, g grid, p *peer, got, want answer, refused, refusedThere string) {
	t.Helper()
	switch {
	case refused != "" && refusedThere != "":
	case refusedThere != "" && len(got) == 0: // with one side empty the other is not looked at since 1.84
	case refused != "":
		t.Errorf("%s\n  on %v: refused here: %s", query, g, refused)
	case refusedThere != "":
		t.Errorf("%s\n  on %v: refused by %s: %s", query, g, p.name, refusedThere)
	default:
		if d := difference(got, want); d != "" {
			t.Errorf("%s\n  on %v: %s (%s)", query, g, d, p.name)
		}
	}
}

// waitUntilVisible waits until every peer shows all samples.
func waitUntilVisible(t *testing.T, all []series, peers ...*peer) {
	t.Helper()
	want := 0.0
	for _, s := range all {
		if s.name == "g" {
			want += float64(len(s.times))
		}
	}
	for _, p := range peers {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			a, _ := p.ask(t, `sum(count_over_time(g[3h]))`, grid{start: end.UnixMilli()})
			if len(a["{}"]) == 1 {
				for _, v := range a["{}"] {
					if v == want {
						goto visible
					}
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s shows %v of %v samples", p.name, a, want)
			}
		}
	visible:
	}
}
