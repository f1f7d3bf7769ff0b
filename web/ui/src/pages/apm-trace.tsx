// One trace: its flame graph, its spans as a list, and all that is known of the
// span that was chosen.
import { useMemo } from 'preact/hooks'
import { api } from '../api'
import type { Span } from '../model'
import { Flame } from '../apm/flame'
import { colorsOf, millis, quoted, servicePath, tracesLink } from '../apm/parts'
import { SpanList } from '../apm/span-list'
import { matches, selfTime, treeOf, type Node, type Tree } from '../apm/tree'
import { useData } from '../data'
import { CopyButton, Empty, Failure, LinkButton, Moment, Panel, SearchField } from '../parts/basics'
import { Page } from '../parts/frame'
import { GraphView, useGraph } from '../parts/graph'
import { link, setParams } from '../route'
import { plural } from '../units'

export function ApmTrace({ id, params }: { id: string; params: URLSearchParams }) {
  const loaded = useData(`trace ${id}`, () => api.trace(id))
  const spans = loaded.data?.spans
  const tree = useMemo(() => spans && treeOf(spans), [spans])
  const painted = useMemo(() => colorsOf((spans ?? []).map((s) => s.service).sort()), [spans])
  const text = params.get('find') ?? ''
  const found = useMemo(() => (tree && text ? new Set(tree.nodes.filter((n) => matches(n.span, text))) : null), [tree, text])
  const view = params.get('view') === 'list' ? 'list' : 'flame'
  const chosen = (tree && (tree.byId.get(params.get('span') ?? '') ?? tree.nodes[0])) ?? null
  const choose = (node: Node) => setParams({ span: node.span.span_id }, true)
  return (
    <Page title={tree ? tree.nodes[0].span.resource : 'Trace'} crumbs={[['APM', '/apm'], ['Traces', '/apm/traces']]}>
      {loaded.error && !loaded.data && (loaded.error.status === 404
        ? <Panel><Empty title="This trace is not kept" action={<LinkButton kind="primary" href={link('/apm/traces')} label="Search traces" />}>It may be older than the retention, or was never sent here.</Empty></Panel>
        : <Failure error={loaded.error} retry={loaded.reload} />)}
      {tree && chosen && (
        <>
          <TraceSummary tree={tree} total={loaded.data!.total} painted={painted} id={id} />
          <Panel
            flush
            title={
              <span class="segments" role="group" aria-label="Shown as">
                <button type="button" aria-pressed={view === 'flame'} onClick={() => setParams({ view: null }, true)}>Flame graph</button>
                <button type="button" aria-pressed={view === 'list'} onClick={() => setParams({ view: 'list' }, true)}>Span list</button>
              </span>
            }
            actions={<><SearchField value={text} label="Find in this trace" onInput={(t) => setParams({ find: t || null }, true)} />{found && <span class="muted nowrap">{found.size} found</span>}</>}
          >
            {view === 'flame'
              ? <Flame tree={tree} painted={painted} chosen={chosen} search={found} onChoose={choose} />
              : <SpanList tree={tree} painted={painted} chosen={chosen} search={found} onChoose={choose} />}
          </Panel>
          <SpanDetails node={chosen} tree={tree} painted={painted} />
          {chosen.span.host && <HostAround span={chosen.span} />}
        </>
      )}
    </Page>
  )
}

function TraceSummary({ tree, total, painted, id }: { tree: Tree; total: number; painted: Map<string, string>; id: string }) {
  const root = tree.nodes[0].span
  const errors = tree.nodes.filter((n) => n.span.error).length
  const times = new Map<string, number>()
  for (const n of tree.nodes) times.set(n.span.service, (times.get(n.span.service) ?? 0) + selfTime(n))
  const all = [...times.values()].reduce((a, b) => a + b, 0) || 1
  return (
    <div class="trace-head">
      <dl class="summary">
        <div><dt>Started</dt><dd><Moment ms={root.start} /></dd></div>
        <div><dt>Duration</dt><dd>{millis(tree.end - tree.start)}</dd></div>
        <div><dt>Spans</dt><dd>{plural(total, 'span')}{errors > 0 && <span class="share alert"> ✕ {plural(errors, 'error')}</span>}</dd></div>
        <div><dt>Env</dt><dd>{root.env}</dd></div>
        <div><dt>Trace</dt><dd class="mono trace-id">{id} <CopyButton bare text={id} label="Copy the trace's id" /></dd></div>
      </dl>
      <ul class="shares" aria-label="Time by service">
        {[...times].sort((a, b) => b[1] - a[1]).map(([service, ms]) => (
          <li key={service}><span class="swatch" style={{ background: painted.get(service) }} /> <a href={link(servicePath(service))}>{service}</a> <span class="muted">{((100 * ms) / all).toFixed(1)} %</span></li>
        ))}
      </ul>
    </div>
  )
}

const stackKeys = ['error.stack', 'exception.stacktrace']
const lists = ['_dd.span_links', 'events']

function SpanDetails({ node, tree, painted }: { node: Node; tree: Tree; painted: Map<string, string> }) {
  const { span } = node
  const tags = Object.entries(span.tags).filter(([key]) => !stackKeys.includes(key) && !lists.includes(key)).sort(([a], [b]) => (a < b ? -1 : 1))
  const stack = stackKeys.map((key) => span.tags[key]).find((v) => v !== undefined)
  const message = span.tags['error.message'] ?? span.tags['error.msg']
  return (
    <Panel
      title={<span class="service-name"><span class="swatch" style={{ background: painted.get(span.service) }} />{span.service} <span class="muted">{span.name}</span></span>}
      actions={<LinkButton kind="quiet" href={tracesLink(`service:${quoted(span.service)} resource_name:${quoted(span.resource)}`)} label="Traces like this" />}
    >
      <div class="span-details">
        <p class="span-resource mono">{span.resource}</p>
        {span.error && (
          <div class="failure">
            <p><b>{String(span.tags['error.type'] ?? 'Error')}</b>{message !== undefined && `: ${String(message)}`}</p>
            {stack !== undefined && <pre class="stack">{String(stack)}</pre>}
          </div>
        )}
        <dl class="facts">
          <dt>Duration</dt><dd>{millis(span.duration)} <span class="muted">{((100 * span.duration) / Math.max(tree.end - tree.start, 1e-9)).toFixed(1)} % of the trace, {millis(selfTime(node))} of its own</span></dd>
          <dt>Starts at</dt><dd>{millis(span.start - tree.start)} <span class="muted">after the trace began</span></dd>
          <dt>Service</dt><dd><a href={link(servicePath(span.service))}>{span.service}</a></dd>
          {span.host && <><dt>Host</dt><dd><a href={link(`/infrastructure/${encodeURIComponent(span.host)}`, momentOf(span))}>{span.host}</a></dd></>}
          {span.type && <><dt>Type</dt><dd>{span.type}</dd></>}
          <dt>Span</dt><dd class="mono">{span.span_id}{node.parent && <span class="muted"> in {node.parent.span.span_id}</span>}{!node.parent && span.parent_id !== '0' && <span class="muted"> its parent {span.parent_id} was not sent</span>}</dd>
        </dl>
        {tags.length > 0 && (
          <table class="tag-table">
            <thead><tr><th>Tag</th><th>Value</th></tr></thead>
            <tbody>
              {tags.map(([key, value]) => (
                <tr key={key}>
                  <td class="mono nowrap">{key}</td>
                  <td class="mono"><a href={tracesLink(`@${key}:${quoted(String(value))}`)} title="Traces with this tag">{String(value)}</a></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {lists.filter((key) => span.tags[key] !== undefined).map((key) => <Json key={key} title={key === 'events' ? 'Events' : 'Links'} text={String(span.tags[key])} />)}
      </div>
    </Panel>
  )
}

// Json shows a list of events or links; a link leads to its trace.
function Json({ title, text }: { title: string; text: string }) {
  let items: Record<string, unknown>[]
  try {
    items = JSON.parse(text)
  } catch {
    return null
  }
  if (!Array.isArray(items)) return null
  return (
    <>
      <h3>{title}</h3>
      <ul class="rows">
        {items.slice(0, 100).map((item, i) => (
          <li key={i}>
            {typeof item.trace_id === 'string' ? <a class="mono" href={link(`/apm/trace/${encodeURIComponent(item.trace_id)}`)}>{item.trace_id}</a> : <b>{String(item.name ?? '')}</b>}
            <code>{JSON.stringify(item.attributes ?? {})}</code>
          </li>
        ))}
      </ul>
    </>
  )
}

const around = 15 * 60e3

const momentOf = (span: Span) => ({ from_ts: Math.round(span.start - around), to_ts: Math.round(span.start + around) })

// HostAround is how the span's host fared at the time.
function HostAround({ span }: { span: Span }) {
  const range = { from: span.start - around, to: span.start + around, live: false }
  return (
    <Panel title={<span>{span.host} <span class="muted">15 minutes before and after</span></span>} actions={<LinkButton kind="quiet" href={link(`/infrastructure/${encodeURIComponent(span.host)}`, momentOf(span))} label="Open host" />}>
      <div class="graphs">
        <HostGraph title="CPU" range={range} queries={['system.cpu.user', 'system.cpu.system', 'system.cpu.iowait']} host={span.host} />
        <HostGraph title="Memory" range={range} queries={['system.mem.usable', 'system.mem.total']} host={span.host} />
        <HostGraph title="Load" range={range} queries={['system.load.1']} host={span.host} />
      </div>
    </Panel>
  )
}

function HostGraph({ title, range, queries, host }: { title: string; range: { from: number; to: number; live: boolean }; queries: string[]; host: string }) {
  const graph = useGraph(queries.map((q) => ({ query: `avg:${q}{host:${host}}`, alias: q })), range)
  return (
    <figure>
      <figcaption class="muted">{title}</figcaption>
      <GraphView graph={graph} label={`${title} of ${host}`} height={130} />
    </figure>
  )
}
