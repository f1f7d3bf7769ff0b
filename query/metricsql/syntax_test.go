package metricsql

import (
	"encoding/json"
	"testing"
)

// TestSyntax has what Prometheus answers to the same queries, where it knows them.
func TestSyntax(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`1`, `{"type":"numberLiteral","val":"1"}`},
		{`"a"`, `{"type":"stringLiteral","val":"a"}`},
		{`m{a="b",c!~"d"}`, `{"matchers":[{"name":"__name__","type":"=","value":"m"},{"name":"a","type":"=","value":"b"},{"name":"c","type":"!~","value":"d"}],"name":"m","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}`},
		{`rate(m[5m] offset 1h)`, `{"args":[{"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":3600000,"range":300000,"startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"}`},
		{`m @ 1600000000`, `{"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":0,"startOrEnd":null,"timestamp":1600000000000,"type":"vectorSelector"}`},
		{`m @ end()`, `{"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":0,"startOrEnd":"end","timestamp":null,"type":"vectorSelector"}`},
		{`max_over_time(m[1h:5m])`, `{"args":[{"expr":{"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"offset":0,"range":3600000,"startOrEnd":null,"step":300000,"timestamp":null,"type":"subquery"}],"func":{"argTypes":["matrix"],"name":"max_over_time","returnType":"vector","variadic":0},"type":"call"}`},
		{`topk(3, m) without (a)`, `{"expr":{"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"grouping":["a"],"op":"topk","param":{"type":"numberLiteral","val":"3"},"type":"aggregation","without":true}`},
		{`a * on(x) group_left(y) b`, `{"bool":false,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":{"card":"many-to-one","include":["y"],"labels":["x"],"on":true},"op":"*","rhs":{"matchers":[{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}`},
		{`m > bool 2`, `{"bool":true,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":null,"op":"\u003e","rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"}`},
	} {
		tree, err := Syntax(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got, err := json.Marshal(tree); err != nil || string(got) != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
	if _, err := Syntax("m{"); err == nil {
		t.Error("a malformed query: no error")
	}
}
