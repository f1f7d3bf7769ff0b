// The host map: every host, grouped by a tag, coloured by a metric.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api'
import type { Host } from '../model'
import { useData } from '../data'
import { HexMap, type Group } from '../hosts/hex-map'
import { rampOf } from '../hosts/hex'
import { summaryOf } from '../chart/lines'
import { QueryBox } from '../query/query-box'
import { knownMetrics } from '../query/metric-names'
import { link, setParams } from '../route'
import { Empty, Failure, LinkButton, Moment, Panel, SearchField, Tags } from '../parts/basics'
import { Page, type Tab } from '../parts/frame'
import { useGraph } from '../parts/graph'
import { useTheme } from '../theme'
import { plural, showValue } from '../units'

export const infrastructureTabs = (here: 'map' | 'checks'): Tab[] => [
  { href: '/infrastructure', label: 'Hosts', here: here === 'map' },
  { href: '/checks', label: 'Checks', here: here === 'checks' },
]

const preferred = ['system.cpu.user', 'system.load.norm.1', 'system.load.1', 'system.mem.pct_usable', 'my_metric']

export function HostMap({ params }: { params: URLSearchParams }) {
  const filter = params.get('filter') ?? ''
  const groupBy = params.get('group') ?? ''
  const fill = params.get('fill')
  const hosts = useData('hosts', api.hosts, 10e3, ['hosts', 'checks'])
  const [usual, setUsual] = useState('')
  useEffect(() => {
    void knownMetrics().then((list) => {
      const name = preferred.find((p) => list.some((m) => m.name === p))
      if (name) setUsual(`avg:${name}{*} by {host}`)
    }, () => undefined)
  }, [])
  const query = fill ?? usual
  const graph = useGraph(query ? [{ query }] : [])
  const theme = useTheme()

  const values = useMemo(() => {
    const byHost = new Map<string, number>()
    for (const line of graph.data?.lines ?? []) {
      const host = line.tags.find((t) => t.startsWith('host:'))?.slice(5)
      const { last } = summaryOf(line.values)
      if (host && last !== null) byHost.set(host, last)
    }
    return byHost
  }, [graph.data])
  const unit = graph.data?.lines[0]?.unit ?? ''
  const known = [...values.values()]
  const scale: [number, number] | undefined = known.length ? [Math.min(...known), Math.max(...known)] : undefined

  const all = hosts.data ?? []
  const shown = all.filter((h) => matches(h, filter))
  const keys = [...new Set(all.flatMap((h) => (h.all_tags ?? []).map((t) => t.split(':', 1)[0])))].sort()
  const pick = (tag: string) => setParams({ filter: filter.split(/\s+/).includes(tag) ? filter : `${filter} ${tag}`.trim() })

  return (
    <Page title="Infrastructure" tabs={infrastructureTabs('map')} time>
      {hosts.error && !hosts.data ? (
        <Failure error={hosts.error} retry={hosts.reload} />
      ) : hosts.data && all.length === 0 ? (
        <Panel>
          <Empty title="No host has reported yet" action={<LinkButton kind="primary" href={link('/start')} label="See how to send data" />}>
            Hosts appear here as soon as an agent reports, coloured by a metric and grouped by any tag.
          </Empty>
        </Panel>
      ) : (
        hosts.data && (
          <>
            <Panel label="Host map" loading={graph.loading}>
              <div class="map-tools">
                <SearchField value={filter} label="Filter by name or tag, such as env:test" onInput={(text) => setParams({ filter: text || null }, true)} />
                <label class="inline">
                  <span class="muted">Group by</span>
                  <select value={groupBy} onChange={(e) => setParams({ group: e.currentTarget.value || null })}>
                    <option value="">nothing</option>
                    {keys.map((k) => <option key={k}>{k}</option>)}
                  </select>
                </label>
              </div>
              <div class="map-tools">
                <span class="muted">Colour by</span>
                <QueryBox value={query} lang="datadog" error={graph.error} label="Colour by" placeholder="avg:system.load.1{*} by {host}" onCommit={(q) => setParams({ fill: q === usual ? null : q })} />
              </div>
              {shown.length === 0 ? (
                <Empty title={`No host matches “${filter}”`} />
              ) : (
                <HexMap groups={grouped(shown, groupBy, values)} scale={scale} unit={unit} metric={query} />
              )}
              <div class="map-foot">
                {scale ? (
                  <span class="scale" title={query}>
                    {showValue(scale[0], unit)}
                    {rampOf(theme).map((c) => <span key={c} class="scale-step" style={{ background: c }} />)}
                    {showValue(scale[1], unit)}
                  </span>
                ) : (
                  <span class="scale"><span class="scale-step up" /> up <span class="scale-step stale" /> no payload for 2 minutes</span>
                )}
                <span class="muted">{plural(shown.length, 'host')}{shown.length !== all.length ? ` of ${all.length}` : ''}</span>
              </div>
            </Panel>
            <Panel title="Hosts" flush>
              <HostTable hosts={shown} values={values} unit={unit} pick={pick} />
            </Panel>
          </>
        )
      )}
    </Page>
  )
}

// matches wants every word in the name or in a tag.
function matches(h: Host, filter: string): boolean {
  const tags = [h.name, ...(h.all_tags ?? [])].map((t) => t.toLowerCase())
  return filter.toLowerCase().split(/\s+/).every((word) => tags.some((t) => t.includes(word)))
}

function grouped(hosts: Host[], key: string, values: Map<string, number>): Group[] {
  const groups = new Map<string, Group>()
  for (const host of hosts) {
    const own = key ? (host.all_tags ?? []).filter((t) => t === key || t.startsWith(key + ':')) : ['']
    for (const name of own.length ? own : [`no ${key}`]) {
      if (!groups.has(name)) groups.set(name, { name, hosts: [] })
      groups.get(name)!.hosts.push({ host, value: values.get(host.name) })
    }
  }
  return [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const most = 200

function HostTable({ hosts, values, unit, pick }: { hosts: Host[]; values: Map<string, number>; unit: string; pick: (tag: string) => void }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr><th>Host</th><th>Tags</th>{values.size > 0 && <th class="figure">Value</th>}<th>Platform</th><th>Last seen</th></tr>
        </thead>
        <tbody>
          {hosts.slice(0, most).map((h) => (
            <tr key={h.name}>
              <td>
                <span class={`up-sign ${h.up ? 'up' : 'stale'}`} title={h.up ? 'up' : 'no payload for 2 minutes'}>{h.up ? '●' : '○'}</span>
                <a href={link(`/infrastructure/${encodeURIComponent(h.name)}`)}>{h.name}</a>
              </td>
              <td><Tags tags={h.all_tags} onPick={pick} /></td>
              {values.size > 0 && <td class="figure">{values.has(h.name) ? showValue(values.get(h.name), unit) : '–'}</td>}
              <td class="nowrap">{h.platform ?? '–'}</td>
              <td class="nowrap">{h.last_seen ? <Moment ms={h.last_seen} ago /> : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {hosts.length > most && <p class="note-line">+{hosts.length - most} more: filter to find them</p>}
    </div>
  )
}
