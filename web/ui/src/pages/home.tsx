import { api } from '../api'
import { Page } from '../app'
import { useData, useRange, useTick } from '../hooks'
import { Copy, Empty, Failure, Panel, QueryGraph, State, TimeControl } from '../parts'
import { showTime } from '../time'

export function HomePage() {
  const control = useRange(900e3)
  const tick = useTick(10e3)
  const status = useData(() => api.status(), [tick])
  const monitors = useData(() => api.monitors(), [tick])
  const hosts = useData(() => api.hosts(), [tick])
  const s = status.data
  const wrong = (monitors.data ?? []).filter((m) => m.overall_state && m.overall_state !== 'OK')
  const list = s?.checklist
  const done = list && Object.values(list).every(Boolean)
  return (
    <Page title="Home" bar={<TimeControl control={control} />}>
      <Failure error={status.error} />
      {s && list && !done && (
        <Panel title="First steps">
          <ol class="checklist">
            <Step done={list.metrics} title="Metrics arrive">Send one from a shell:<Copy text={`echo "my_metric:640|g|#env:test" > /dev/udp/${s.statsd.replace(/:(\d+)$/, '/$1')}`} /></Step>
            <Step done={list.agent} title="A Datadog Agent reports">Start it with these variables:<Copy text={`DD_DD_URL=${s.http} DD_API_KEY=0123456789abcdef0123456789abcdef DD_REMOTE_CONFIGURATION_ENABLED=false`} /></Step>
            <Step done={list.dashboard} title="A dashboard exists"><a href="/dashboards">Make one</a> in the UI, or with POST /api/v1/dashboard.</Step>
            <Step done={list.monitor} title="A monitor watches"><a href="/monitors/new">Make one</a> in the UI, or with POST /api/v1/monitor.</Step>
            <Step done={list.mail} title="Mail is sent">{s.smtp ? <>The first mail will tick this. See the <a href="/outbox">outbox</a>.</> : <>Start with --smtp host:port. Until then mails wait in the <a href="/outbox">outbox</a>.</>}</Step>
          </ol>
        </Panel>
      )}
      <Panel title="What is wrong now">
        {wrong.length === 0 ? <Empty><p>{monitors.data?.length ? 'Nothing. Every monitor is OK.' : 'No monitor watches yet.'}</p></Empty> : (
          <ul class="rows">{wrong.map((m) => <li><State state={m.overall_state} /> <a href={`/monitors/${m.id}`}>{m.name}</a></li>)}</ul>
        )}
      </Panel>
      <div class="columns">
        <Panel title="Memory of Whippet itself"><QueryGraph control={control} height={200} kind="area" queries={[{ query: 'avg:whippet.process.rss_bytes{*}' }]} /></Panel>
        <Panel title="Samples taken in, per second"><QueryGraph control={control} height={200} kind="area" queries={[{ query: 'sum:whippet.store.appended{*}.as_rate()' }]} /></Panel>
      </div>
      <Panel title="Hosts" actions={<a href="/infrastructure">All</a>}>
        {hosts.data?.length ? (
          <ul class="rows">{hosts.data.slice(0, 8).map((h) => <li><i class={h.up ? 'dot ok' : 'dot nodata'} /> <a href={`/infrastructure/${encodeURIComponent(h.name)}`}>{h.name}</a> <small>{h.up ? 'up' : h.last_seen ? `silent since ${showTime(h.last_seen)}` : 'never heard of'}</small></li>)}</ul>
        ) : <Empty><p>Hosts appear when their first payload arrives.</p></Empty>}
      </Panel>
      {s && <p class="meta">Whippet {s.version} on {s.hostname}, up since {showTime(s.started)}</p>}
    </Page>
  )
}

function Step(props: { done: boolean; title: string; children: preact.ComponentChildren }) {
  return (
    <li class={props.done ? 'done' : ''}>
      <b><span aria-label={props.done ? 'done' : 'to do'}>{props.done ? '✓' : '○'}</span> {props.title}</b>
      {!props.done && <div>{props.children}</div>}
    </li>
  )
}
