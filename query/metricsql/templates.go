package metricsql

import (
	"slices"
	"strings"
)

// maxExpansion bounds the tokens that a query has once its WITH templates are
// expanded: a few lines of templates that use one another twice are millions.
const maxExpansion = 100_000

// expansion estimates, from above, how many tokens text has once its templates
// are expanded.
func expansion(text string) float64 {
	z := &sizer{tokens: tokensOf(text), sizes: map[string]float64{}}
	if !slices.ContainsFunc(z.tokens, func(token string) bool { return strings.EqualFold(token, "with") }) {
		return float64(len(z.tokens))
	}
	total := 0.0
	for z.at < len(z.tokens) && total <= maxExpansion {
		total += z.expression(0)
		z.at++ // what closes nothing is for the parser to refuse
	}
	return total
}

// sizer adds up tokens; a template's name counts for as many as it stands for.
type sizer struct {
	tokens []string
	at     int
	sizes  map[string]float64
}

func (z *sizer) peek() string {
	if z.at < len(z.tokens) {
		return z.tokens[z.at]
	}
	return ""
}

// expression reads up to a comma or what closes the parenthesis it stands in.
func (z *sizer) expression(depth int) float64 {
	total := 0.0
	for ; z.at < len(z.tokens); z.at++ {
		token := z.tokens[z.at]
		switch {
		case token == ")" || token == "}" || token == "]" || token == ",":
			return total
		case depth > maxDepth || total > maxExpansion:
			return maxExpansion + 1
		case token == "(" || token == "{" || token == "[":
			total += z.list(depth)
		case strings.EqualFold(token, "with") && z.at+1 < len(z.tokens) && z.tokens[z.at+1] == "(":
			z.at++
			z.templates(depth)
		default:
			size, isTemplate := z.sizes[token]
			if !isTemplate {
				size = 1
			}
			if isTemplate && z.at+1 < len(z.tokens) && z.tokens[z.at+1] == "(" {
				z.at++
				size *= max(1, z.list(depth)) // each use of a parameter is all of its argument
			}
			total += size
		}
	}
	return total
}

// list reads what stands in a parenthesis, and stays at its end.
func (z *sizer) list(depth int) float64 {
	total := 1.0
	for z.at++; z.at < len(z.tokens); z.at++ {
		total += z.expression(depth + 1)
		if z.peek() != "," {
			break
		}
	}
	return total
}

// templates reads the definitions of a WITH, and stays at their end.
func (z *sizer) templates(depth int) {
	for z.at++; z.at < len(z.tokens) && z.tokens[z.at] != ")"; z.at++ {
		name := z.tokens[z.at]
		for z.at < len(z.tokens) && z.tokens[z.at] != "=" && z.tokens[z.at] != "," {
			z.at++ // parameters; a comma among them ends nothing
			if z.at < len(z.tokens) && z.tokens[z.at] == "(" {
				for z.at < len(z.tokens) && z.tokens[z.at] != ")" {
					z.at++
				}
			}
		}
		z.at++
		size := z.expression(depth + 1)
		z.sizes[name] = max(size, z.sizes[name])
		if z.peek() != "," {
			return
		}
	}
}

// tokensOf cuts text into names, numbers, quoted texts and single bytes.
func tokensOf(text string) []string {
	var tokens []string
	isName := func(c byte) bool {
		return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == ':' || c == '.' || c == '\\' || c >= 0x80
	}
	for i := 0; i < len(text); {
		j := i + 1
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '#': // a comment
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		case c == '"' || c == '\'' || c == '`':
			for j < len(text) && text[j] != c {
				if text[j] == '\\' && c != '`' {
					j++
				}
				j++
			}
			j = min(j+1, len(text))
		case isName(c):
			for j < len(text) && isName(text[j]) {
				j++
			}
		}
		tokens = append(tokens, text[i:j])
		i = j
	}
	return tokens
}
