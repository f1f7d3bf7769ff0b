package message

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// expr is arithmetic on numbers and variables.
type expr struct {
	op    byte // 'n' number, 'v' variable, 'f' function, or one of + - * / %
	value float64
	name  string
	args  []*expr
}

// function is something that eval can call.
type function struct {
	least, most int // arguments
	call        func(a []float64) float64
}

func findFunction(name string) (function, bool) {
	one := func(f func(float64) float64) (function, bool) {
		return function{1, 1, func(a []float64) float64 { return f(a[0]) }}, true
	}
	switch name {
	case "abs":
		return one(math.Abs)
	case "ceil":
		return one(math.Ceil)
	case "floor":
		return one(math.Floor)
	case "int":
		return one(math.Trunc)
	case "log":
		return one(math.Log)
	case "sqrt":
		return one(math.Sqrt)
	case "round":
		return function{1, 2, func(a []float64) float64 {
			scale := 1.0
			if len(a) == 2 {
				scale = math.Pow(10, math.Max(0, math.Min(15, math.Trunc(a[1]))))
			}
			return math.Round(a[0]*scale) / scale
		}}, true
	case "pow":
		return function{2, 2, func(a []float64) float64 { return math.Pow(a[0], a[1]) }}, true
	case "min", "max":
		pick := math.Min
		if name == "max" {
			pick = math.Max
		}
		return function{1, 20, func(a []float64) float64 {
			out := a[0]
			for _, v := range a[1:] {
				out = pick(out, v)
			}
			return out
		}}, true
	}
	return function{}, false
}

func parseExpr(text string) (*expr, error) {
	if len(text) > maxEval {
		return nil, fmt.Errorf("an expression has at most %d bytes", maxEval)
	}
	p := &exprParser{rest: text}
	e, err := p.sum(0)
	if err == nil && p.peek() != 0 {
		err = p.wrong("an operator or the end")
	}
	return e, err
}

type exprParser struct{ rest string }

func (p *exprParser) peek() byte {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *exprParser) accept(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *exprParser) wrong(due string) error {
	if p.peek() == 0 {
		return errors.New("ends where " + due + " is due")
	}
	return fmt.Errorf("%q stands where %s is due", p.rest, due)
}

func (p *exprParser) sum(depth int) (*expr, error) {
	return p.chain(depth, "+-", func() (*expr, error) {
		return p.chain(depth, "*/%", func() (*expr, error) { return p.unary(depth) })
	})
}

// chain reads operands with operators of one rank between them.
func (p *exprParser) chain(depth int, ops string, operand func() (*expr, error)) (*expr, error) {
	left, err := operand()
	for err == nil && p.peek() != 0 && strings.IndexByte(ops, p.peek()) >= 0 {
		op := p.peek()
		p.accept(op)
		var right *expr
		right, err = operand()
		left = &expr{op: op, args: []*expr{left, right}}
	}
	return left, err
}

func (p *exprParser) unary(depth int) (*expr, error) {
	if depth > 32 {
		return nil, errors.New("brackets can be nested 32 deep")
	}
	switch c := p.peek(); {
	case p.accept('-'):
		of, err := p.unary(depth + 1)
		return &expr{op: '-', args: []*expr{{op: 'n'}, of}}, err
	case p.accept('+'):
		return p.unary(depth + 1)
	case p.accept('('):
		e, err := p.sum(depth + 1)
		if err == nil && !p.accept(')') {
			err = p.wrong(`")"`)
		}
		return e, err
	case isDigit(c) || c == '.':
		return p.number()
	case c == '[' || isLetter(c):
		return p.named(depth)
	}
	return nil, p.wrong("a number or a variable")
}

func (p *exprParser) number() (*expr, error) {
	end := 0
	for end < len(p.rest) && (isDigit(p.rest[end]) || p.rest[end] == '.') {
		end++
	}
	v, err := strconv.ParseFloat(p.rest[:end], 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", p.rest[:end])
	}
	p.rest = p.rest[end:]
	return &expr{op: 'n', value: v}, nil
}

// named reads a variable or a call.
func (p *exprParser) named(depth int) (*expr, error) {
	end := 0
	if p.rest[0] == '[' {
		if end = strings.IndexByte(p.rest, ']') + 1; end == 0 {
			return nil, p.wrong(`"[...]"`)
		}
	}
	for end < len(p.rest) && (isLetter(p.rest[end]) || isDigit(p.rest[end]) || p.rest[end] == '.') {
		end++
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	if !p.accept('(') {
		return &expr{op: 'v', name: plainName(name)}, nil
	}
	f, ok := findFunction(name)
	if !ok {
		return nil, fmt.Errorf("no function %q; there are abs, ceil, floor, int, log, max, min, pow, round, sqrt", name)
	}
	e := &expr{op: 'f', name: name}
	for {
		arg, err := p.sum(depth + 1)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, arg)
		if p.accept(')') {
			break
		}
		if !p.accept(',') {
			return nil, p.wrong(`"," or ")"`)
		}
	}
	if len(e.args) < f.least || len(e.args) > f.most {
		return nil, fmt.Errorf("%s takes %d to %d arguments, not %d", name, f.least, f.most, len(e.args))
	}
	return e, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// eval returns NaN where a variable has no value, or there is no result.
func (e *expr) eval(lookup func(name string) float64) float64 {
	switch e.op {
	case 'n':
		return e.value
	case 'v':
		return lookup(e.name)
	}
	args := make([]float64, len(e.args))
	for i, a := range e.args {
		if args[i] = a.eval(lookup); math.IsNaN(args[i]) {
			return math.NaN()
		}
	}
	switch e.op {
	case '+':
		return args[0] + args[1]
	case '-':
		return args[0] - args[1]
	case '*':
		return args[0] * args[1]
	case '/':
		return args[0] / args[1]
	case '%':
		return math.Mod(args[0], args[1])
	}
	f, _ := findFunction(e.name)
	return f.call(args)
}

// variables calls f for every name in the expression.
func (e *expr) variables(f func(name string)) {
	if e.op == 'v' {
		f(e.name)
	}
	for _, a := range e.args {
		a.variables(f)
	}
}
