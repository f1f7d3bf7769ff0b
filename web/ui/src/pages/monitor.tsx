// One monitor: its state and since when, its graph, its groups, its history.
import { useState } from 'preact/hooks'
import { api, type EventItem, type GroupState, type Monitor } from '../api'
import { useData } from '../data'
import { anomalyPartsOf } from '../monitor/anomalies'
import { partsOf, thresholdLines, windowWords } from '../monitor/query'
import { MailPreviews } from '../monitor/mail-previews'
import { go, link } from '../route'
import { Confirm, Empty, Failure, LinkButton, Moment, Panel, State, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { BandSentence, GraphView, useGraph } from '../parts/graph'
import { showNumber } from '../units'

const refresh = 10e3

export function MonitorPage({ id }: { id: number }) {
  const monitor = useData(`monitor ${id}`, () => api.monitor(id), refresh)
  const history = useData(`history ${id}`, () => api.monitorHistory(id), refresh)
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
        <Panel flush title={<span class="mono">{parts.query}</span>} actions={<a class="small" href={link('/metrics/explorer', { q: parts.query })}>Explore</a>}>
          <Watched monitor={m} query={parts.query} />
        </Panel>
      )}
      <Panel title="Groups" flush><Groups monitor={m} /></Panel>
      <div class="columns even">
        <Panel title="History" flush>
          {history.error && !history.data ? <Failure error={history.error} retry={history.reload} /> : <History events={history.data ?? []} />}
        </Panel>
        <div class="spaced">
          <Panel title="Message"><pre class="message">{m.message || 'No message: nobody is told.'}</pre></Panel>
          <MailPreviews monitor={m} />
        </div>
      </div>
      <div class="actions"><Confirm icon="remove" label="Delete monitor" question={`Delete “${m.name}” for good? Its groups' states go with it.`} onConfirm={remove} /></div>
    </Page>
  )
}

function Watched({ monitor, query }: { monitor: Monitor; query: string }) {
  const graph = useGraph([{ query }])
  return (
    <>
      <GraphView graph={graph} label={monitor.name} thresholds={thresholdLines(partsOf(monitor.query), monitor.options.thresholds)} height={260} />
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

function Groups({ monitor }: { monitor: Monitor }) {
  const groups = Object.values(monitor.state?.groups ?? {}).sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status) || (a.name < b.name ? -1 : 1))
  if (groups.length === 0) return <Empty title="No group has been evaluated yet">The first evaluation comes within a minute.</Empty>
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>Group</th><th>State</th><th class="figure">Value</th><th>Since</th><th>Last told</th><th><span class="visually-hidden">Mute</span></th></tr></thead>
        <tbody>{groups.map((g) => <GroupRow key={g.name} id={monitor.id} group={g} />)}</tbody>
      </table>
    </div>
  )
}

const seconds = (ts: number | null | undefined) => (ts ? <Moment ms={ts * 1000} ago /> : <span class="muted">–</span>)

function GroupRow({ id, group: g }: { id: number; group: GroupState }) {
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
      <td class="figure"><a class="small" href={link('/downtimes/new', { monitor_id: id, scope: g.name })}>Mute</a></td>
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
