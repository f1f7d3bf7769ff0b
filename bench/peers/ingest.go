package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/whippet-obs/whippet/bench/fleet"
)

// ingest measures what it costs to take samples, and what they take on the disk
// right away and once the server has settled.
func (b *bench) ingest(ctx context.Context) error {
	random := fleet.Shape{Hosts: 10, Ticks: 120}
	loads := []struct {
		name string
		load
	}{
		{"agent, 2 connections", load{fleet.Fleet, ingestHosts, b.scale.ticks, fleet.Agent, datadogV2, 2}},
		{"agent, 8 connections", load{fleet.Fleet, ingestHosts, b.scale.ticks, fleet.Agent, datadogV2, 8}},
		{"agent, 2 connections", load{fleet.Fleet, ingestHosts, b.scale.ticks, fleet.Agent, datadogV1, 2}},
		{"agent, 2 connections", load{fleet.Fleet, ingestHosts, b.scale.ticks, fleet.Agent, remoteWrite, 2}},
		{"batch, 4 connections", load{fleet.Fleet, ingestHosts, b.scale.ticks, fleet.Batch, remoteWrite, 4}},
		{"backfill, 2 connections", load{fleet.Fleet, ingestHosts, b.scale.ticks, fleet.Backfill, remoteWrite, 2}},
		{"random, 2 connections", load{fleet.Random, 1000, 20 * b.scale.ticks, random, remoteWrite, 2}},
		{"churn, 2 connections", load{fleet.Churn, ingestHosts, b.scale.churnTicks, fleet.Agent, remoteWrite, 2}},
	}
	t := newTable("Ingestion", "load", "protocol", "server", "k samples/s", "ns CPU/sample", "settled", "B/sample at once", "settled")
	for _, l := range loads {
		for _, p := range b.peers {
			if _, ok := p.doors[l.format]; !ok {
				continue
			}
			log.Printf("ingest: %s, %v, %s", l.name, l.format, p.name)
			err := b.with(ctx, p, func(s *server) error {
				before := s.cpu()
				sent, err := s.send(ctx, l.load, 0)
				if err != nil {
					return err
				}
				busy, atOnce := s.cpu()-before, s.disk()
				if err := s.settle(ctx, b.scale.settle); err != nil {
					return err
				}
				settled := s.cpu() - before
				n := float64(sent.samples)
				t.row(l.name, l.format.String(), p.name, fmt.Sprintf("%.0f", n/sent.took.Seconds()/1000),
					perSample(busy, n), perSample(settled, n),
					fmt.Sprintf("%.2f", float64(atOnce)/n), fmt.Sprintf("%.2f", float64(s.disk())/n))
				return nil
			})
			if err != nil {
				t.failed(err, l.name, l.format.String(), p.name)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	t.print()
	return nil
}

func perSample(d time.Duration, n float64) string {
	return fmt.Sprintf("%.0f", float64(d.Nanoseconds())/n)
}

// memory measures the RSS of a server that has many series, each with a few
// samples, some time after the last of them.
func (b *bench) memory(ctx context.Context) error {
	t := newTable("Memory", "series", "server", "RSS MB", "peak MB", "RSS B/series", "anonymous B/series", "s CPU to take them", "count() ms")
	for _, hosts := range b.scale.memory {
		for _, p := range b.peers {
			series := 198 * hosts
			log.Printf("memory: %d series, %s", series, p.name)
			err := b.with(ctx, p, func(s *server) error {
				ticks := 6
				if hosts > 1000 {
					ticks = 4
				}
				sent, err := s.send(ctx, load{fleet.Fleet, hosts, ticks, fleet.Batch, remoteWrite, 4}, 0)
				if err != nil {
					return err
				}
				busy := s.cpu()
				select {
				case <-time.After(b.scale.rest):
				case <-ctx.Done():
					return ctx.Err()
				}
				rss, anonymous := s.memory("VmRSS"), s.memory("RssAnon")
				peak := s.memory("VmHWM")
				took, _, err := s.ask(question{expr: `count({__name__!=""})`}.at(sent.last))
				count := fmt.Sprintf("%.0f", milliseconds(took))
				if err != nil {
					count = "fails: " + err.Error()
				}
				t.row(fmt.Sprint(series), p.name, fmt.Sprint(rss>>20), fmt.Sprint(peak>>20), fmt.Sprint(rss/int64(series)), fmt.Sprint(anonymous/int64(series)),
					fmt.Sprintf("%.1f", busy.Seconds()), count)
				return nil
			})
			if err != nil {
				t.failed(err, fmt.Sprint(series), p.name)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	t.print()
	return nil
}
