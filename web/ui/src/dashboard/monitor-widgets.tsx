// Monitors on a dashboard: a summary of many, the graph or the value of one.
import { api } from '../api'
import type { Monitor } from '../model'
import { now } from '../clock'
import { useData } from '../data'
import { metricsqlOf, partsOf, thresholdLines } from '../monitor/query'
import { Empty, Failure, State } from '../parts/basics'
import { GraphView, useGraph } from '../parts/graph'
import { link } from '../route'
import { showAgo } from '../time'
import { plural } from '../units'
import { filled } from './document'
import { figureOf } from './figure'
import { SnapshotButton } from './snapshot'
import { useStates } from './timeseries'
import { Toplist } from './toplist'
import { WidgetPanel, type WidgetProps } from './widget-panel'

const sorts: Record<string, string> = { triggered: 'last_triggered', tags: 'name' }
const states: [status: string, kind: string, sign: string][] = [['Alert', 'alert', '✕'], ['Warn', 'warn', '!'], ['No Data', 'nodata', '?'], ['OK', 'ok', '✓']]

export function MonitorSummary(props: WidgetProps) {
  const { definition: d, variables } = props
  const query = filled(d.query ?? '', variables)
  const [by, direction = 'asc'] = (d.sort ?? 'status,asc').split(',')
  const groups = d.summary_type === 'groups'
  const most = Math.max(1, Math.min(1000, Number(d.count) || 50))
  const sort = `${by === 'group' && !groups ? 'name' : (sorts[by] ?? by)},${direction}`
  const loaded = useData(`manage ${groups} ${query} ${sort} ${most}`, () => api.searchMonitors(groups, query, sort, most), 0, ['monitors'])
  const format = d.display_format ?? 'countsAndList'
  const data = loaded.data
  const count = (status: string) => data?.counts.status?.find((c) => c.name === status)?.count ?? 0
  const rows = groups
    ? (data?.groups ?? []).map((g) => ({ key: `${g.monitor_id} ${g.group}`, id: g.monitor_id, name: g.monitor_name, group: g.group, status: g.status, at: g.last_triggered_ts, priority: 0 }))
    : (data?.monitors ?? []).map((m) => ({ key: String(m.id), id: m.id, name: m.name, group: '', status: m.status, at: m.last_triggered_ts, priority: m.priority ?? 0 }))
  const background = d.color_preference !== 'text'
  return (
    <WidgetPanel {...props} loaded={loaded} loading={false} flush title={query ? `Monitors: ${query}` : 'Monitors'} links={<a class="small" href={link('/monitors', { q: query })}>All</a>}>
      {data && data.metadata.total_count === 0 && <Empty title={query ? `No monitor matches “${query}”` : 'There are no monitors yet'} />}
      {data && data.metadata.total_count > 0 && format !== 'list' && (
        <div class="summary-counts">
          {states.map(([status, kind, sign]) => (count(status) > 0 || !d.hide_zero_counts) && (
            <div key={status} class={`summary-count ${count(status) ? kind : ''} ${background ? 'solid' : ''}`}><span class="count-n">{count(status)}</span><span><span aria-hidden="true">{sign} </span>{status}</span></div>
          ))}
        </div>
      )}
      {data && format !== 'counts' && rows.length > 0 && (
        <ul class="rows">
          {rows.map((r) => (
            <li key={r.key}>
              <State state={r.status} />
              <span class="grow"><a href={link(`/monitors/${r.id}`)}>{r.name}</a>{r.group && <span class="muted"> {r.group}</span>}</span>
              {d.show_priority && r.priority > 0 && <span class="muted">P{r.priority}</span>}
              {d.show_last_triggered && <span class="muted nowrap">{r.at ? showAgo(r.at * 1000, now()) : 'never'}</span>}
            </li>
          ))}
        </ul>
      )}
      {data && format !== 'counts' && data.metadata.total_count > rows.length && <p class="note-line">+{plural(data.metadata.total_count - rows.length, groups ? 'group' : 'monitor')}</p>}
    </WidgetPanel>
  )
}

// useMonitor loads the monitor of a widget, which has its number as a text.
function useMonitor(id: string | undefined) {
  const n = Number(id)
  return useData(n > 0 ? `monitor ${n}` : null, () => api.monitor(n), 0, ['monitors'])
}

// AlertGraph shows a monitor's query, as lines or as a top list.
export function AlertGraph(props: WidgetProps) {
  const { definition: d, height = 230 } = props
  const monitor = useMonitor(d.alert_id)
  const m = monitor.data
  const parts = m ? partsOf(m.query) : null
  const inner = parts && metricsqlOf(parts.query)
  const graph = useGraph(!parts ? [] : inner === null ? [{ query: parts.query }] : [{ query: inner, lang: 'metricsql' }])
  const states = useStates(m ? [m.id] : undefined)
  if (d.viz_type === 'toplist' && m && parts && inner === null) {
    return <Toplist {...props} definition={{ ...d, type: 'toplist', title: d.title || m.name, requests: [{ q: parts.query }] }} />
  }
  return (
    <WidgetPanel
      {...props}
      flush
      title={m?.name}
      buttons={parts && inner === null && <SnapshotButton title={m!.name} requests={[{ query: parts.query }]} thresholds={thresholdLines(parts, m!.options.thresholds)} />}
      links={m && <a class="small" href={link(`/monitors/${m.id}`)}>Monitor</a>}
    >
      {!d.alert_id && <Empty title="No monitor is chosen" />}
      {monitor.error && !m && <Failure error={monitor.error} retry={monitor.error.status === 404 ? undefined : monitor.reload} />}
      {m && <div class="alert-state"><State state={m.overall_state} /><span class="muted">{m.overall_state_modified ? showAgo(Date.parse(m.overall_state_modified), now()) : 'not judged yet'}</span></div>}
      {m && (parts ? (
        <GraphView graph={graph} label={m.name} thresholds={thresholdLines(parts, m.options.thresholds)} states={states} height={height - 30} />
      ) : (
        <p class="note-line mono">{m.query}</p>
      ))}
    </WidgetPanel>
  )
}

// valueOf is what the monitor saw last: of its only group, or of the worst.
export function lastValueOf(m: Monitor): number | null {
  const order = ['Alert', 'Warn', 'No Data', 'OK', 'Skipped']
  const groups = Object.values(m.state?.groups ?? {}).filter((g) => typeof g.value === 'number')
  return groups.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status) || b.value! - a.value!)[0]?.value ?? null
}

export function AlertValue(props: WidgetProps) {
  const { definition: d } = props
  const monitor = useMonitor(d.alert_id)
  const m = monitor.data
  const value = m ? lastValueOf(m) : null
  const [number, unit] = figureOf(value, d.unit && d.unit !== 'auto' ? d.unit : '', { precision: d.precision, autoscale: d.unit === undefined || d.unit === 'auto', custom_unit: d.unit && d.unit !== 'auto' ? d.unit : undefined })
  const kind = states.find(([s]) => s === m?.overall_state)?.[1] ?? 'nodata'
  return (
    <WidgetPanel {...props} flush title={m?.name}>
      {!d.alert_id && <Empty title="No monitor is chosen" />}
      {monitor.error && !m && <Failure error={monitor.error} retry={monitor.error.status === 404 ? undefined : monitor.reload} />}
      {m && (
        <a class={`big-value plain ${d.text_align ?? 'center'} ${value === null ? 'none' : ''} state-${kind}`} href={link(`/monitors/${m.id}`)}>
          <p class="big-number" style={{ '--letters': Math.max(4, number.length + unit.length * 0.5) }}>{number}{unit && <small> {unit}</small>}</p>
          <State state={m.overall_state} />
        </a>
      )}
    </WidgetPanel>
  )
}
