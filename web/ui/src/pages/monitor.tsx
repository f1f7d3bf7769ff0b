// One monitor: its state and since when, its graph, its groups, its history.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { EventItem, GroupState, Monitor } from '../model'
import { useData } from '../data'
import { anomalyPartsOf } from '../monitor/anomalies'
import { metricsqlOf, partsOf, thresholdLines, windowWords } from '../monitor/query'
import { Lanes } from '../monitor/lanes'
import { MailPreviews } from '../monitor/mail-previews'
import { SnapshotButton } from '../dashboard/snapshot'
import { go, link } from '../route'
import { Button, Confirm, CopyButton, Dialog, Empty, Failure, LinkButton, Moment, Panel, State, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { BandSentence, GraphView, useGraph } from '../parts/graph'
import type { Request } from '../chart/lines'
import { useRange } from '../range'
import { now } from '../clock'
import { showNumber } from '../units'

const refresh = 10e3

export function MonitorPage({ id }: { id: number }) {
  const monitor = useData(`monitor ${id}`, () => api.monitor(id), refresh, ['monitors'])
  const history = useData(`history ${id}`, () => api.monitorHistory(id), refresh, ['monitors'])
  const [error, setError] = useState<Error | null>(null)
  const m = monitor.data
  const crumbs: [string, string][] = [['Monitors', '/monitors']]
  if (!m) return <Page title={`Monitor ${id}`} crumbs={crumbs} time>{monitor.error && <Failure error={monitor.error} retry={monitor.error.status === 404 ? undefined : monitor.reload} />}</Page>
  const parts = partsOf(m.query)
  const remove = () => void api.deleteMonitor(id).then(() => go(link('/monitors')), setError)
  return (
    <Page
      title={m.name}
      crumbs={crumbs}
      time
      actions={
        <>
          <LinkButton icon="mute" href={link('/downtimes/new', { monitor_id: id })} label="Mute" />
          <Button icon="copy" label="Clone" onClick={() => void api.cloneMonitor(id).then((c) => go(link(`/monitors/${c.id}/edit`)), setError)} />
          <Export id={id} />
          <LinkButton icon="edit" href={link(`/monitors/${id}/edit`)} label="Edit" />
        </>
      }
    >
      {error && <div class="failure" role="alert">{error.message}</div>}
      {m.state?.error && <div class="failure" role="alert">The last evaluation failed: {m.state.error}</div>}
      <Panel>
        <div class="monitor-head">
          <div>
            <State state={m.overall_state} big />
            <p class="muted">{m.overall_state_modified ? <>since <Moment ms={Date.parse(m.overall_state_modified)} />, <Moment ms={Date.parse(m.overall_state_modified)} ago /></> : 'not judged yet'}</p>
          </div>
          <p class="monitor-rule">{sentence(m)}</p>
          <Tags tags={m.tags} />
        </div>
      </Panel>
      {parts && (
        <Panel flush title={<span class="mono">{parts.query}</span>} actions={
          <>
            <SnapshotButton title={m.name} requests={[watchedBy(parts.query)]} thresholds={thresholdLines(parts, m.options.thresholds)} />
            <a class="small" href={link('/metrics/explorer', { q: metricsqlOf(parts.query) ?? parts.query, lang: metricsqlOf(parts.query) === null ? undefined : 'metricsql' })}>Explore</a>
          </>
        }>
          <Watched monitor={m} query={parts.query} events={history.data ?? []} />
        </Panel>
      )}
      <Timeline id={id} />
      <Panel title="Groups" flush><Groups monitor={m} changed={monitor.reload} failed={setError} /></Panel>
      <div class="columns even">
        <Panel title="History" flush>
          {history.error && !history.data ? <Failure error={history.error} retry={history.reload} /> : <History events={history.data ?? []} />}
        </Panel>
        <div class="spaced">
          <Changes id={id} />
          <Panel title="Message"><pre class="message">{m.message || 'No message: nobody is told.'}</pre></Panel>
          <MailPreviews monitor={m} />
        </div>
      </div>
      <div class="actions"><Confirm icon="remove" label="Delete monitor" question={`Delete “${m.name}” for good? Its groups' states go with it.`} onConfirm={remove} /></div>
    </Page>
  )
}

// watchedBy is a monitor's query as a graph asks it.
function watchedBy(query: string): Request {
  const inner = metricsqlOf(query)
  return inner === null ? { query } : { query: inner, lang: 'metricsql' }
}

const mostMarks = 12 // more of them hide the lines

// Watched is the graph of the query, with the moments at which states changed.
function Watched({ monitor, query, events }: { monitor: Monitor; query: string; events: EventItem[] }) {
  const range = useRange()
  const graph = useGraph([watchedBy(query)])
  const moves = events.filter((e) => e.to && e.to !== e.from && e.time >= range.from && e.time <= range.to).slice(0, mostMarks)
  return (
    <>
      <GraphView graph={graph} label={monitor.name} thresholds={thresholdLines(partsOf(monitor.query), monitor.options.thresholds)} deploys={moves.map((e) => ({ at: e.time, version: e.to! }))} height={260} />
      <BandSentence drawn={graph.data} />
    </>
  )
}

// sentence says what the monitor does, in words.
function sentence(m: Monitor): string {
  const p = partsOf(m.query)
  if (!p) return m.query
  const { thresholds = {}, notify_no_data: noData, no_data_timeframe: after, renotify_interval: again } = m.options
  const word = p.comparator.startsWith('>') ? 'above' : 'below'
  const judged = anomalyPartsOf(p.query)
  const share = (text: string | number) => `${Math.round(Number(text) * 100)} %`
  const parts = judged ? [
    `Alert when ${share(p.critical)} of the points of the last ${windowWords(judged.options.alert_window ?? p.window)} are unusual (${judged.algorithm}, bounds ${judged.bounds})${judged.options.severe ? `, or one is beyond ${judged.options.severe} deviations` : ''}`,
  ] : [`Alert when the ${p.aggregator} over ${p.window.startsWith('next_') ? 'the next ' : ''}${windowWords(p.window)} is ${word} ${showNumber(Number(p.critical))}`]
  if (typeof thresholds.warning === 'number') parts.push(judged ? `Warn at ${share(thresholds.warning)}` : `Warn ${word} ${showNumber(thresholds.warning)}`)
  if (noData) parts.push(`No Data after ${after ?? 10} minutes without points`)
  if (again) parts.push(`told again every ${again} minutes while bad`)
  return parts.join('; ') + '.'
}

const order = ['Alert', 'Warn', 'No Data', 'OK', 'Skipped']

// Timeline is what the groups were over the page's time range.
function Timeline({ id }: { id: number }) {
  const range = useRange()
  const lines = useData(`timeline ${id} ${range.from} ${range.to}`, (signal) => api.timeline(id, range.from, range.to, signal), refresh, ['monitors'])
  if (!lines.data || Object.keys(lines.data.groups).length === 0) return null
  return <Panel title="States over time" loading={lines.loading}><Lanes groups={lines.data.groups} from={lines.data.from} to={lines.data.to} /></Panel>
}

// Changes are the edits, with what they changed.
function Changes({ id }: { id: number }) {
  const changes = useData(`changes ${id}`, () => api.monitorChanges(id), 0, ['monitors'])
  if (!changes.data?.length) return null
  return (
    <Panel title="Edits" flush>
      <ul class="rows">
        {changes.data.slice(0, 8).map((e) => (
          <li key={e.id} class="top">
            <span class="grow">{e.title}<pre class="edit-lines">{e.text}</pre></span>
            <span class="muted nowrap"><Moment ms={e.time} ago /></span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Export({ id }: { id: number }) {
  const [open, setOpen] = useState(false)
  const json = useData(open ? `export ${id}` : null, () => api.exportMonitor(id).then((doc) => JSON.stringify(doc, null, 2)))
  const hcl = useData(open ? `terraform ${id}` : null, () => api.terraform(id))
  const [as, setAs] = useState<'JSON' | 'Terraform'>('JSON')
  const text = (as === 'JSON' ? json.data : hcl.data) ?? ''
  return (
    <>
      <Button label="Export" onClick={() => setOpen(true)} />
      {open && (
        <Dialog title="Export" onClose={() => setOpen(false)}>
          <div class="actions">
            <div class="segments" role="group" aria-label="Format">{(['JSON', 'Terraform'] as const).map((f) => <button key={f} type="button" aria-pressed={as === f} onClick={() => setAs(f)}>{f}</button>)}</div>
            <CopyButton text={text} />
          </div>
          <pre class="export-text">{text}</pre>
        </Dialog>
      )}
    </>
  )
}

interface GroupsProps { monitor: Monitor; changed: () => void; failed: (e: Error) => void }

function Groups({ monitor, changed, failed }: GroupsProps) {
  const groups = Object.values(monitor.state?.groups ?? {}).sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status) || (a.name < b.name ? -1 : 1))
  if (groups.length === 0) return <Empty title="No group has been evaluated yet">The first evaluation comes within a minute.</Empty>
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>Group</th><th>State</th><th class="figure">Value</th><th>Since</th><th>Last told</th><th><span class="visually-hidden">Mute or resolve</span></th></tr></thead>
        <tbody>{groups.map((g) => <GroupRow key={g.name} id={monitor.id} group={g} changed={changed} failed={failed} />)}</tbody>
      </table>
    </div>
  )
}

const seconds = (ts: number | null | undefined) => (ts ? <Moment ms={ts * 1000} ago /> : <span class="muted">–</span>)

const lengths: [words: string, hours: number][] = [['1 h', 1], ['4 h', 4], ['1 day', 24]]

function GroupRow({ id, group: g, changed, failed }: { id: number; group: GroupState; changed: () => void; failed: (e: Error) => void }) {
  const after = (work: Promise<unknown>) => void work.then(changed, failed)
  const mute = (choice: string) => {
    if (choice === 'downtime') go(link('/downtimes/new', { monitor_id: id, scope: g.name }))
    else if (choice === 'unmute') after(api.unmuteGroup(id, g.name))
    else if (choice) after(api.muteGroup(id, g.name, Math.round(now() / 1000) + Number(choice) * 3600))
  }
  const host = /(?:^|,)host:([^,]+)/.exec(g.name)?.[1]
  return (
    <tr>
      <td>
        {g.name === '*' ? 'everything' : host ? <a href={link(`/infrastructure/${encodeURIComponent(host)}`)}>{g.name}</a> : g.name}
        {g.muted_by && <span class="muted"> · muted by {g.muted_by}</span>}
      </td>
      <td><State state={g.status} /></td>
      <td class="figure">{typeof g.value === 'number' ? showNumber(g.value) : <span class="muted">–</span>}</td>
      <td class="nowrap">{seconds(g.since_ts)}</td>
      <td class="nowrap">{seconds(g.last_notified_ts)}</td>
      <td>
        <span class="row-tools nowrap">
          {['Alert', 'Warn', 'No Data'].includes(g.status) && <button type="button" class="link small" title="Set to OK by hand; while it stays bad, it triggers again" onClick={() => after(api.resolveGroup(id, g.name))}>Resolve</button>}
          <select class="mini" aria-label={`Mute ${g.name}`} value="" onChange={(e) => mute(e.currentTarget.value)}>
            <option value="">{g.muted_by ? 'Muted' : 'Mute'}</option>
            {lengths.map(([words, hours]) => <option key={words} value={hours}>for {words}</option>)}
            <option value="downtime">by a downtime…</option>
            {g.muted_by && <option value="unmute">no longer</option>}
          </select>
        </span>
      </td>
    </tr>
  )
}

const colors: Record<string, string> = { error: 'alert', warning: 'warn', success: 'ok', info: 'nodata' }

export function History({ events }: { events: EventItem[] }) {
  if (events.length === 0) return <Empty title="Nothing has happened yet">Each change of a group's state is listed here.</Empty>
  return (
    <ul class="rows">
      {events.map((e) => (
        <li key={e.id} class="top">
          <span class={`bullet ${colors[e.alert_type] ?? 'nodata'}`} aria-hidden="true" />
          <span class="grow">{e.title}<br /><span class="muted">{e.text}</span></span>
          <span class="muted nowrap"><Moment ms={e.time} /></span>
        </li>
      ))}
    </ul>
  )
}
