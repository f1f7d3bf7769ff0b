package main

import (
	"github.com/whippet-obs/whippet/alerting"
	"github.com/whippet-obs/whippet/ingest/agent"
	"github.com/whippet-obs/whippet/ingest/dogstatsd"
	"github.com/whippet-obs/whippet/ingest/otlp"
	"github.com/whippet-obs/whippet/ingest/prometheus"
	"github.com/whippet-obs/whippet/ingest/selfmetrics"
	"github.com/whippet-obs/whippet/ingest/trace"
	"github.com/whippet-obs/whippet/query"
	"github.com/whippet-obs/whippet/store"
	"github.com/whippet-obs/whippet/store/span"
	"github.com/whippet-obs/whippet/web"
)

// These turn what the parts count into metrics of our own, named whippet.*.

func figuresOfStore(db *store.DB) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := db.Stats()
		return []selfmetrics.Figure{
			{Name: "whippet.store.series", Value: float64(s.Series), Help: "series known"},
			{Name: "whippet.store.head_samples", Value: float64(s.HeadSamples), Help: "samples not yet sealed"},
			{Name: "whippet.store.head_bytes", Value: float64(s.HeadBytes), Unit: "byte", Help: "memory of samples not yet sealed"},
			{Name: "whippet.store.partitions", Value: float64(s.Partitions), Help: "sealed partitions"},
			{Name: "whippet.store.disk_bytes", Value: float64(s.DiskBytes), Unit: "byte", Help: "partitions and log"},
			{Name: "whippet.store.tier_files", Value: float64(s.TierFiles), Help: "files of the 5 minute and hour tiers"},
			{Name: "whippet.store.files_merged", Value: float64(s.FilesMerged), Total: true, Help: "sealed files merged into others"},
			{Name: "whippet.store.unreadable", Value: float64(s.Unreadable), Total: true, Help: "damaged blocks that queries met"},
			{Name: "whippet.store.log_bytes", Value: float64(s.LogBytes), Unit: "byte", Help: "write-ahead log"},
			{Name: "whippet.store.appended", Value: float64(s.Appended), Total: true, Help: "samples made durable"},
			{Name: "whippet.store.log_dropped", Value: float64(s.LogDropped), Unit: "byte", Help: "of the log that were not readable at start"},
			{Name: "whippet.store.refused_series", Value: float64(s.RefusedSeries), Total: true, Help: "attempts to add a series over a limit"},
			{Name: "whippet.store.forgotten_series", Value: float64(s.ForgottenSeries), Total: true, Help: "series whose last data is gone"},
			{Name: "whippet.store.commits", Value: float64(s.Commits), Total: true, Help: "groups written with one fsync each"},
			{Name: "whippet.store.rejected", Value: float64(s.RejectedFuture), Total: true, Tags: []string{"reason:future"}, Help: "samples not kept"},
			{Name: "whippet.store.rejected", Value: float64(s.RejectedOld), Total: true, Tags: []string{"reason:old"}, Help: "samples not kept"},
		}
	}
}

func figuresOfQueries(engine *query.Engine) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := engine.Stats()
		figure := func(name string, n int64, help string) selfmetrics.Figure {
			return selfmetrics.Figure{Name: name, Value: float64(n), Total: true, Help: help}
		}
		return []selfmetrics.Figure{
			figure("whippet.queries.answered", s.Queries, "queries answered"),
			figure("whippet.queries.failed", s.Failed, "queries that failed"),
			figure("whippet.queries.slow", s.Slow, "queries that took more than a second"),
			figure("whippet.queries.refused", s.Refused, "queries refused since too many ran at once"),
			figure("whippet.queries.samples", s.Samples, "samples read by queries"),
			{Name: "whippet.queries.seconds", Value: s.Seconds, Unit: "second", Total: true, Help: "time spent in queries"},
			{Name: "whippet.queries.running", Value: float64(s.Running), Help: "queries under way"},
			figure("whippet.queries.cache_hits", s.CacheHits, "selectors and aggregates of which only new steps were computed"),
			figure("whippet.queries.cache_misses", s.CacheMisses, "selectors and aggregates that were computed as a whole"),
			figure("whippet.queries.cache_stale", s.CacheStale, "of those, the ones that late samples made so while being read"),
			{Name: "whippet.queries.cache_bytes", Value: float64(s.CacheBytes), Unit: "byte", Help: "answers remembered"},
		}
	}
}

func figuresOfStatsD(server *dogstatsd.Server) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := server.Stats()
		figures := []selfmetrics.Figure{
			{Name: "whippet.dogstatsd.packets", Value: float64(s.Packets), Total: true, Help: "packets received"},
			{Name: "whippet.dogstatsd.metrics", Value: float64(s.Metrics), Total: true, Help: "values received"},
		}
		count := func(name string, n uint64, help string, tags ...string) {
			figures = append(figures, selfmetrics.Figure{Name: name, Value: float64(n), Total: true, Help: help, Tags: tags})
		}
		for _, socket := range s.Sockets {
			count("whippet.dogstatsd.kernel_drops", socket.KernelDrops, "datagrams that found a socket's buffer full", "socket:"+socket.Name)
			figures = append(figures, selfmetrics.Figure{Name: "whippet.dogstatsd.receive_buffer", Value: float64(socket.ReceiveBuffer), Unit: "byte", Help: "receive buffer the kernel granted", Tags: []string{"socket:" + socket.Name}})
		}
		figures = append(figures, selfmetrics.Figure{Name: "whippet.dogstatsd.contexts", Value: float64(s.Contexts), Help: "metrics with their tags being aggregated"})
		count("whippet.dogstatsd.dropped", s.DroppedSamples, "what was received and not kept", "what:samples")
		count("whippet.dogstatsd.dropped", s.DroppedEvents, "what was received and not kept", "what:events")
		count("whippet.dogstatsd.dropped", s.DroppedChecks, "what was received and not kept", "what:checks")
		count("whippet.dogstatsd.dropped", s.RefusedSamples, "what was received and not kept", "what:series_limit")
		count("whippet.dogstatsd.dropped", s.Forgotten, "what was received and not kept", "what:forgotten_series")
		count("whippet.dogstatsd.late", s.LateBatches, "batches counted in the bucket before theirs")
		for _, r := range s.Rejected {
			figures = append(figures, selfmetrics.Figure{Name: "whippet.dogstatsd.rejected", Value: float64(r.Count), Total: true, Tags: []string{"reason:" + string(r.Reason)}, Help: "lines refused"})
		}
		return figures
	}
}

func figuresOfIntake(in *agent.Intake) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		var figures []selfmetrics.Figure
		for path, r := range in.Stats().Routes {
			tags := []string{"route:" + path}
			figures = append(figures,
				selfmetrics.Figure{Name: "whippet.intake.payloads", Value: float64(r.Payloads), Total: true, Tags: tags, Help: "payloads received"},
				selfmetrics.Figure{Name: "whippet.intake.malformed", Value: float64(r.Malformed + r.TooLarge), Total: true, Tags: tags, Help: "payloads refused"},
			)
		}
		return figures
	}
}

func figuresOfRemoteWrite(in *prometheus.Intake) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := in.Stats()
		rejected := func(reason string, n uint64) selfmetrics.Figure {
			return selfmetrics.Figure{Name: "whippet.remote_write.rejected", Value: float64(n), Total: true, Tags: []string{"reason:" + reason}, Help: "samples refused"}
		}
		return []selfmetrics.Figure{
			{Name: "whippet.remote_write.requests", Value: float64(s.Requests), Total: true, Help: "requests received"},
			{Name: "whippet.remote_write.malformed", Value: float64(s.Malformed), Total: true, Help: "requests refused, in whole or in part"},
			{Name: "whippet.remote_write.samples", Value: float64(s.Samples), Total: true, Help: "samples kept"},
			{Name: "whippet.remote_write.histograms", Value: float64(s.Histograms), Total: true, Help: "native histograms kept"},
			rejected("future", s.RejectedFuture), rejected("old", s.RejectedOld), rejected("series", s.RejectedSeries),
		}
	}
}

func figuresOfTraces(in *trace.Intake) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := in.Stats()
		return []selfmetrics.Figure{
			{Name: "whippet.traces.payloads", Value: float64(s.Payloads), Total: true, Help: "payloads received"},
			{Name: "whippet.traces.malformed", Value: float64(s.Malformed), Total: true, Help: "payloads refused"},
			{Name: "whippet.traces.spans", Value: float64(s.Spans), Total: true, Help: "spans received"},
			{Name: "whippet.traces.sampled_out", Value: float64(s.SampledOut), Total: true, Help: "traces counted and not kept"},
			{Name: "whippet.traces.mended", Value: float64(s.NegativeDuration), Total: true, Tags: []string{"reason:negative_duration"}, Help: "spans mended"},
			{Name: "whippet.traces.mended", Value: float64(s.FutureStart), Total: true, Tags: []string{"reason:future"}, Help: "spans mended"},
			{Name: "whippet.traces.mended", Value: float64(s.PastStart), Total: true, Tags: []string{"reason:past"}, Help: "spans mended"},
			{Name: "whippet.traces.rejected", Value: float64(s.NoID), Total: true, Tags: []string{"reason:no_id"}, Help: "traces dropped"},
		}
	}
}

func figuresOfOTLP(intake *otlp.Intake) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := intake.Stats()
		return []selfmetrics.Figure{
			{Name: "whippet.otlp.requests", Value: float64(s.Requests), Total: true, Help: "requests of OTLP"},
			{Name: "whippet.otlp.malformed", Value: float64(s.Malformed), Total: true, Help: "requests that could not be read"},
			{Name: "whippet.otlp.points", Value: float64(s.Points), Total: true, Help: "points kept"},
			{Name: "whippet.otlp.spans", Value: float64(s.Spans), Total: true, Help: "spans kept"},
			{Name: "whippet.otlp.refused", Value: float64(s.Refused), Total: true, Help: "points that could not be kept"},
		}
	}
}

func figuresOfSpans(spans *span.Store) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		s := spans.Stats()
		return []selfmetrics.Figure{
			{Name: "whippet.spans.head", Value: float64(s.HeadSpans), Help: "spans not yet sealed"},
			{Name: "whippet.spans.sealed", Value: float64(s.SealedSpans), Help: "spans in segments"},
			{Name: "whippet.spans.disk_bytes", Value: float64(s.DiskBytes), Unit: "byte", Help: "segments and log of spans"},
			{Name: "whippet.spans.appended", Value: float64(s.Appended), Total: true, Help: "spans made durable"},
		}
	}
}

func figuresOfAlerting(s *alerting.Service) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		st := s.Stats()
		return []selfmetrics.Figure{
			{Name: "whippet.alerting.monitors", Value: float64(st.Monitors), Help: "monitors"},
			{Name: "whippet.alerting.groups", Value: float64(st.Groups), Help: "groups watched"},
			{Name: "whippet.alerting.evaluations", Value: float64(st.Evaluations), Total: true, Help: "evaluations done"},
			{Name: "whippet.alerting.lateness", Value: float64(st.LastLatenessMillis), Unit: "millisecond", Help: "how late the last evaluation began"},
			{Name: "whippet.alerting.lateness_max", Value: float64(st.MaxLatenessMillis), Unit: "millisecond", Help: "how late an evaluation has begun since the start"},
			{Name: "whippet.alerting.evaluation_time", Value: float64(st.EvaluationNanos) / 1e9, Unit: "second", Total: true, Help: "time spent in evaluations, queries included"},
			{Name: "whippet.alerting.evaluation_errors", Value: float64(st.Errors), Total: true, Help: "evaluations that failed"},
			{Name: "whippet.alerting.transitions", Value: float64(st.Transitions), Total: true, Help: "changes of groups' states"},
			{Name: "whippet.alerting.mails_failed", Value: float64(st.MailsFailed), Total: true, Help: "messages that were given up or refused for good"},
			{Name: "whippet.alerting.mail_retries", Value: float64(st.MailRetries), Total: true, Help: "deliveries that will be tried again"},
			{Name: "whippet.alerting.mails_sent", Value: float64(st.MailsSent), Total: true, Help: "mails taken by the mail server"},
			{Name: "whippet.alerting.outbox", Value: float64(st.OutboxLength), Help: "mails waiting"},
		}
	}
}

func figuresOfWeb(server *web.Server) selfmetrics.Source {
	return func() []selfmetrics.Figure {
		requests, failures := server.Stats()
		return []selfmetrics.Figure{
			{Name: "whippet.web.requests", Value: float64(requests), Total: true, Help: "HTTP requests"},
			{Name: "whippet.web.failures", Value: float64(failures), Total: true, Help: "answers of 500 and above"},
		}
	}
}
