import { useState } from 'preact/hooks'
import { api, type ApiError, type Monitor } from '../api'
import { Page } from '../app'
import { EventList } from '../event-list'
import { useData, useRange, useTick } from '../hooks'
import { explain, innerQuery, thresholdsOf } from '../monitor-query'
import { Empty, Failure, Panel, QueryGraph, State, Tags, TimeControl } from '../parts'
import { go } from '../route'
import { showDuration, showTime } from '../time'
import { MailFrame } from '../mail-frame'

export function MonitorPage({ id }: { id: number }) {
  const control = useRange()
  const tick = useTick(10e3)
  const loaded = useData(() => api.monitor(id), [id, tick])
  const history = useData(() => api.monitorHistory(id), [id, tick])
  const [problem, setProblem] = useState<ApiError>()
  const m = loaded.data
  const remove = () => confirm(`Delete the monitor "${m?.name}"?`) && api.deleteMonitor(id).then(() => go('/monitors'), setProblem)
  const groups = Object.entries(m?.state?.groups ?? {})
  const since = Math.max(0, ...groups.filter(([, g]) => g.status === m?.overall_state).map(([, g]) => changedAt(g)))
  return (
    <Page title={m?.name ?? 'Monitor'} bar={<><a class="button" href={`/monitors/${id}/edit`}>Edit</a><button onClick={remove}>Delete</button><TimeControl control={control} /></>}>
      <Failure error={loaded.error ?? problem} />
      {m && (
        <>
          <p class="headline"><State state={m.overall_state} big />{since > 0 && <span>since {showTime(since)} ({showDuration(Date.now() - since)})</span>} <Tags tags={m.tags} /></p>
          <p class="sentence">{explain(m)}</p>
          <Panel title={<code>{m.query}</code>}><QueryGraph control={control} height={300} legend explain queries={[{ query: innerQuery(m.query) }]} thresholds={thresholdsOf(m)} /></Panel>
          <Panel title="Groups">
            {groups.length === 0 ? <Empty><p>No group has been seen yet. The first evaluation comes within a minute.</p></Empty> : (
              <table class="list">
                <thead><tr><th>Group</th><th>State</th><th>Since</th></tr></thead>
                <tbody>{groups.map(([name, g]) => <tr><td>{name === '*' || name === '' ? 'everything' : name}</td><td><State state={g.status} /></td><td>{changedAt(g) ? showTime(changedAt(g)) : ''}</td></tr>)}</tbody>
              </table>
            )}
          </Panel>
          <div class="columns">
            <Panel title="Message"><pre class="message">{m.message || 'No message.'}</pre></Panel>
            <Panel title="History">{history.data?.length ? <EventList events={history.data} /> : <Empty><p>No change of state yet.</p></Empty>}</Panel>
          </div>
          <Preview monitor={m} />
        </>
      )}
    </Page>
  )
}

// changedAt is the time of the last change that the group's state tells of, in ms.
function changedAt(g: Record<string, unknown>): number {
  const times = ['last_triggered_ts', 'last_nodata_ts', 'last_resolved_ts'].map((k) => Number(g[k] ?? 0))
  return 1000 * Math.max(...times)
}

export function Preview({ monitor }: { monitor: Partial<Monitor> }) {
  const [open, setOpen] = useState(false)
  const [picked, setPicked] = useState(0)
  const loaded = useData(async () => (open ? api.previewMonitor(monitor) : []), [open, JSON.stringify([monitor.query, monitor.message, monitor.name, monitor.options])])
  const states = loaded.data ?? []
  const shown = states[Math.min(picked, states.length - 1)]
  return (
    <Panel title="The mails it sends" actions={<button onClick={() => setOpen(!open)}>{open ? 'Hide' : 'Preview'}</button>}>
      {open && (
        <>
          <Failure error={loaded.error} />
          <div class="controls">{states.map((s, i) => <button class={i === picked ? 'chosen' : ''} onClick={() => setPicked(i)}>{s.state}</button>)}</div>
          {shown && <><p class="meta"><b>{shown.subject}</b> to {shown.to?.length ? shown.to.join(', ') : 'nobody: name someone with @address in the message'}</p><MailFrame html={shown.html} title={shown.subject} /></>}
        </>
      )}
    </Panel>
  )
}
