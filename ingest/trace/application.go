package trace

import (
	"context"

	"github.com/whippet-obs/whippet/store/span"
)

// Application is spans of one application that came by another protocol than
// tracers'. Their tags are sorted.
type Application struct {
	Host     string
	Env      string
	Version  string
	Language string
	Spans    []*span.Span
}

// Take normalises, keeps and counts spans, as those of tracers that don't count
// themselves. It returns how many were fit to be kept. An error is a store's.
func (in *Intake) Take(ctx context.Context, applications []Application) (kept int, err error) {
	var payloads []*tracerPayload
	for _, a := range applications {
		p := &tracerPayload{host: a.Host, env: a.Env, version: a.Version, lang: a.Language}
		chunks := map[span.TraceID]int{}
		for _, s := range a.Spans {
			i, ok := chunks[s.Trace]
			if !ok {
				i = len(p.chunks)
				chunks[s.Trace] = i
				p.chunks = append(p.chunks, chunk{priority: noPriority})
			}
			p.chunks[i].spans = append(p.chunks[i].spans, s)
		}
		payloads = append(payloads, p)
	}
	kept, err = in.take(ctx, payloads)
	in.countPayload(err, false)
	return kept, err
}
