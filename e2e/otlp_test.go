package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelmetric "go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TestOpenTelemetrySDK sends with the unmodified Go SDK, over HTTP and gRPC.
func TestOpenTelemetrySDK(t *testing.T) {
	grpc := freeTCP(t)
	s := startServer(t, "--otlp-grpc", grpc)
	http := strings.TrimPrefix(s.url, "http://")
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	metricsOver := map[string]func() (sdkmetric.Exporter, error){
		"http": func() (sdkmetric.Exporter, error) {
			return otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(http), otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		},
		"grpc": func() (sdkmetric.Exporter, error) {
			return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(grpc), otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithCompressor("gzip"))
		},
	}
	tracesOver := map[string]func() (*otlptrace.Exporter, error){
		"http": func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(http), otlptracehttp.WithInsecure())
		},
		"grpc": func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(grpc), otlptracegrpc.WithInsecure())
		},
	}
	now := s.now()
	from, to := now.Add(-5*time.Minute), now.Add(5*time.Minute)
	for _, way := range []string{"http", "grpc"} {
		t.Run(way, func(t *testing.T) {
			about := resource.NewSchemaless(
				attribute.String("service.name", "otel-"+way), attribute.String("deployment.environment.name", "test"), attribute.String("host.name", "otel-host"),
			)
			exporter, err := metricsOver[way]()
			must(err)
			provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour))))
			meter := provider.Meter("e2e")
			requests, err := meter.Int64Counter("otel.requests", otelmetric.WithUnit("{request}"))
			must(err)
			latency, err := meter.Float64Histogram("otel.latency", otelmetric.WithUnit("ms"))
			must(err)
			depth, err := meter.Int64Gauge("otel.depth")
			must(err)
			requests.Add(ctx, 20, otelmetric.WithAttributes(attribute.String("route", "/item")))
			for v := 1; v <= 100; v++ {
				latency.Record(ctx, float64(v))
			}
			depth.Record(ctx, 7)
			must(provider.Shutdown(ctx))

			spans, err := tracesOver[way]()
			must(err)
			tracing := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(spans))
			tracer := tracing.Tracer("e2e")
			for i := range 5 {
				inside, span := tracer.Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindServer),
					trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("http.route", "/item/{id}"), attribute.Int("http.response.status_code", 200)))
				_, query := tracer.Start(inside, "SELECT", trace.WithSpanKind(trace.SpanKindClient),
					trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.String("db.query.text", "SELECT qty FROM stock WHERE sku = 17")))
				if i == 0 {
					span.RecordError(fmt.Errorf("out of stock"))
					span.SetStatus(codes.Error, "out of stock")
				}
				query.End()
				span.End()
			}
			must(tracing.Shutdown(ctx))

			filter := "service:otel-" + way + ",env:test,host:otel-host"
			s.has("avg:otel.depth{"+filter+"}", 7, from, to)
			s.has("max:otel.requests{"+filter+",route:/item}", 20, from, to)
			s.has("count:otel.latency{"+filter+"}", 100, from, to)
			s.eventually("the median of 1 to 100 is about 50", func() error {
				rows := s.query("p50:otel.latency{"+filter+"}", from, to)
				if len(rows) == 1 && len(rows[0].values()) > 0 && rows[0].values()[0] > 40 && rows[0].values()[0] < 60 {
					return nil
				}
				return &statusError{0, "p50:otel.latency", fmt.Sprintf("%+v", rows)}
			})
			s.advance(15 * time.Second)
			s.eventually("spans are counted", func() error {
				total := 0.0
				for _, row := range s.query("sum:trace.http.server.request.hits{service:otel-"+way+"}.as_count()", from, to) {
					for _, v := range row.values() {
						total += v
					}
				}
				if total != 5 {
					return &statusError{0, "trace.http.server.request.hits", fmt.Sprintf("%v so far", total)}
				}
				return nil
			})
		})
	}
}

// TestOpenTelemetryForNode sends with the unmodified SDK for Node.
func TestOpenTelemetryForNode(t *testing.T) {
	installNode(t)
	s := startServer(t)
	now := s.now()
	run := exec.Command("node", "otel.mjs", s.url)
	run.Dir = nodeDir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("node otel.mjs: %v\n%s", err, out)
	}
	from, to := now.Add(-5*time.Minute), now.Add(5*time.Minute)
	s.has("avg:js.otel.depth{service:otel-js,host:js-host}", 7, from, to)
	s.has("max:js.otel.requests{service:otel-js,route:/item}", 20, from, to)
	s.has("count:js.otel.latency{service:otel-js}", 3, from, to)
}
