// Hosts as hexagons, coloured and sized by metrics.
import { api } from '../api'
import type { Host } from '../model'
import { useData } from '../data'
import { HexMap, type Group } from '../hosts/hex-map'
import { rampOf } from '../hosts/hex'
import { Empty } from '../parts/basics'
import { useRange } from '../range'
import { useTheme } from '../theme'
import { plural, showValue } from '../units'
import type { HostMapDefinition, Variables } from './definition'
import { filled } from './document'
import { rampColors } from './palette'
import { useTable, valueOf, type Table } from './scalars'
import { WidgetPanel, type WidgetProps } from './widget-panel'

export function HostMapWidget(props: WidgetProps) {
  const { variables } = props
  const d = props.definition as unknown as HostMapDefinition
  const range = useRange()
  const hosts = useData('hosts', api.hosts, 0, ['hosts'])
  const fill = useTable(d.requests?.fill && [d.requests.fill], variables, range)
  const size = useTable(d.requests?.size && [d.requests.size], variables, range)
  const theme = useTheme()
  const colors = rampColors(d.style?.palette, d.style?.palette_flip)
  const [fills, sizes] = [byHost(fill.data), byHost(size.data)]
  const known = [...fills.values()]
  const end = (text: string | undefined, other: number) => (text && text !== 'auto' && Number.isFinite(Number(text)) ? Number(text) : other)
  const scale: [number, number] | undefined = known.length ? [end(d.style?.fill_min, Math.min(...known)), end(d.style?.fill_max, Math.max(...known))] : undefined
  const largest = Math.max(...sizes.values(), 0)
  const unit = fill.data?.columns[0]?.unit ?? ''
  const shown = (hosts.data ?? []).filter((h) => inScope(h, d.scope, variables) && (!d.requests?.fill || d.no_metric_hosts !== false || fills.has(h.name)))
  const groups = grouped(shown, d.group ?? [], d.no_group_hosts !== false).map((g) => ({
    ...g, hosts: g.hosts.map(({ host }) => ({ host, value: fills.get(host.name), size: d.requests?.size ? (largest > 0 ? 0.35 + 0.65 * Math.sqrt(Math.max(0, sizes.get(host.name) ?? 0) / largest) : 0.35) : undefined })),
  }))
  return (
    <WidgetPanel {...props} loaded={fill.error ? fill : hosts} loading={fill.loading && fill.data !== undefined} title="Hosts">
      {hosts.data && shown.length === 0 && <Empty title={hosts.data.length ? 'No host matches' : 'No host has reported yet'} />}
      {shown.length > 0 && (
        <>
          <HexMap groups={groups} small={groups.length > 1} unit={unit} scale={scale} metric={fill.data?.columns[0]?.name} colors={colors} />
          <div class="map-foot">
            {scale ? (
              <span class="scale" title={fill.data?.columns[0]?.name}>
                {showValue(scale[0], unit)}
                {(colors ?? rampOf(theme)).map((c) => <span key={c} class="scale-step" style={{ background: c }} />)}
                {showValue(scale[1], unit)}
              </span>
            ) : <span class="scale"><span class="scale-step up" /> up <span class="scale-step stale" /> no payload for 2 minutes</span>}
            <span class="muted">{plural(shown.length, 'host')}</span>
          </div>
        </>
      )}
    </WidgetPanel>
  )
}

function byHost(table: Table | undefined): Map<string, number> {
  const values = new Map<string, number>()
  for (const row of table?.rows ?? []) {
    const host = valueOf(row.tags, 'host')
    if (host && row.cells[0] !== null) values.set(host, row.cells[0])
  }
  return values
}

function inScope(h: Host, scope: string[] | undefined, variables: Variables): boolean {
  const tags = [...(h.all_tags ?? []), `host:${h.name}`]
  return (scope ?? []).map((t) => filled(t, variables)).every((t) => t === '' || t === '*' || (t.startsWith('!') ? !tags.includes(t.slice(1)) : tags.includes(t)))
}

// grouped puts hosts together by the values of up to two tags.
export function grouped(hosts: Host[], keys: string[], rest: boolean): Group[] {
  const groups = new Map<string, Group>()
  for (const host of hosts) {
    const of = keys.slice(0, 2).map((key) => (host.all_tags ?? []).filter((t) => t.startsWith(key + ':')))
    if (!rest && of.some((t) => t.length === 0)) continue
    const [first = [''], second = ['']] = of.map((t, i) => (t.length ? t : [`no ${keys[i]}`]))
    for (const a of first) for (const b of second) {
      const name = [a, b].filter(Boolean).join(', ')
      if (!groups.has(name)) groups.set(name, { name, hosts: [] })
      groups.get(name)!.hosts.push({ host })
    }
  }
  return [...groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
