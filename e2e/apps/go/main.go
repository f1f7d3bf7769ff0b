// Command go is a shop of two services and a database, instrumented by
// dd-trace-go as its users do it. It makes 20 requests to itself, of which
// three fail, and a nightly job, and ends. The agent's address and all else is
// configured by the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	httptrace "github.com/DataDog/dd-trace-go/contrib/net/http/v2"
	"github.com/DataDog/dd-trace-go/v2/ddtrace/ext"
	"github.com/DataDog/dd-trace-go/v2/ddtrace/tracer"
)

func main() {
	if err := tracer.Start(tracer.WithService("shop-web"), tracer.WithEnv("test"), tracer.WithServiceVersion("1.4.2")); err != nil {
		log.Fatal(err)
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
	// What Stop sends itself does not say that its statistics were computed, and
	// a trace agent would compute them again.
	tracer.Flush()
	tracer.Stop()
}

func run() error {
	inventory := httptrace.NewServeMux(httptrace.WithService("shop-inventory"))
	inventory.HandleFunc("/stock/", func(w http.ResponseWriter, r *http.Request) {
		if err := query(r.Context(), strings.TrimPrefix(r.URL.Path, "/stock/")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "7")
	})
	stock, err := listen(inventory)
	if err != nil {
		return err
	}
	client := httptrace.WrapClient(&http.Client{Timeout: 5 * time.Second})
	shop := httptrace.NewServeMux()
	shop.HandleFunc("/item/", func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), "GET", stock+"/stock/"+strings.TrimPrefix(r.URL.Path, "/item/"), nil)
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
	front, err := listen(shop)
	if err != nil {
		return err
	}
	for i := 1; i <= 20; i++ {
		id := i
		if i%10 == 0 {
			id = 13
		}
		answer, err := http.Get(fmt.Sprintf("%s/item/%d", front, id))
		if err != nil {
			return err
		}
		answer.Body.Close()
	}
	job := tracer.StartSpan("nightly.job", tracer.ResourceName("reindex"))
	time.Sleep(time.Millisecond)
	job.Finish()
	return nil
}

func listen(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(l, h)
	return "http://" + l.Addr().String(), nil
}

// query is what a database's integration records.
func query(ctx context.Context, sku string) (err error) {
	span, _ := tracer.StartSpanFromContext(ctx, "postgres.query",
		tracer.ServiceName("postgres"), tracer.SpanType(ext.SpanTypeSQL), tracer.ResourceName("SELECT qty FROM stock WHERE sku = $1"),
		tracer.Tag(ext.SpanKind, ext.SpanKindClient), tracer.Tag("db.name", "stock"), tracer.Tag("out.host", "db.internal"), tracer.Tag("peer.service", "stock-db"))
	defer func() { span.Finish(tracer.WithError(err)) }()
	time.Sleep(2 * time.Millisecond)
	if sku == "13" {
		return errors.New("connection reset by peer")
	}
	return nil
}
