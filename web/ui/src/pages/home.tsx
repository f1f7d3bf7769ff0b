// Home: the first steps until they are done, what is wrong now, the hosts, and
// a curve at once.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { api, type Host, type Monitor, type Status } from '../api'
import { useData } from '../data'
import { HexMap } from '../hosts/hex-map'
import { link } from '../route'
import { Button, CopyButton, Empty, Failure, LinkButton, Moment, Panel, State } from '../parts/basics'
import { Page, useStatus } from '../parts/frame'
import { Graph } from '../parts/graph'
import { Icon } from '../parts/icon'
import { useRange } from '../range'
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
      <MostUnusual />
      <div class="columns">
        <Panel title="Samples kept by Whippet, per second" flush>
          <Graph label="Samples kept by Whippet, per second" requests={[{ query: 'sum:whippet.store.appended{*}.as_rate()', alias: 'samples', style: 'area' }]} height={180} />
        </Panel>
        <Panel title="Memory of Whippet" flush>
          <Graph label="Memory of Whippet" requests={[{ query: 'avg:whippet.process.rss_bytes{*}', alias: 'resident memory' }]} height={180} />
        </Panel>
      </div>
    </Page>
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
  if (hosts.length === 0) return <Empty title="No host has reported yet">Point an agent here: the lines are in the first steps above.</Empty>
  const up = hosts.filter((h) => h.up).length
  return (
    <div class="spaced">
      <HexMap groups={[{ name: '', hosts: hosts.map((host) => ({ host })) }]} small />
      <p class="muted">{up} of {plural(hosts.length, 'host')} reported in the last 2 minutes</p>
    </div>
  )
}

function Checklist({ status }: { status: Status }) {
  const steps: [done: boolean, title: string, what: ComponentChildren][] = [
    [status.checklist.metrics, 'First metric', <Senders status={status} />],
    [status.checklist.agent, 'A Datadog Agent reports here', <Agent status={status} />],
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
    <Panel title="First steps" actions={<span class="muted">{steps.filter(([done]) => done).length} of {steps.length} done</span>} flush>
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

function Lines({ text }: { text: string }) {
  return (
    <div class="lines">
      <pre>{text}</pre>
      <CopyButton bare text={text} />
    </div>
  )
}

function Agent({ status }: { status: Status }) {
  const ways: [string, string][] = [
    ['Debian, Ubuntu', `DD_API_KEY=0123456789abcdef0123456789abcdef DD_DD_URL=${status.http} bash -c "$(curl -L https://install.datadoghq.com/scripts/install_script_agent7.sh)"`],
    ['datadog.yaml', `# /etc/datadog-agent/datadog.yaml\napi_key: 0123456789abcdef0123456789abcdef\ndd_url: ${status.http}\n`],
    ['Docker', `docker run -d --name datadog-agent --network host \\\n  -v /proc/:/host/proc/:ro -v /sys/fs/cgroup/:/host/sys/fs/cgroup:ro \\\n  -e DD_API_KEY=0123456789abcdef0123456789abcdef -e DD_DD_URL=${status.http} \\\n  gcr.io/datadoghq/agent:7`],
  ]
  return <Ways ways={ways} note="Any key will do while Whippet asks for none." />
}

function Senders({ status }: { status: Status }) {
  const [host, port] = split(status.statsd)
  const ways: [string, string][] = [
    ['Shell', `printf 'my_metric:42|g|#env:test' > /dev/udp/${host}/${port}`],
    ['Python', `# pip install datadog\nfrom datadog import initialize, statsd\ninitialize(statsd_host="${host}", statsd_port=${port})\nstatsd.gauge("my_metric", 42, tags=["env:test"])`],
    ['Go', `// go get github.com/DataDog/datadog-go/v5\nclient, err := statsd.New("${status.statsd}")\nclient.Gauge("my_metric", 42, []string{"env:test"}, 1)`],
    ['Node', `// npm install hot-shots\nconst StatsD = require('hot-shots')\nnew StatsD({ host: '${host}', port: ${port} }).gauge('my_metric', 42, ['env:test'])`],
  ]
  if (!status.statsd) return <p>DogStatsD is off: start Whippet with <code>--statsd</code>.</p>
  return <Ways ways={ways} note={status.statsd_socket ? `DogStatsD also listens on the socket ${status.statsd_socket}.` : ''} />
}

const split = (address: string): [string, string] => {
  const at = address.lastIndexOf(':')
  return [address.slice(0, at) || '127.0.0.1', address.slice(at + 1)]
}

export function Ways({ ways, note }: { ways: [string, string][]; note: string }) {
  const [chosen, setChosen] = useState(0)
  return (
    <div class="spaced">
      <div class="actions">
        {ways.map(([name], i) => <Button key={name} kind={i === chosen ? '' : 'quiet'} pressed={i === chosen} label={name} onClick={() => setChosen(i)} />)}
      </div>
      <Lines text={ways[chosen][1]} />
      {note && <p class="muted">{note}</p>}
    </div>
  )
}
