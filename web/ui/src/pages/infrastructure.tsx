import { useMemo } from 'preact/hooks'
import { api, type Host } from '../api'
import { Page } from '../app'
import { showNumber } from '../format'
import { useData, useTick } from '../hooks'
import { Empty, Failure, Panel, Tags } from '../parts'
import { go, setParams, useRoute } from '../route'

const defaultFill = 'avg:system.load.1{*} by {host}'

// valuesOf reads a host tag's values off a host; a bare tag has the value "true".
function valuesOf(h: Host, key: string): string[] {
  const values = (h.all_tags ?? []).filter((t) => t === key || t.startsWith(key + ':')).map((t) => (t === key ? key : t.slice(key.length + 1)))
  return values.length ? values : ['no ' + key]
}

export function InfrastructurePage() {
  const { params } = useRoute()
  const tick = useTick(15e3)
  const hosts = useData(() => api.hosts(), [tick])
  const filter = params.get('filter') ?? ''
  const group = params.get('group') ?? ''
  const fill = params.get('fill') ?? defaultFill
  const values = useData(async (signal) => {
    const now = Date.now()
    const frames = await api.query(fill, 'datadog', now - 600e3, now, undefined, signal)
    const byHost = new Map<string, number>()
    for (const r of frames[0]?.rows ?? []) {
      const host = r.tags.find((t) => t.startsWith('host:'))?.slice(5)
      const last = r.values.findLast((v) => v !== null)
      if (host && last !== undefined && last !== null) byHost.set(host, last)
    }
    return { byHost, unit: frames[0]?.rows[0]?.unit ?? '' }
  }, [fill, tick])
  const keys = useMemo(() => [...new Set((hosts.data ?? []).flatMap((h) => (h.all_tags ?? []).map((t) => t.split(':')[0])))].sort(), [hosts.data])
  const words = filter.toLowerCase().split(/[\s,]+/).filter(Boolean)
  const shown = (hosts.data ?? []).filter((h) => words.every((w) => h.name.toLowerCase().includes(w) || (h.all_tags ?? []).some((t) => t.includes(w))))
  const groups = new Map<string, Host[]>()
  for (const h of shown) for (const v of group ? valuesOf(h, group) : ['']) groups.set(v, [...(groups.get(v) ?? []), h])
  const numbers = [...(values.data?.byHost.values() ?? [])]
  const [low, high] = numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1]
  return (
    <Page title="Infrastructure">
      <Panel>
        <div class="controls">
          <input data-search type="search" placeholder="Filter by name or tag" aria-label="Filter hosts" value={filter} onInput={(e) => setParams({ filter: e.currentTarget.value || null }, true)} />
          <label>Group by <select value={group} onChange={(e) => setParams({ group: e.currentTarget.value || null })}>
            <option value="">nothing</option>
            {keys.map((k) => <option value={k}>{k}</option>)}
          </select></label>
          <label class="grow">Colour by <input value={fill} aria-label="Query by host that colours the map" onChange={(e) => setParams({ fill: e.currentTarget.value || null })} /></label>
        </div>
        <Failure error={hosts.error ?? values.error} />
        {hosts.data && shown.length === 0 ? (
          <Empty><p>{hosts.data.length ? 'No host matches.' : 'Hosts appear when an agent or client sends something.'}</p>{hosts.data.length === 0 && <p><a href="/">How to point an agent here</a></p>}</Empty>
        ) : (
          <>
            <div class="map">
              {[...groups].sort(([a], [b]) => a.localeCompare(b)).map(([name, members]) => <HexGroup name={name} hosts={members} values={values.data?.byHost} unit={values.data?.unit ?? ''} low={low} high={high} />)}
            </div>
            <p class="scale"><span>{showNumber(numbers.length ? low : null, values.data?.unit)}</span><i /><span>{showNumber(numbers.length ? high : null, values.data?.unit)}</span><small>{fill}{numbers.length === 0 ? ': no values in the last 10 minutes' : ''}</small></p>
          </>
        )}
      </Panel>
      <Panel title={`${shown.length} hosts`}>
        <table class="list">
          <thead><tr><th>Host</th><th>State</th><th>Platform</th><th>Agent</th><th>IP</th><th>Tags</th></tr></thead>
          <tbody>
            {shown.slice(0, 500).map((h) => (
              <tr>
                <td><a href={`/infrastructure/${encodeURIComponent(h.name)}`}>{h.name}</a></td>
                <td>{h.up ? <span class="state ok"><i>●</i> Up</span> : <span class="state nodata"><i>○</i> Silent</span>}</td>
                <td>{h.platform ?? h.os}</td>
                <td>{h.agent_version}</td>
                <td>{h.ip}</td>
                <td><Tags tags={h.all_tags} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </Panel>
    </Page>
  )
}

// HexGroup packs a group's hosts as hexagons, about as wide as high.
function HexGroup(props: { name: string; hosts: Host[]; values?: Map<string, number>; unit: string; low: number; high: number }) {
  const { hosts, values, low, high } = props
  const size = hosts.length > 200 ? 14 : hosts.length > 40 ? 22 : 34
  const columns = Math.ceil(Math.sqrt(hosts.length * 1.3))
  const width = Math.sqrt(3) * size
  const rows = Math.ceil(hosts.length / columns)
  const points = Array.from({ length: 6 }, (_, k) => {
    const angle = (Math.PI / 3) * k + Math.PI / 6
    return `${(size - 1.5) * Math.cos(angle)},${(size - 1.5) * Math.sin(angle)}`
  }).join(' ')
  const box = { w: width * (columns + 0.5), h: size * (1.5 * rows + 0.5) }
  return (
    <figure>
      {props.name && <figcaption>{props.name} <small>{hosts.length}</small></figcaption>}
      <svg width={box.w} height={box.h} viewBox={`0 0 ${box.w} ${box.h}`} role="list">
        {hosts.map((h, i) => {
          const row = Math.floor(i / columns)
          const x = width * (i % columns) + (row % 2 ? width : width / 2)
          const y = size + row * size * 1.5
          const v = values?.get(h.name)
          const share = v === undefined || high === low ? 0.35 : (v - low) / (high - low)
          return (
            <g role="listitem" transform={`translate(${x} ${y})`} class="hex" tabIndex={0} onClick={() => go(`/infrastructure/${encodeURIComponent(h.name)}`)} onKeyDown={(e) => e.key === 'Enter' && go(`/infrastructure/${encodeURIComponent(h.name)}`)}>
              <title>{`${h.name}\n${v === undefined ? 'no value' : showNumber(v, props.unit)}\n${h.up ? 'up' : 'silent'}\n${(h.all_tags ?? []).join(' ')}`}</title>
              <polygon points={points} class={v === undefined ? 'unknown' : ''} style={v === undefined ? {} : { fill: `color-mix(in srgb, var(--hot) ${Math.round(100 * share)}%, var(--cold))` }} />
              {size > 30 && <text text-anchor="middle" dy="4">{h.name.length > 8 ? h.name.slice(0, 7) + '…' : h.name}</text>}
            </g>
          )
        })}
      </svg>
    </figure>
  )
}
