// Command otel is a shop of two services, instrumented by OpenTelemetry as its
// users do it. It makes 20 requests to itself, of which three fail, and ends.
// Where its spans go is configured by the environment.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	front, err := provider(ctx, "otel-shop")
	if err != nil {
		return err
	}
	back, err := provider(ctx, "otel-stock")
	if err != nil {
		return err
	}
	stock := http.NewServeMux()
	stock.HandleFunc("GET /stock/{sku}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("sku") == "13" {
			http.Error(w, "connection reset by peer", http.StatusInternalServerError)
		}
	})
	stockURL, err := listen(stock, back)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithTracerProvider(front))}
	shop := http.NewServeMux()
	shop.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), "GET", stockURL+"/stock/"+r.PathValue("id"), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer, err := client.Do(ask)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
	})
	shopURL, err := listen(shop, front)
	if err != nil {
		return err
	}
	for i := 1; i <= 20; i++ {
		id := i
		if i%10 == 0 {
			id = 13
		}
		answer, err := http.Get(fmt.Sprintf("%s/item/%d", shopURL, id))
		if err != nil {
			return err
		}
		answer.Body.Close()
	}
	for _, p := range []*trace.TracerProvider{front, back} {
		if err := p.Shutdown(ctx); err != nil {
			return err
		}
	}
	return nil
}

func provider(ctx context.Context, service string) (*trace.TracerProvider, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	about := resource.NewSchemaless(
		attribute.String("service.name", service), attribute.String("service.version", "0.9"), attribute.String("deployment.environment.name", "test"))
	return trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about)), nil
}

func listen(h http.Handler, p *trace.TracerProvider) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	named := otelhttp.NewHandler(h, "request", otelhttp.WithTracerProvider(p), otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
		return strings.TrimSpace(r.Method + " " + r.Pattern)
	}))
	go http.Serve(l, named)
	return "http://" + l.Addr().String(), nil
}
