package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/whippet-obs/whippet/store"
)

// loadSettings fills the settings bound to fs from the command line, then the
// environment, then the YAML file named by --config: the first that names a
// setting wins. Help goes to stdout and gives flag.ErrHelp.
func loadSettings(fs *flag.FlagSet, args, environ []string, stdout io.Writer) error {
	file := fs.String("config", "", "YAML `file` with any of these settings")
	names := []string{}
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	fs.SetOutput(io.Discard)
	fs.Usage = func() {} // a mistyped flag is told in one line, not in a page of help

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printHelp(stdout, fs)
			return err
		}
		if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
			return fmt.Errorf("unknown flag --%s%s", name, didYouMean(name, names))
		}
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: settings are given as --name value", fs.Arg(0))
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })

	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		name, ok := strings.CutPrefix(key, "WHIPPET_")
		if !ok {
			continue
		}
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if !slices.Contains(names, name) {
			return fmt.Errorf("environment variable %s: no such setting%s", key, didYouMean(name, names))
		}
		if set[name] {
			continue
		}
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("environment variable %s=%q: %w", key, value, err)
		}
		set[name] = true
	}
	if *file == "" {
		return nil
	}
	return loadFile(fs, *file, names, set)
}

func loadFile(fs *flag.FlagSet, file string, names []string, set map[string]bool) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the config file: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: want lines of \"setting: value\"", file, root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := strings.ReplaceAll(key.Value, "_", "-")
		if !slices.Contains(names, name) || name == "config" {
			return fmt.Errorf("%s:%d: no setting %q%s", file, key.Line, key.Value, didYouMean(name, names))
		}
		if set[name] {
			continue
		}
		text := value.Value
		switch value.Kind {
		case yaml.SequenceNode:
			parts := make([]string, len(value.Content))
			for i, item := range value.Content {
				parts[i] = item.Value
			}
			text = strings.Join(parts, ",")
		case yaml.ScalarNode:
		default:
			return fmt.Errorf("%s:%d: %s: want one value", file, value.Line, key.Value)
		}
		if err := fs.Set(name, text); err != nil {
			return fmt.Errorf("%s:%d: %s: %q: %w", file, value.Line, key.Value, text, err)
		}
	}
	return nil
}

func oneOf(target *string, allowed ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("allowed: %s", strings.Join(allowed, ", "))
		}
		*target = s
		return nil
	}
}

// parseDays is time.ParseDuration that also knows days: "15d".
func parseDays(s string) (time.Duration, error) {
	if number, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseFloat(number, 64)
		if err != nil || !(days >= 0 && days < 36500) {
			return 0, fmt.Errorf("want a number of days such as 15d")
		}
		return time.Duration(days * 24 * float64(time.Hour)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("want a duration such as 36h or 15d")
	}
	return d, nil
}

// parseRules reads rules of retention: name=samples/5m/1h, of which the last one
// or two may be left out.
func parseRules(s string) (rules []store.RetentionRule, err error) {
	for text := range strings.SplitSeq(s, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		pattern, times, ok := strings.Cut(text, "=")
		parts := strings.Split(times, "/")
		if pattern = strings.TrimSpace(pattern); !ok || pattern == "" || len(parts) > 3 {
			return nil, fmt.Errorf("%q: want a rule such as debug.*=2d or billing.*=90d/365d/3650d", text)
		}
		rule := store.RetentionRule{Pattern: pattern}
		for i, keep := range []*time.Duration{&rule.Raw, &rule.FiveMinutes, &rule.OneHour}[:len(parts)] {
			if *keep, err = parseDays(strings.TrimSpace(parts[i])); err != nil {
				return nil, fmt.Errorf("%q: %w", text, err)
			}
			if *keep < time.Hour {
				return nil, fmt.Errorf("%q: the least is 1h", text)
			}
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// parseBytes reads a number of bytes with one of the usual units.
func parseBytes(s string) (int64, error) {
	number, factor := strings.TrimSpace(s), 1.0
	for _, unit := range []struct {
		name   string
		factor float64
	}{
		{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
	} {
		if rest, ok := strings.CutSuffix(strings.ToUpper(number), unit.name); ok {
			number, factor = strings.TrimSpace(rest), unit.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n*factor < 1<<60) {
		return 0, fmt.Errorf("want a number of bytes such as 50GB or 512MiB")
	}
	return int64(n * factor), nil
}

func printHelp(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, "Usage: "+fs.Name()+" [flags]\n\nEvery flag is also an environment variable (--log-level: WHIPPET_LOG_LEVEL)\nand a key of the YAML file (log-level: ...), in this order of precedence.\n\n")
	fs.VisitAll(func(f *flag.Flag) {
		arg, help := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s %s\n        %s", f.Name, arg, help)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}

// didYouMean names the candidate closest to what was typed, if any is close.
func didYouMean(typed string, candidates []string) string {
	best, distance := "", 4
	for _, c := range candidates {
		if d := editDistance(typed, c); d < distance && d < len(c) {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is Levenshtein's: the fewest insertions, deletions and
// replacements of one byte that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
