package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const applyUsage = `Usage: whippet apply [flags] FILE...

Makes the monitors, downtimes and dashboards of the files, or changes them to
what the files say: shows the plan, asks, and carries it out. To apply the same
files again changes nothing. What somebody changed elsewhere is not overwritten.

  --server URL     the Whippet to talk to (default http://127.0.0.1:8127)
  --api-key KEY    sent as DD-API-KEY; also WHIPPET_API_KEY
  --app-key KEY    sent as DD-APPLICATION-KEY; also WHIPPET_APP_KEY
  --set NAME       whose files these are; sets don't touch each other (default "default")
  --plan           only show the plan
  --yes            don't ask
  --prune          delete what an earlier apply of this set made and the files no longer have
  --adopt          take over monitors and dashboards of the same name that apply didn't make
  --force          overwrite what others changed
`

// runApply is "whippet apply". It returns 1 when something failed or is in
// conflict, and 2 for a wrong command line or file.
func runApply(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("whippet apply", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var o planOptions
	server := fs.String("server", "http://127.0.0.1:8127", "")
	apiKey := fs.String("api-key", os.Getenv("WHIPPET_API_KEY"), "")
	appKey := fs.String("app-key", os.Getenv("WHIPPET_APP_KEY"), "")
	fs.StringVar(&o.set, "set", "default", "")
	onlyPlan := fs.Bool("plan", false, "")
	yes := fs.Bool("yes", false, "")
	fs.BoolVar(&o.prune, "prune", false, "")
	fs.BoolVar(&o.adopt, "adopt", false, "")
	fs.BoolVar(&o.force, "force", false, "")
	if err := fs.Parse(args); err != nil || fs.NArg() == 0 {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, applyUsage)
			return 0
		}
		fmt.Fprint(stderr, applyUsage)
		return 2
	}
	files, err := readManifest(fs.Args(), os.Stdin)
	var want []*wanted
	if err == nil {
		want, err = wantedOf(files)
	}
	if err != nil {
		fmt.Fprintf(stderr, "whippet apply: %v\n", err)
		return 2
	}
	c := &apiClient{server: strings.TrimRight(*server, "/"), apiKey: *apiKey, appKey: *appKey, http: &http.Client{Timeout: time.Minute}}
	if err := c.applyAll(ctx, want, o, *onlyPlan, *yes, stdout); err != nil {
		fmt.Fprintf(stderr, "whippet apply: %v\n", err)
		return 1
	}
	return 0
}

var (
	errConflict = errors.New("nothing was applied: the plan has conflicts")
	errDeclined = errors.New("nothing was applied")
	errNotAsked = errors.New("nothing was applied: there is nobody to ask, use --yes")
)

func (c *apiClient) applyAll(ctx context.Context, want []*wanted, o planOptions, onlyPlan, yes bool, stdout io.Writer) error {
	have, err := c.inventory(ctx)
	if err != nil {
		return err
	}
	p, err := planOf(want, have, o)
	if err != nil {
		return err
	}
	if err := c.validate(ctx, p); err != nil {
		return err
	}
	p.write(stdout)
	switch {
	case p.conflicts():
		return errConflict
	case !p.changes(), onlyPlan:
		return nil
	case !yes:
		if err := ask(stdout); err != nil {
			return err
		}
	}
	return c.carryOut(ctx, p, o.set, stdout)
}

// ask waits for a yes on the terminal.
func ask(stdout io.Writer) error {
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return errNotAsked
	}
	fmt.Fprint(stdout, "Apply? [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err == io.EOF && answer == "" {
		return errNotAsked
	}
	if err != nil && err != io.EOF {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}

// apiClient talks to a server.
type apiClient struct {
	server, apiKey, appKey string
	http                   *http.Client
}

// call sends body, unless it is nil, and decodes the answer into answer.
func (c *apiClient) call(ctx context.Context, method, path string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, sent)
	if err != nil {
		return fmt.Errorf("--server %s: %w", c.server, err)
	}
	request.Header.Set("Content-Type", "application/json")
	for header, key := range map[string]string{"DD-API-KEY": c.apiKey, "DD-APPLICATION-KEY": c.appKey} {
		if key != "" {
			request.Header.Set(header, key)
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("no answer from %s: is Whippet running there? %w", c.server, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.server, err)
	}
	if response.StatusCode >= 300 {
		var said struct {
			Errors []string
			Error  struct{ Message string }
		}
		if json.Unmarshal(raw, &said) == nil && (len(said.Errors) > 0 || said.Error.Message != "") {
			return errors.New(strings.Join(said.Errors, "; ") + said.Error.Message)
		}
		return fmt.Errorf("%s %s: status %d", method, path, response.StatusCode)
	}
	if answer == nil || len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(answer)
}

// inventory reads what the server has. Dashboards are read one by one: their
// list has only titles.
func (c *apiClient) inventory(ctx context.Context) ([]*present, error) {
	var all []*present
	for _, r := range []resource{monitors, downtimes} {
		var docs []map[string]any
		if err := c.call(ctx, "GET", r.path, nil, &docs); err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if canceled := doc["canceled"]; canceled != nil {
				continue
			}
			all = append(all, presentOf(r, doc))
		}
	}
	var list struct{ Dashboards []struct{ ID string } }
	if err := c.call(ctx, "GET", dashboards.path, nil, &list); err != nil {
		return nil, err
	}
	for _, d := range list.Dashboards {
		var doc map[string]any
		if err := c.call(ctx, "GET", dashboards.path+"/"+url.PathEscape(d.ID), nil, &doc); err != nil {
			return nil, err
		}
		all = append(all, presentOf(dashboards, doc))
	}
	return all, nil
}

func presentOf(r resource, doc map[string]any) *present {
	p := &present{resource: r, id: fmt.Sprint(doc["id"]), doc: doc}
	raw, err := json.Marshal(doc[markField])
	var m mark
	if err == nil && json.Unmarshal(raw, &m) == nil && m.Key != "" {
		p.mark = &m
	}
	return p
}

// validate lets the server look at every document before the first is changed.
func (c *apiClient) validate(ctx context.Context, p plan) error {
	var wrong []error
	for _, a := range p {
		if a.wanted == nil || a.verb == '=' || a.wanted.order() == 1 { // a composite's parts may not be there yet
			continue
		}
		var err error
		switch a.wanted.kind {
		case "monitor":
			err = c.call(ctx, "POST", "/api/v1/monitor/validate", a.wanted.doc, nil)
		case "downtime":
			doc := maps.Clone(a.wanted.doc)
			delete(doc, "monitor")
			err = c.call(ctx, "POST", "/api/ui/downtimes/preview", doc, nil)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %q: %w", a.wanted.kind, a.wanted.key, err))
		}
	}
	return errors.Join(wrong...)
}

// carryOut does what the plan says, in its order.
func (c *apiClient) carryOut(ctx context.Context, p plan, set string, stdout io.Writer) error {
	ids := map[string]string{}
	for _, a := range p {
		if a.wanted != nil && a.wanted.kind == "monitor" && a.present != nil {
			ids[a.wanted.key] = a.present.id
		}
	}
	for _, a := range p {
		var err error
		done := ""
		switch a.verb {
		case '+':
			done = "created"
			var made map[string]any
			if made, err = c.send(ctx, "POST", a.wanted.path, a, ids, set); err == nil && a.wanted.kind == "monitor" {
				ids[a.wanted.key] = fmt.Sprint(made["id"])
			}
		case '~':
			done = "changed"
			_, err = c.send(ctx, "PUT", a.wanted.path+"/"+url.PathEscape(a.present.id), a, ids, set)
		case '-':
			err = c.call(ctx, "DELETE", a.present.path+"/"+url.PathEscape(a.present.id), nil, nil)
			if err != nil {
				return fmt.Errorf("%s %q: %w", a.present.kind, a.present.mark.Key, err)
			}
			fmt.Fprintf(stdout, "%s %q deleted\n", a.present.kind, a.present.mark.Key)
			continue
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("%s %q: %w; what is listed above is done", a.wanted.kind, a.wanted.key, err)
		}
		fmt.Fprintf(stdout, "%s %q %s\n", a.wanted.kind, a.wanted.key, done)
	}
	return nil
}

// send writes one document, with its mark.
func (c *apiClient) send(ctx context.Context, method, path string, a action, ids map[string]string, set string) (map[string]any, error) {
	doc, err := a.wanted.link(ids)
	if err != nil {
		return nil, err
	}
	body := maps.Clone(doc)
	body[markField] = mark{Set: set, Key: a.wanted.key, Document: doc}
	if a.present != nil {
		if a.present.mark != nil {
			for key := range a.present.mark.Document {
				if _, still := doc[key]; !still {
					body[key] = nil // the files had it once
				}
			}
		}
		keepSilenced(body, a.present.doc)
	}
	var answer map[string]any
	return answer, c.call(ctx, method, path, body, &answer)
}

// keepSilenced leaves a monitor as muted as somebody made it by hand: that
// is no business of the files, unless they say so.
func keepSilenced(body, before map[string]any) {
	had, _ := before["options"].(map[string]any)
	options, ok := body["options"].(map[string]any)
	if silenced := had["silenced"]; ok && silenced != nil && options["silenced"] == nil {
		options = maps.Clone(options)
		options["silenced"] = silenced
		body["options"] = options
	}
}
