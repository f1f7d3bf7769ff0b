package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/whippet-obs/whippet/alerting/trial"
)

// manifest is what the files of "whippet apply" and "whippet test" hold, of
// several files together.
type manifest struct {
	Monitors   []json.RawMessage
	Downtimes  []json.RawMessage
	Dashboards []json.RawMessage
	Tests      []trial.Test
}

// manifestKeys are the lists of a file.
var manifestKeys = []string{"monitors", "downtimes", "dashboards", "tests"}

// readManifest reads YAML (or JSON, which is YAML) files; "-" is stdin.
func readManifest(paths []string, stdin io.Reader) (*manifest, error) {
	m := &manifest{}
	for _, path := range paths {
		raw, err := readPath(path, stdin)
		if err != nil {
			return nil, err
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(doc.Content) == 0 {
			continue
		}
		root := doc.Content[0]
		if root.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("%s:%d: want lists under monitors, downtimes, dashboards or tests", path, root.Line)
		}
		for i := 0; i+1 < len(root.Content); i += 2 {
			if err := m.take(path, root.Content[i], root.Content[i+1]); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func readPath(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}

func (m *manifest) take(path string, key, list *yaml.Node) error {
	if !slices.Contains(manifestKeys, key.Value) {
		return fmt.Errorf("%s:%d: there is no %q in such a file%s", path, key.Line, key.Value, didYouMean(key.Value, manifestKeys))
	}
	if list.Kind != yaml.SequenceNode {
		return fmt.Errorf("%s:%d: %s: want a list", path, list.Line, key.Value)
	}
	for _, item := range list.Content {
		var value map[string]any
		if err := item.Decode(&value); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", path, item.Line, key.Value, err)
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", path, item.Line, key.Value, err)
		}
		switch key.Value {
		case "monitors":
			m.Monitors = append(m.Monitors, raw)
		case "downtimes":
			m.Downtimes = append(m.Downtimes, raw)
		case "dashboards":
			m.Dashboards = append(m.Dashboards, raw)
		case "tests":
			var t trial.Test
			if err := strict(raw, &t); err != nil {
				return fmt.Errorf("%s:%d: tests: %w", path, item.Line, err)
			}
			m.Tests = append(m.Tests, t)
		}
	}
	return nil
}
