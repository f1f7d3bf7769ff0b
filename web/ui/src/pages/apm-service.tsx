// One service: its requests, errors and latency, what it is asked to do, who
// calls it and whom it calls, and how its versions compare.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Edge, Resource, Service } from '../model'
import { Apdex, ErrorShare, ServiceName, Sortable, keyOf, kindOf, millis, perSecond, quoted, ranks, seconds, servicePath, tracesLink } from '../apm/parts'
import type { Deploy } from '../chart/marks'
import { useData } from '../data'
import { Button, Dialog, Empty, Failure, Field, LinkButton, Moment, Panel, SearchField } from '../parts/basics'
import { Page } from '../parts/frame'
import { SnapshotButton } from '../dashboard/snapshot'
import { Graph } from '../parts/graph'
import type { Request } from '../chart/lines'
import { useRange } from '../range'
import { link, setParams } from '../route'
import type { Range } from '../time'
import { plural, showNumber } from '../units'
import { SpanTable } from '../apm/span-table'

export function ApmService({ name, params }: { name: string; params: URLSearchParams }) {
  const range = useRange()
  const env = params.get('env') ?? ''
  const loaded = useData(`service ${name} ${env} ${keyOf(range)}`, () => api.service(name, range.from, range.to, env))
  const service = loaded.data?.service
  return (
    <Page title={name} crumbs={[['APM', '/apm']]} time>
      {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data && !service && (
        <Panel><Empty title={`The service ${name} did nothing in this time range`} action={<LinkButton kind="primary" href={link('/apm')} label="See all services" />} /></Panel>
      )}
      {service && (
        <>
          <Summary service={service} range={range} onChange={loaded.reload} />
          <ServiceGraphs service={service} env={env} deploys={deploysOf(service)} search={`service:${quoted(name)}${env && ` env:${env}`}`} />
          <Resources service={service} resources={loaded.data!.resources} range={range} params={params} />
          <div class="columns">
            <Neighbours title="Called by" edges={loaded.data!.edges.filter((e) => e.to === name)} end="from" range={range} empty="No other service was seen to call it" />
            <Neighbours title="Calls" edges={loaded.data!.edges.filter((e) => e.from === name)} end="to" range={range} empty="It was not seen to call another service" />
          </div>
          {service.versions.length > 0 && <Versions service={service} range={range} />}
          <Errors search={`service:${quoted(name)} status:error${env && ` env:${env}`}`} />
        </>
      )}
    </Page>
  )
}

// deploysOf are the versions to mark: one alone has nothing to tell apart.
export const deploysOf = (s: Service): Deploy[] => (s.versions.length > 1 ? s.versions.map((v) => ({ at: v.first, version: v.name })) : [])

export function Summary({ service: s, range, onChange }: { service: Service; range: Range; onChange?: () => void }) {
  return (
    <dl class="summary">
      <div><dt>Kind</dt><dd>{kindOf(s)}{s.inferred && <span class="muted"> inferred from its callers</span>}</dd></div>
      <div><dt>Requests</dt><dd>{perSecond(s.hits, range)}<span class="muted"> {showNumber(Math.round(s.hits))} in all</span></dd></div>
      <div><dt>Errors</dt><dd><ErrorShare of={s} /><span class="muted"> {showNumber(Math.round(s.errors))}</span></dd></div>
      <div><dt>p50 / p95 / p99</dt><dd>{seconds(s.p50)} / {seconds(s.p95)} / {seconds(s.p99)}</dd></div>
      {!s.inferred && <div><dt>Apdex</dt><dd><Apdex of={s} /> <Threshold service={s} onChange={onChange} /></dd></div>}
      {s.hosts.length > 0 && <div><dt>Hosts</dt><dd>{s.hosts.slice(0, 3).map((h) => <a key={h} href={link(`/infrastructure/${encodeURIComponent(h)}`)}>{h} </a>)}{s.hosts.length > 3 && <span class="muted">+{s.hosts.length - 3}</span>}</dd></div>}
    </dl>
  )
}

// Threshold is the time that apdex is judged by, and the way to change it.
function Threshold({ service: s, onChange }: { service: Service; onChange?: () => void }) {
  const [open, setOpen] = useState(false)
  const [text, setText] = useState('')
  const [error, setError] = useState('')
  const shown = millis(s.apdex_threshold)
  if (!onChange) return <span class="muted">within {shown}</span>
  const save = (e: Event) => {
    e.preventDefault()
    api.setApdex(s.name, Number(text)).then(
      () => {
        setOpen(false)
        onChange()
      },
      (cause: unknown) => setError(cause instanceof Error ? cause.message : String(cause)),
    )
  }
  return (
    <>
      <button type="button" class="link small" title="Change the threshold" onClick={() => (setText(String(s.apdex_threshold)), setError(''), setOpen(true))}>within {shown}</button>
      {open && (
        <Dialog title={`Apdex of ${s.name}`} onClose={() => setOpen(false)}>
          <form class="spaced" onSubmit={save}>
            <Field label="Threshold in milliseconds" hint="A request within it satisfies, one within four times as much is tolerated, an error is neither. 0 is the usual 500." error={error}>
              <input type="number" min="0" max="3600000" value={text} onInput={(e) => setText(e.currentTarget.value)} />
            </Field>
            <div class="actions end"><Button type="submit" kind="primary" label="Save" /></div>
          </form>
        </Dialog>
      )}
    </>
  )
}

// ServiceGraphs are the three graphs of a service or resource, each with the
// way to the traces behind it. filter narrows them to a resource, shown to some
// of the three.
export function ServiceGraphs({ service, env, deploys, search, filter = '', operations = service.entries, shown = ['hits', 'errors', 'latency'] }: {
  service: Service
  env: string
  deploys: Deploy[]
  search: string
  filter?: string
  operations?: string[]
  shown?: string[]
}) {
  const scope = `{service:${service.name}${filter ? `,${filter}` : `,entry:${service.inferred ? 'call' : 'request'}`}${env && `,env:${env}`}}`
  const several = operations.length > 1
  const each = (metric: (operation: string) => string) => operations.map((o) => ({ query: metric(o), alias: several ? o : undefined, style: 'bars' as const }))
  const hits = each((o) => `sum:trace.${o}.hits${scope}.as_count()`)
  const errors = each((o) => `sum:trace.${o}.errors${scope}.as_count()`)
  const latency = operations.slice(0, 3).flatMap((o) => ['p50', 'p95', 'p99'].map((p) => ({ query: `${p}:trace.${o}${scope}`, alias: several ? `${p} ${o}` : p })))
  const actions = (what: string, requests: Request[], label: string, query: string, sort?: string) => (
    <>
      <SnapshotButton title={`${what} of ${service.name}`} requests={requests} />
      <LinkButton kind="quiet" href={tracesLink(query, sort)} label={label} />
    </>
  )
  return (
    <div class="graphs three">
      {shown.includes('hits') && (
        <Panel title="Requests" flush actions={actions('Requests', hits, 'Traces', search)}>
          <Graph label={`Requests of ${service.name}`} height={180} deploys={deploys} requests={hits} />
        </Panel>
      )}
      {shown.includes('errors') && (
        <Panel title="Errors" flush actions={actions('Errors', errors, 'Error traces', `${search} status:error`)}>
          <Graph label={`Errors of ${service.name}`} height={180} deploys={deploys} requests={errors} />
        </Panel>
      )}
      {shown.includes('latency') && (
        <Panel title="Latency" flush actions={actions('Latency', latency, 'Slowest traces', search, 'slowest')}>
          <Graph label={`Latency of ${service.name}`} height={180} deploys={deploys} requests={latency} />
        </Panel>
      )}
    </div>
  )
}

const mostResources = 200

export function Resources({ service, resources, range, params }: { service: Service; resources: Resource[]; range: Range; params: URLSearchParams }) {
  const search = (params.get('search') ?? '').toLowerCase()
  const sort = params.get('sort') ?? 'hits'
  const rank = ranks[sort] ?? ranks.hits
  const found = resources.filter((r) => r.name.toLowerCase().includes(search)).sort((a, b) => Number(b.request) - Number(a.request) || rank(b) - rank(a))
  return (
    <Panel flush title={plural(found.length, 'resource')} actions={<SearchField value={params.get('search') ?? ''} label="Find a resource" onInput={(text) => setParams({ search: text || null }, true)} />}>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Resource</th>
              <th>Operation</th>
              <Sortable by="hits" sort={sort} figure>Requests</Sortable>
              <Sortable by="p50" sort={sort} figure>p50</Sortable>
              <Sortable by="p95" sort={sort} figure>p95</Sortable>
              <Sortable by="p99" sort={sort} figure>p99</Sortable>
              <Sortable by="errors" sort={sort} figure>Errors</Sortable>
              <Sortable by="total" sort={sort} figure>Total time</Sortable>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, mostResources).map((r) => (
              <tr key={`${r.operation} ${r.span_kind} ${r.name}`} class={r.request ? '' : 'aside'}>
                <td class="resource"><a href={link(`${servicePath(service.name)}/resource`, { resource: r.name, operation: r.operation, kind: r.span_kind, env: params.get('env') })}>{r.name}</a></td>
                <td class="nowrap">{r.operation} {r.span_kind && <span class="muted">{r.span_kind}</span>}</td>
                <td class="figure">{perSecond(r.hits, range)}<span class="muted count-of"> {showNumber(Math.round(r.hits))}</span></td>
                <td class="figure">{seconds(r.p50)}</td>
                <td class="figure">{seconds(r.p95)}</td>
                <td class="figure">{seconds(r.p99)}</td>
                <td class="figure"><ErrorShare of={r} /></td>
                <td class="figure">{seconds(r.total)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length > mostResources && <p class="note-line">+{found.length - mostResources} more: search to find them</p>}
      <p class="note-line">A resource is one thing that {service.name} is asked to do. Those in grey are steps on the way, such as its calls to others: they are not among its requests.</p>
    </Panel>
  )
}

function Neighbours({ title, edges, end, range, empty }: { title: string; edges: Edge[]; end: 'from' | 'to'; range: Range; empty: string }) {
  return (
    <Panel title={title} flush>
      {edges.length === 0 ? <p class="note-line pad">{empty}</p> : (
        <div class="scroll">
          <table>
            <thead><tr><th>Service</th><th class="figure">Calls</th><th class="figure">p95</th><th class="figure">Errors</th></tr></thead>
            <tbody>
              {edges.map((e) => (
                <tr key={e.from + e.to}>
                  <td><ServiceName name={e[end]} />{end === 'to' && e.inferred && <span class="muted"> inferred</span>}</td>
                  <td class="figure">{perSecond(e.hits, range)}</td>
                  <td class="figure">{seconds(e.p95)}</td>
                  <td class="figure"><ErrorShare of={e} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

function Versions({ service, range }: { service: Service; range: Range }) {
  return (
    <Panel title={plural(service.versions.length, 'version')} flush>
      <div class="scroll">
        <table>
          <thead><tr><th>Version</th><th>First seen</th><th>Last seen</th><th class="figure">Requests</th><th class="figure">p50</th><th class="figure">p95</th><th class="figure">p99</th><th class="figure">Errors</th></tr></thead>
          <tbody>
            {service.versions.map((v) => (
              <tr key={v.name}>
                <td><a href={tracesLink(`service:${quoted(service.name)} version:${quoted(v.name)}`)}>{v.name}</a></td>
                <td class="nowrap"><Moment ms={v.first} /></td>
                <td class="nowrap"><Moment ms={v.last} ago /></td>
                <td class="figure">{perSecond(v.hits, range)}</td>
                <td class="figure">{seconds(v.p50)}</td>
                <td class="figure">{seconds(v.p95)}</td>
                <td class="figure">{seconds(v.p99)}</td>
                <td class="figure"><ErrorShare of={v} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

function Errors({ search }: { search: string }) {
  const range = useRange()
  const loaded = useData(`errors ${search} ${keyOf(range)}`, () => api.spans(search, range.from, range.to, 'newest', 10))
  if (!loaded.data?.spans.length) return null
  return (
    <Panel title="Latest errors" flush actions={<LinkButton kind="quiet" href={tracesLink(search)} label="All error traces" />}>
      <SpanTable spans={loaded.data.spans} />
    </Panel>
  )
}
