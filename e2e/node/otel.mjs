// Sends with the OpenTelemetry SDK for Node: node otel.mjs URL
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'

const [url] = process.argv.slice(2)
const provider = new MeterProvider({
  resource: resourceFromAttributes({ 'service.name': 'otel-js', 'host.name': 'js-host' }),
  readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }), exportIntervalMillis: 3_600_000 })],
})
const meter = provider.getMeter('e2e')
meter.createCounter('js.otel.requests').add(20, { route: '/item' })
meter.createGauge('js.otel.depth').record(7)
const latency = meter.createHistogram('js.otel.latency', { unit: 'ms' })
for (const v of [5, 50, 500]) latency.record(v)
await provider.shutdown()
