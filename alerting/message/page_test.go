package message

import (
	"strings"
	"testing"
)

func TestPageIsSafe(t *testing.T) {
	allowed := func(address string) bool { return strings.HasPrefix(address, "https://pictures.example/") }
	for _, tt := range []struct{ markdown, want string }{
		{"# Shop\n**3** of `4`", "<h1>Shop</h1>\n<p><strong>3</strong> of <code>4</code></p>"},
		{"one\ntwo", "<p>one<br>\ntwo</p>"},
		{"<script>alert(1)</script>", ""},
		{"a <img src=x onerror=alert(1)> b", "<p>a  b</p>"},
		{"[x](javascript:alert(1))", "<p>x</p>"},
		{"[docs](https://example.com/a)", `<p><a href="https://example.com/a">docs</a></p>`},
		{"![plan](https://pictures.example/p.png)", `<p><img src="https://pictures.example/p.png" alt="plan"></p>`},
		{"![plan](https://tracker.example/p.png)", `<p><a href="https://tracker.example/p.png">plan</a></p>`},
		{"![](https://tracker.example/p.png)", `<p><a href="https://tracker.example/p.png">https://tracker.example/p.png</a></p>`},
		{"| a | b |\n|---|--:|\n| 1 | 2 |", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td align=\"right\">2</td>\n</tr>\n</tbody>\n</table>"},
	} {
		got, err := Page(tt.markdown, allowed)
		if err != nil || strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: got %s, want %s (error %v)", tt.markdown, got, tt.want, err)
		}
	}
}
