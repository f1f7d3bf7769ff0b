// The services that did anything in the range, with what they did.
import { api } from '../api'
import { Apdex, EnvPicker, ErrorShare, ServiceName, Sortable, apmTabs, colorsOf, keyOf, kindOf, perSecond, ranks, seconds } from '../apm/parts'
import { useData } from '../data'
import { Empty, Failure, Moment, Panel, SearchField } from '../parts/basics'
import { Page, useStatus } from '../parts/frame'
import { Ways } from '../parts/ways'
import { useRange } from '../range'
import { setParams } from '../route'
import { plural } from '../units'

export function ApmServices({ params }: { params: URLSearchParams }) {
  const range = useRange()
  const env = params.get('env') ?? ''
  const search = (params.get('search') ?? '').toLowerCase()
  const sort = params.get('sort') ?? 'name'
  const loaded = useData(`services ${env} ${keyOf(range)}`, () => api.services(range.from, range.to, env))
  const services = loaded.data?.services ?? []
  const painted = colorsOf(services.map((s) => s.name))
  const rank = ranks[sort]
  const shown = services.filter((s) => s.hits > 0 && s.name.includes(search)).sort((a, b) => (rank ? rank(b) - rank(a) : 0) || Number(a.inferred) - Number(b.inferred) || (a.name < b.name ? -1 : 1))
  return (
    <Page title="APM" tabs={apmTabs('services')} actions={<EnvPicker envs={loaded.data?.envs ?? []} env={env} />} time>
      {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data && services.length === 0 && (
        <Panel title="No service has sent traces in this time range"><Tracers /></Panel>
      )}
      {services.length > 0 && (
        <>
          <Panel flush loading={loaded.loading} title={plural(shown.length, 'service')} actions={<SearchField value={params.get('search') ?? ''} label="Find a service" onInput={(text) => setParams({ search: text || null }, true)} />}>
            <div class="scroll">
              <table class="services">
                <thead>
                  <tr>
                    <Sortable by="name" sort={sort}>Service</Sortable>
                    <th>Kind</th>
                    <Sortable by="hits" sort={sort} figure>Requests</Sortable>
                    <Sortable by="p50" sort={sort} figure>p50</Sortable>
                    <Sortable by="p95" sort={sort} figure>p95</Sortable>
                    <Sortable by="p99" sort={sort} figure>p99</Sortable>
                    <Sortable by="errors" sort={sort} figure>Errors</Sortable>
                    <th class="figure">Apdex</th>
                    <th>Last deploy</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((s) => (
                    <tr key={s.name}>
                      <td><ServiceName name={s.name} color={painted.get(s.name)} /></td>
                      <td class="nowrap">{kindOf(s)}{s.inferred && <span class="muted" title="It sends no spans itself: this is what its callers saw"> inferred</span>}</td>
                      <td class="figure">{perSecond(s.hits, range)}</td>
                      <td class="figure">{seconds(s.p50)}</td>
                      <td class="figure">{seconds(s.p95)}</td>
                      <td class="figure">{seconds(s.p99)}</td>
                      <td class="figure"><ErrorShare of={s} /></td>
                      <td class="figure">{s.inferred ? <span class="muted">–</span> : <Apdex of={s} />}</td>
                      <td class="nowrap">{s.versions[0] ? <><span class="tag">{s.versions[0].name}</span> <span class="muted"><Moment ms={s.versions[0].first} ago /></span></> : <span class="muted">–</span>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {shown.length === 0 && <Empty title={`No service matches “${search}”`} />}
          </Panel>
          <ServiceOrResource />
        </>
      )}
    </Page>
  )
}

// Tracers is how to send traces here.
function Tracers() {
  const status = useStatus()
  if (!status) return null
  const url = `DD_TRACE_AGENT_URL=http://${status.traces}`
  const ways: [string, string][] = [
    ['Python', `pip install ddtrace\n${url} DD_SERVICE=shop DD_ENV=test ddtrace-run flask run`],
    ['Node', `npm install dd-trace\n${url} DD_SERVICE=shop DD_ENV=test NODE_OPTIONS='--require dd-trace/init' node app.js`],
    ['Go', `// go get github.com/DataDog/dd-trace-go/v2\ntracer.Start(tracer.WithService("shop"), tracer.WithEnv("test"))\n// and in its environment: ${url}`],
    ['OpenTelemetry', `OTEL_EXPORTER_OTLP_ENDPOINT=${status.http} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_SERVICE_NAME=shop`],
    ['Datadog Agent', `# /etc/datadog-agent/datadog.yaml\napm_config:\n  apm_dd_url: ${status.http}`],
  ]
  if (!status.traces) ways.splice(0, 3)
  return <Ways ways={ways} note={status.traces ? 'Start an application like this, and ask it something: it is here within seconds.' : 'Whippet was started without --traces: tracing libraries have no address to send to.'} />
}

// ServiceOrResource says what the two words mean.
export function ServiceOrResource() {
  return (
    <p class="explanation">
      <b>Service or resource?</b> A <b>service</b> is a program, or a part of one, that does one job: a web server, a worker, a database. A <b>resource</b> is
      one thing that a service is asked to do: an endpoint such as <code>GET /item/:id</code>, a query, a job. Click a service to see its resources.
    </p>
  )
}
