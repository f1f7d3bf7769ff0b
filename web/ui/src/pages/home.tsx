// Home: the first steps until they are done, what is wrong now, the hosts, and
// a curve at once.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Host, Monitor, Status } from '../model'
import { ErrorShare, ServiceName, keyOf } from '../apm/parts'
import { useData } from '../data'
import { HexMap } from '../hosts/hex-map'
import { link } from '../route'
import { Empty, Failure, LinkButton, Moment, Panel, State } from '../parts/basics'
import { Page, useStatus } from '../parts/frame'
import { Graph } from '../parts/graph'
import { Icon } from '../parts/icon'
import { SetupWays } from '../parts/ways'
import { useRange } from '../range'
import { useSession } from '../session'
import { setupsOf, type Setup } from '../setups'
import { plural, showValue } from '../units'

const refresh = 10e3

export function Home() {
  const status = useStatus()
  const monitors = useData('monitors', api.monitors, refresh, ['monitors'])
  const hosts = useData('hosts', api.hosts, refresh, ['hosts', 'checks'])
  const done = status && Object.values(status.checklist).every(Boolean)
  return (
    <Page title="Home" time>
      {status && !done && <Checklist status={status} />}
      <div class="columns">
        <Panel title="Needs attention" actions={<a href={link('/monitors')}>All monitors</a>} loading={monitors.loading && !monitors.data} flush>
          {monitors.error && !monitors.data ? <Failure error={monitors.error} retry={monitors.reload} /> : <Wrong monitors={monitors.data} />}
        </Panel>
        <Panel title="Hosts" actions={<a href={link('/infrastructure')}>Host map</a>} loading={hosts.loading && !hosts.data}>
          {hosts.error && !hosts.data ? <Failure error={hosts.error} retry={hosts.reload} /> : <SmallMap hosts={hosts.data} />}
        </Panel>
      </div>
      <Failing />
      <Favourites />
      <MostUnusual />
      {status?.checklist.metrics && (
        <div class="columns">
          <Panel title="Samples kept by Whippet, per second" flush>
            <Graph label="Samples kept by Whippet, per second" requests={[{ query: 'sum:whippet.store.appended{*}.as_rate()', alias: 'samples', style: 'area' }]} height={180} />
          </Panel>
          <Panel title="Memory of Whippet" flush>
            <Graph label="Memory of Whippet" requests={[{ query: 'avg:whippet.process.rss_bytes{*}', alias: 'resident memory' }]} height={180} />
          </Panel>
        </div>
      )}
    </Page>
  )
}

// Failing are the services with errors; it is not there while none has any.
function Failing() {
  const range = useRange()
  const loaded = useData(`services  ${keyOf(range)}`, () => api.services(range.from, range.to, ''))
  const failing = (loaded.data?.services ?? []).filter((s) => s.errors > 0 && s.hits > 0).sort((a, b) => b.errors / b.hits - a.errors / a.hits).slice(0, 6)
  if (failing.length === 0) return null
  return (
    <Panel title="Services with errors" actions={<a href={link('/apm')}>All services</a>} flush>
      <ul class="rows">
        {failing.map((s) => (
          <li key={s.name}>
            <span class="grow"><ServiceName name={s.name} /></span>
            <span class="nowrap"><ErrorShare of={s} /> <span class="muted">of {plural(Math.round(s.hits), 'request')}</span></span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

// Favourites are the dashboards that the reader marked.
function Favourites() {
  const ids = useData('favourites', api.favourites, 0, ['dashboards'])
  const boards = useData(ids.data?.length ? 'dashboards' : null, api.dashboards, 0, ['dashboards'])
  const marked = (boards.data ?? []).filter((d) => ids.data?.includes(d.id))
  if (marked.length === 0) return null
  return (
    <Panel title="Favourites" actions={<a href={link('/dashboards')}>All dashboards</a>}>
      <ul class="names">
        {marked.map((d) => (
          <li key={d.id}>
            <Icon name="dashboards" size={14} />
            <a href={link(`/dashboard/${encodeURIComponent(d.id)}`)}>{d.title}</a>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

// MostUnusual ranks what monitors watch by how unusual it became in the time
// shown. It is not there while nothing of note is.
function MostUnusual() {
  const { from, to } = useRange()
  const ranked = useData(`unusual ${from} ${to}`, () => api.unusual(from, to))
  const rows = ranked.data?.slice(0, 6) ?? []
  if (rows.length === 0) return null
  return (
    <Panel title="Most unusual of what is watched" flush>
      <ul class="rows">
        {rows.map((u) => (
          <li key={u.query + u.tags.join()}>
            <span class={`bullet ${u.alarm ? 'warn' : 'nodata'}`} aria-hidden="true" />
            <span class="grow">
              <a href={link('/metrics/explorer', { q: u.query })}>{u.tags.join(', ') || u.metric || u.query}</a> {u.tags.length > 0 && <span class="muted">{u.metric}</span>}<br />
              <span class="muted">{showValue(u.value, u.unit)}, {u.what}: {u.odds}</span>
            </span>
            <span class="muted nowrap"><Moment ms={u.at} ago /></span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const worst = ['Alert', 'Warn', 'No Data']

function Wrong({ monitors }: { monitors?: Monitor[] }) {
  if (!monitors) return null
  if (monitors.length === 0) {
    return (
      <Empty title="Nothing is watched yet" action={<LinkButton kind="primary" icon="plus" href={link('/monitors/new')} label="New monitor" />}>
        A monitor watches a metric and sends a mail when it crosses a line.
      </Empty>
    )
  }
  const wrong = monitors
    .filter((m) => worst.includes(m.overall_state ?? ''))
    .sort((a, b) => worst.indexOf(a.overall_state!) - worst.indexOf(b.overall_state!))
  if (wrong.length === 0) return <Empty title={`All well: ${plural(monitors.length, 'monitor')} OK`} />
  return (
    <ul class="rows">
      {wrong.map((m) => (
        <li key={m.id}>
          <State state={m.overall_state} />
          <a href={link(`/monitors/${m.id}`)} class="grow">{m.name}</a>
          {m.overall_state_modified && <span class="muted"><Moment ms={Date.parse(m.overall_state_modified)} ago /></span>}
        </li>
      ))}
    </ul>
  )
}

function SmallMap({ hosts }: { hosts?: Host[] }) {
  if (!hosts) return null
  if (hosts.length === 0) return <Empty title="No host has reported yet" action={<LinkButton href={link('/start')} label="Point an agent here" />} />
  const up = hosts.filter((h) => h.up).length
  return (
    <div class="spaced">
      <HexMap groups={[{ name: '', hosts: hosts.map((host) => ({ host })) }]} small />
      <p class="muted">{up} of {plural(hosts.length, 'host')} reported in the last 2 minutes</p>
    </div>
  )
}

function Checklist({ status }: { status: Status }) {
  const session = useSession()
  const setups = setupsOf(status, session.required)
  const setup = (id: Setup['id']) => setups.find((s) => s.id === id)!
  const steps: [done: boolean, title: string, what: ComponentChildren][] = [
    [status.checklist.metrics, 'First metric', <SetupWays setup={setup('statsd')} />],
    [status.checklist.agent, 'A host reports here', <SetupWays setup={setup('agent')} />],
    [status.checklist.dashboard, 'First dashboard', <LinkButton href={link('/dashboards', { new: '1' })} icon="plus" label="New dashboard" />],
    [status.checklist.monitor, 'First monitor', <LinkButton href={link('/monitors/new')} icon="plus" label="New monitor" />],
    [
      status.checklist.mail,
      'Mail reaches you',
      status.smtp ? (
        <p>A mail server is configured. This is ticked off when it takes the first mail.</p>
      ) : (
        <p>
          No mail server is configured, so mails stay in the <a href={link('/outbox')}>outbox</a>. <code>whippet serve --help</code> lists the settings that send them.
        </p>
      ),
    ],
  ]
  const first = steps.findIndex(([done]) => !done)
  const [open, setOpen] = useState<number | null>(null)
  const shown = open ?? first
  return (
    <Panel title="First steps" actions={<><a href={link('/start')}>All ways to send data</a><span class="muted">{steps.filter(([done]) => done).length} of {steps.length} done</span></>} flush>
      <ol class="steps">
        {steps.map(([done, title, what], i) => (
          <li key={title} class={done ? 'done' : ''}>
            <button type="button" aria-expanded={shown === i} onClick={() => setOpen(shown === i ? -1 : i)}>
              <span class="step-sign">{done && <Icon name="check" size={12} />}</span>
              <span class="grow">{title}<span class="visually-hidden">{done ? ' (done)' : ' (to do)'}</span></span>
              <Icon name={shown === i ? 'up' : 'down'} size={14} />
            </button>
            {shown === i && <div class="step-body">{what}</div>}
          </li>
        ))}
      </ol>
    </Panel>
  )
}
