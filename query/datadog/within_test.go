package datadog

import "testing"

func TestWithinAsksNothingElse(t *testing.T) {
	variables := map[string][]string{"env": {"env:prod"}, "hosts": {"host:a", "host:b"}}
	var board []*Query
	for _, text := range []string{
		"avg:cpu{$env} by {host}", "sum:hits{service:web,$env}.as_count() / sum:hits{service:web}.as_count()",
		"timeshift(avg:load{*}, -3600)", "p95:latency{$hosts}", "max:disk{host:db*}",
	} {
		q, err := ParseWith(text, variables)
		if err != nil {
			t.Fatal(err)
		}
		board = append(board, q)
	}
	for text, want := range map[string]bool{
		"avg:cpu{env:prod} by {host}":                     true,
		"avg:cpu{env:prod} by {host}.rollup(max, 60)":     true,
		"avg:cpu{env:prod} by {host} * 100":               true,
		"(sum:hits{service:web,env:prod}.as_count()) / 2": true,
		"avg:load{*}":                                            true,
		"timeshift(avg:load{*}, -3600)":                          true,
		"1 +   timeshift(avg:load{*}, -3600)":                    true,
		"p95:latency{host:a OR host:b}":                          true,
		"max:disk{host:db*}":                                     true,
		"avg:cpu{env:dev} by {host}":                             false,
		"avg:cpu{*} by {host}":                                   false,
		"avg:cpu{env:prod}":                                      false,
		"max:cpu{env:prod} by {host}":                            false,
		"avg:memory{env:prod} by {host}":                         false,
		"avg:cpu{env:prod} by {host}, avg:memory{*}":             false,
		"avg:cpu{env:prod} by {host} + avg:secret{*}":            false,
		"timeshift(avg:load{*}, -86400)":                         false,
		"timeshift(avg:cpu{env:prod} by {host}, -86400)":         false,
		"top(avg:cpu{env:prod} by {host}, 1, 'mean', 'desc')":    true,
		"top(avg:memory{env:prod} by {host}, 1, 'mean', 'desc')": false,
		"p99:latency{host:a OR host:b}":                          false,
		"max:disk{host:d*}":                                      false,
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Within(board); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}
