import { api } from '../api'
import { Page } from '../app'
import { showNumber } from '../format'
import { useData, useRange, useTick } from '../hooks'
import { EventList } from '../event-list'
import { Empty, Failure, Panel, QueryGraph, Tags, TimeControl } from '../parts'
import { showTime } from '../time'

// What a host's page draws, where the host has it.
const graphs = ['system.load.1', 'system.cpu.user', 'system.mem.used', 'system.net.bytes_rcvd', 'system.io.util', 'system.disk.in_use']
const checkStates = ['OK', 'Warn', 'Alert', 'No Data']
const signs = ['●', '▲', '■', '○']
const classes = ['ok', 'warn', 'alert', 'nodata']

export function HostPage({ name }: { name: string }) {
  const control = useRange()
  const { range } = control
  const tick = useTick(15e3)
  const hosts = useData(() => api.hosts(), [tick])
  const h = hosts.data?.find((x) => x.name === name)
  const events = useData(() => api.events(range.from, range.to, `host:${name}`), [range.from, range.to])
  const metrics = useData(async () => {
    const answer = await fetch(`/api/v1/metrics?from=${Math.floor(range.from / 1000)}&host=${encodeURIComponent(name)}`)
    return ((await answer.json()) as { metrics: string[] }).metrics
  }, [name, Math.round(range.from / 60e3)])
  const own = (metrics.data ?? []).filter((m) => !m.startsWith('datadog.'))
  const known = graphs.filter((m) => own.includes(m))
  const drawn = known.length ? known : own.slice(0, 6)
  return (
    <Page title={name} bar={<TimeControl control={control} />}>
      <Failure error={hosts.error} />
      {hosts.data && !h && <Empty><p>No host of this name has sent anything. <a href="/infrastructure">All hosts</a></p></Empty>}
      {h && (
        <div class="columns">
          <Panel title="About">
            <dl class="facts">
              <dt>State</dt><dd>{h.up ? <span class="state ok"><i>●</i> Up</span> : <span class="state nodata"><i>○</i> Silent</span>} {h.last_seen ? <small>last heard of {showTime(h.last_seen, true)}</small> : null}</dd>
              <dt>Platform</dt><dd>{[h.os, h.platform].filter(Boolean).join(', ') || 'not told'}</dd>
              <dt>Kernel</dt><dd>{h.kernel || 'not told'}</dd>
              <dt>Agent</dt><dd>{h.agent_version || 'none'}</dd>
              <dt>IP</dt><dd>{[h.ip, h.ipv6].filter(Boolean).join(', ') || 'not told'}</dd>
              <dt>Hardware</dt><dd>{[h.processor, h.cores && `${h.cores} cores`, h.memory_bytes && showNumber(h.memory_bytes, 'byte'), h.machine].filter(Boolean).join(', ') || 'not told'}</dd>
              {h.aliases?.length ? <><dt>Aliases</dt><dd>{h.aliases.join(', ')}</dd></> : null}
            </dl>
          </Panel>
          <Panel title="Tags">
            {Object.keys(h.tags ?? {}).length === 0 ? <Empty><p>No tags. Give the agent some, or POST /api/v1/tags/hosts/{h.name}.</p></Empty> : (
              <dl class="facts">{Object.entries(h.tags!).map(([source, tags]) => <><dt>{source === 'system' ? 'From the agent' : source === 'user' ? 'Set by people' : source}</dt><dd><Tags tags={tags} /></dd></>)}</dl>
            )}
          </Panel>
          <Panel title="Service checks">
            {h.checks?.length ? (
              <ul class="rows">{h.checks.map((c) => <li><span class={`state ${classes[c.status]}`} title={checkStates[c.status]}><i>{signs[c.status]}</i> {checkStates[c.status]}</span> {c.check} <small>since {showTime(c.changed)}{c.message ? `: ${c.message}` : ''}</small></li>)}</ul>
            ) : <Empty><p>No service check has run here.</p></Empty>}
          </Panel>
        </div>
      )}
      <div class="columns">
        {drawn.map((m) => <Panel title={<a href={`/metrics/explorer?q=${encodeURIComponent(`avg:${m}{host:${name}}`)}`}>{m}</a>}><QueryGraph control={control} height={160} queries={[{ query: `avg:${m}{host:${name}}` }]} /></Panel>)}
      </div>
      {events.data && events.data.length > 0 && <Panel title="Events"><EventList events={events.data} /></Panel>}
    </Page>
  )
}
