package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// mostPerSecond is more than a server takes in of what one connection sends.
const mostPerSecond = 1_500_000

// kill measures what is missing after SIGKILL under full load, and how long the
// server takes to serve again. It counts the samples of the one series in 200
// that every host has: my_metric.
func (b *bench) kill(ctx context.Context) error {
	t := newTable("kill -9 under load", "server", "killed after", "acknowledged", "missing", "ready s", "first answer s")
	for _, p := range b.peers {
		log.Printf("kill: %s", p.name)
		err := b.with(ctx, p, func(s *server) error {
			// One connection sends tick after tick, so that what is acknowledged is
			// known to the host.
			ticks := int(b.scale.killAfter.Seconds() * mostPerSecond / 200 / float64(b.scale.killHosts))
			l := load{fleet.Fleet, b.scale.killHosts, ticks, fleet.Batch, remoteWrite, 1}
			sent, err := s.send(ctx, l, b.scale.killAfter)
			if err != nil {
				return err
			}
			s.kill()
			start := time.Now()
			if err := s.restart(ctx); err != nil {
				return err
			}
			ready := time.Since(start)
			expr := fmt.Sprintf("sum(count_over_time(my_metric[%ds]))", (l.ticks+60)*fleet.Interval/1000)
			_, body, err := s.ask(question{expr: expr}.at(time.Now().UnixMilli()))
			if err != nil {
				return err
			}
			answered := time.Since(start)
			found, err := scalar(body)
			if err != nil {
				return err
			}
			// Each request is ten hosts' next tick.
			acknowledged := float64(sent.requests * l.shape.Hosts)
			t.row(p.name, sent.took.Round(time.Millisecond).String(), fmt.Sprintf("%.2f M", float64(sent.samples)/1e6),
				fmt.Sprintf("%.1f %%", 100*max(0, acknowledged-found)/acknowledged),
				fmt.Sprintf("%.2f", ready.Seconds()), fmt.Sprintf("%.2f", answered.Seconds()))
			return nil
		})
		if err != nil {
			t.failed(err, p.name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	t.print()
	return nil
}

// scalar reads the one value of an instant query's answer; 0 when there is none.
func scalar(body []byte) (float64, error) {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) == 0 {
		return 0, nil
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	return strconv.ParseFloat(text, 64)
}
