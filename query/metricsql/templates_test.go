package metricsql

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/whippet-obs/whippet/query"
)

func TestTemplatesThatExpandToTooMuchAreRefused(t *testing.T) {
	f := newFixture(t)
	f.fill()
	var doubling strings.Builder
	doubling.WriteString("WITH (x0 = g + g")
	for i := range 40 {
		fmt.Fprintf(&doubling, ", x%d = x%d + x%d", i+1, i, i)
	}
	doubling.WriteString(") x40")
	for text, fine := range map[string]bool{
		doubling.String(): false,
		"WITH (f(x) = x + x) " + strings.Repeat("f(", 40) + "g" + strings.Repeat(")", 40): false,
		"WITH (f(x) = x + x) f(f(f(g)))": true,
		`WITH (cf = {host="a"}, rate1(m) = rate(m{cf}[1m])) rate1(total) / rate1(total)`: true,
		`WITH (a = 1, b = a + a) sum(g) by (host) + b`:                                   true,
		`WITH (x = "a,b)(") label_set(g, "y", x)`:                                        true,
		`WITH (x(a, b) = a * b) x(g, 2)`:                                                 true,
	} {
		_, err := Range(context.Background(), f.engine, text, query.Grid{Start: t0.UnixMilli(), End: t0.UnixMilli(), Step: 1000}, Options{})
		if (err == nil) != fine || !fine && !strings.Contains(err.Error(), "templates expand") {
			t.Errorf("%.60s: error %v", text, err)
		}
	}
}
