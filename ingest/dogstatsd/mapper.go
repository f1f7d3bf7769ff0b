package dogstatsd

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/whippet-obs/whippet/store"
)

// A Mapper turns names that hold what should be tags, as Graphite's and plain
// StatsD's do, into names and tags. Its rules are those of the Datadog agent's
// dogstatsd_mapper_profiles:
//
//	dogstatsd_mapper_profiles:
//	  - name: airflow
//	    prefix: 'airflow.'
//	    mappings:
//	      - match: 'airflow.job.duration.*.*'
//	        name: 'airflow.job.duration'
//	        tags:
//	          job_type: '$1'
//	          job_name: '$2'
//
// A * stands for one part of a name between dots; with match_type: regex, match
// is a regular expression for the whole name. Of the profiles whose prefix a
// name has, the first match counts. A nil Mapper changes nothing.
type Mapper struct{ profiles []profile }

type profile struct {
	prefix   string
	mappings []mapping
}

type mapping struct {
	match *regexp.Regexp
	name  string
	tags  []string // key:template, sorted
}

// ReadMapper reads rules in YAML: the list of profiles, or a document that has
// it under dogstatsd_mapper_profiles.
func ReadMapper(r io.Reader) (*Mapper, error) {
	type rules []struct {
		Name     string
		Prefix   string
		Mappings []struct {
			Match     string
			MatchType string `yaml:"match_type"`
			Name      string
			Tags      map[string]string
		}
	}
	var document yaml.Node
	if err := yaml.NewDecoder(r).Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the mapper's rules: %w", err)
	}
	var list rules
	if len(document.Content) > 0 {
		node := document.Content[0]
		if node.Kind == yaml.MappingNode {
			var whole struct {
				Profiles yaml.Node `yaml:"dogstatsd_mapper_profiles"`
			}
			if err := node.Decode(&whole); err != nil {
				return nil, fmt.Errorf("read the mapper's rules: %w", err)
			}
			if whole.Profiles.Kind == 0 {
				return nil, errors.New("the mapper's rules: want a list of profiles, or the key dogstatsd_mapper_profiles with one")
			}
			node = &whole.Profiles
		}
		if err := node.Decode(&list); err != nil {
			return nil, fmt.Errorf("read the mapper's rules: %w", err)
		}
	}
	m := &Mapper{}
	for i, p := range list {
		if p.Prefix == "" {
			return nil, fmt.Errorf("mapper profile %d (%s): prefix is missing; '*' stands for all names", i+1, p.Name)
		}
		out := profile{prefix: strings.TrimSuffix(p.Prefix, "*")}
		for j, rule := range p.Mappings {
			where := fmt.Sprintf("mapper profile %d (%s), mapping %d (%s)", i+1, p.Name, j+1, rule.Match)
			if rule.Name == "" || rule.Match == "" {
				return nil, fmt.Errorf("%s: match and name are needed", where)
			}
			pattern := rule.Match
			switch rule.MatchType {
			case "", "wildcard":
				if strings.Contains(pattern, "**") {
					return nil, fmt.Errorf("%s: two * in a row; each stands for one part of a name", where)
				}
				pattern = strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `([^.]*)`)
			case "regex":
			default:
				return nil, fmt.Errorf("%s: match_type %q: allowed are wildcard and regex", where, rule.MatchType)
			}
			match, err := regexp.Compile("^(?:" + pattern + ")$")
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			one := mapping{match: match, name: rule.Name}
			for _, key := range slices.Sorted(maps.Keys(rule.Tags)) {
				one.tags = append(one.tags, key+":"+rule.Tags[key])
			}
			out.mappings = append(out.mappings, one)
		}
		m.profiles = append(m.profiles, out)
	}
	return m, nil
}

// apply returns the name that rules give to a metric, and tags for it.
func (m *Mapper) apply(name string) (mapped string, tags []string) {
	if m == nil {
		return name, nil
	}
	for _, p := range m.profiles {
		if !strings.HasPrefix(name, p.prefix) {
			continue
		}
		for _, rule := range p.mappings {
			found := rule.match.FindStringSubmatchIndex(name)
			if found == nil {
				continue
			}
			for _, tag := range rule.tags {
				tags = append(tags, store.NormalizeTag(string(rule.match.ExpandString(nil, tag, name, found))))
			}
			return string(rule.match.ExpandString(nil, rule.name, name, found)), tags
		}
	}
	return name, nil
}
