// One host: what is known of it, its checks, its processes, its metrics.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Check, Host } from '../model'
import { useData } from '../data'
import { Processes } from '../hosts/processes'
import { link } from '../route'
import { Empty, Failure, LinkButton, Moment, Panel, SearchField, State, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { Graph } from '../parts/graph'
import { SnapshotButton } from '../dashboard/snapshot'
import { plural, showNumber } from '../units'

export function HostPage({ name, params }: { name: string; params: URLSearchParams }) {
  const hosts = useData('hosts', api.hosts, 10e3, ['hosts', 'checks'])
  const metrics = useData(`metrics of ${name}`, () => api.hostMetrics(name))
  const host = hosts.data?.find((h) => h.name === name || h.aliases?.includes(name))
  return (
    <Page title={name} crumbs={[['Infrastructure', '/infrastructure']]} actions={<><LinkButton href={link('/dashboard/builtin-host', { tpl_var_host: name })} label="Dashboard" /><LinkButton href={link('/apm/traces', { query: `host:${name}` })} label="Traces" /></>} time>
      {hosts.error && !hosts.data && <Failure error={hosts.error} retry={hosts.reload} />}
      {hosts.data && !host && (
        <Panel>
          <Empty title={`No host ${name} has reported`} action={<LinkButton kind="primary" href={link('/infrastructure')} label="See all hosts" />} />
        </Panel>
      )}
      {host && (
        <>
          <div class="columns">
            <Panel title="Host" actions={<State state={host.up ? 'OK' : 'No Data'} />}><Facts host={host} /></Panel>
            <Panel title="Tags"><TagSources host={host} /></Panel>
          </div>
          {host.checks?.length ? <Panel title="Checks" flush><Checks checks={host.checks} /></Panel> : null}
          <Processes host={host.name} params={params} />
          {metrics.error && !metrics.data && <Failure error={metrics.error} retry={metrics.reload} />}
          {metrics.data && <HostGraphs host={host.name} names={metrics.data} />}
        </>
      )}
    </Page>
  )
}

function Facts({ host }: { host: Host }) {
  const facts: [string, string | undefined][] = [
    ['Platform', host.platform ?? host.os],
    ['Agent version', host.agent_version],
    ['IP address', host.ip],
    ['IPv6 address', host.ipv6],
    ['MAC address', host.mac],
    ['Kernel', [host.kernel, host.machine].filter(Boolean).join(' ') || undefined],
    ['Processor', [host.processor, host.cores && plural(host.cores, 'core')].filter(Boolean).join(', ') || undefined],
    ['Memory', host.memory_bytes ? showNumber(host.memory_bytes, 'byte') : undefined],
    ['Also known as', host.aliases?.join(', ') || undefined],
    ['Apps', host.apps?.join(', ') || undefined],
  ]
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value).map(([label, value]) => (
        <>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </>
      ))}
      {host.last_seen && (
        <>
          <dt>Last seen</dt>
          <dd><Moment ms={host.last_seen} ago /></dd>
        </>
      )}
    </dl>
  )
}

const sources: Record<string, string> = { system: 'From the agent', Datadog: 'From the agent', user: 'Set here or by the API', users: 'Set here or by the API' }

function TagSources({ host }: { host: Host }) {
  const named = Object.entries(host.tags ?? {}).filter(([, tags]) => tags?.length)
  const told = new Set(named.flatMap(([, tags]) => tags))
  const rest = (host.all_tags ?? []).filter((t) => !told.has(t))
  const lists: [string, string[]][] = [...named.map(([source, tags]): [string, string[]] => [sources[source] ?? source, tags]), ['Always', rest]]
  return (
    <dl class="facts">
      {lists.filter(([, tags]) => tags.length).map(([source, tags]) => (
        <>
          <dt>{source}</dt>
          <dd><Tags tags={tags} /></dd>
        </>
      ))}
    </dl>
  )
}

const checkStates = ['OK', 'Warn', 'Alert', 'No Data']

export function Checks({ checks }: { checks: Check[] }) {
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>Check</th><th>State</th><th>Since</th><th>Last run</th><th>Tags</th><th>Message</th></tr></thead>
        <tbody>
          {checks.map((c) => (
            <tr key={c.check + c.tags?.join()}>
              <td class="nowrap">{c.check}</td>
              <td><State state={checkStates[c.status] ?? 'No Data'} /></td>
              <td class="nowrap"><Moment ms={c.changed} ago /></td>
              <td class="nowrap"><Moment ms={c.timestamp} ago /></td>
              <td><Tags tags={c.tags} /></td>
              <td>{c.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

// The graphs of a host that come first, where their metrics do.
const usual: [title: string, names: string[], by: string][] = [
  ['CPU', ['system.cpu.user', 'system.cpu.system', 'system.cpu.iowait'], ''],
  ['Load', ['system.load.1', 'system.load.5', 'system.load.15'], ''],
  ['Memory', ['system.mem.used', 'system.mem.usable', 'system.mem.total'], ''],
  ['Disk in use', ['system.disk.in_use'], 'device'],
  ['Network', ['system.net.bytes_rcvd', 'system.net.bytes_sent'], ''],
  ['Disk traffic', ['system.io.rkb_s', 'system.io.wkb_s'], ''],
]
const most = 12

function HostGraphs({ host, names }: { host: string; names: string[] }) {
  const [search, setSearch] = useState('')
  const have = new Set(names)
  const first = usual.map(([title, wanted, by]) => ({ title, wanted: wanted.filter((n) => have.has(n)), by })).filter((g) => g.wanted.length)
  const drawn = new Set(first.flatMap((g) => g.wanted))
  const others = names.filter((n) => !drawn.has(n))
  const plain = others.filter((n) => !/^(datadog|system)\./.test(n)).slice(0, Math.max(0, most - first.length))
  const found = names.filter((n) => n.includes(search.trim()))
  const term = (name: string, by = '') => `avg:${name}{host:${host}}${by && ` by {${by}}`}`
  if (names.length === 0) return <Panel><Empty title="This host has sent no metrics yet" /></Panel>
  return (
    <>
      <div class="graphs">
        {first.map((g) => (
          <Panel key={g.title} title={g.title} flush actions={<SnapshotButton title={`${g.title} of ${host}`} requests={g.wanted.map((n) => ({ query: term(n, g.by), alias: g.wanted.length > 1 ? n : undefined }))} />}>
            <Graph label={`${g.title} of ${host}`} height={170} requests={g.wanted.map((n) => ({ query: term(n, g.by), alias: g.wanted.length > 1 ? n : undefined }))} />
          </Panel>
        ))}
        {plain.map((n) => (
          <Panel key={n} title={<a href={link('/metrics/explorer', { q: term(n) })}>{n}</a>} flush actions={<SnapshotButton title={`${n} of ${host}`} requests={[{ query: term(n) }]} />}>
            <Graph label={`${n} of ${host}`} height={170} requests={[{ query: term(n) }]} />
          </Panel>
        ))}
      </div>
      <Panel title={`All ${plural(names.length, 'metric')} of this host`} actions={<SearchField value={search} label="Find a metric" onInput={setSearch} />}>
        <ul class="names">
          {found.slice(0, 300).map((n) => <li key={n}><a href={link('/metrics/explorer', { q: term(n) })}>{n}</a></li>)}
        </ul>
        {found.length > 300 && <p class="muted">+{found.length - 300} more</p>}
        {found.length === 0 && <p class="muted">No metric matches “{search}”</p>}
      </Panel>
    </>
  )
}
