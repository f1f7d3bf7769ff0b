// Hosts as hexagons, packed by group.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Host } from '../model'
import { link } from '../route'
import { useTheme } from '../theme'
import { plural, showValue } from '../units'
import { corners, pack, radiusFor, rampOf, stepOf } from './hex'

export interface Spot {
  host: Host
  value?: number | null
  size?: number // share of its cell, up to 1
}

export interface Group {
  name: string
  hosts: Spot[]
}

interface Hover {
  spot: Spot
  x: number
  y: number
}

export function HexMap({ groups, small, unit = '', scale, metric, colors }: {
  groups: Group[]
  small?: boolean
  unit?: string
  scale?: [low: number, high: number] // absent: coloured by up or stale
  metric?: string
  colors?: string[] // five, from little to much
}) {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const [hover, setHover] = useState<Hover | null>(null)
  const theme = useTheme()
  useEffect(() => {
    const resize = new ResizeObserver(() => setWidth(box.current?.clientWidth ?? 0))
    resize.observe(box.current!)
    return () => resize.disconnect()
  }, [])
  const total = groups.reduce((n, g) => n + g.hosts.length, 0)
  const radius = small ? Math.min(22, radiusFor(total)) : radiusFor(total)
  const ramp = colors ?? rampOf(theme)

  return (
    <div class="hex-map" ref={box} onMouseLeave={() => setHover(null)}>
      {width > 0 && groups.map((group) => {
        const field = pack(group.hosts.length, radius, width - (groups.length > 1 ? 26 : 2))
        return (
          <figure key={group.name} class={groups.length > 1 || group.name ? 'hex-group' : ''}>
            {group.name && <figcaption>{group.name} <span class="muted">{group.hosts.length}</span></figcaption>}
            <svg width={field.width + 2} height={field.height + 2} viewBox={`-1 -1 ${field.width + 2} ${field.height + 2}`} role="group" aria-label={`${group.name || 'All'}: ${plural(group.hosts.length, 'host')}`}>
              {group.hosts.map((spot, i) => {
                const cell = field.cells[i]
                const { host, value, size = 1 } = spot
                const measured = scale && typeof value === 'number'
                const step = measured ? stepOf(value, ...scale) : -1
                const kind = measured ? '' : !host.up ? 'stale' : scale ? 'unmeasured' : 'up'
                return (
                  <a
                    key={host.name}
                    href={link(`/infrastructure/${encodeURIComponent(host.name)}`)}
                    aria-label={`${host.name}${measured ? ` ${showValue(value, unit)}` : ''}, ${host.up ? 'up' : 'stale'}`}
                    onMouseEnter={(e) => setHover({ spot, x: e.clientX, y: e.clientY })}
                    onFocus={(e) => {
                      const r = e.currentTarget.getBoundingClientRect()
                      setHover({ spot, x: r.right, y: r.top })
                    }}
                    onBlur={() => setHover(null)}
                  >
                    <polygon class={`hex ${kind}`} points={corners(cell, (radius - 1.5) * size)} style={measured ? { fill: ramp[step] } : undefined} />
                    {radius * size >= 30 && (
                      <text x={cell.x} y={cell.y} class="hex-label" aria-hidden="true" style={measured && (theme === 'light' ? step >= 2 : step < 3) ? { fill: '#fff' } : measured && theme === 'dark' ? { fill: '#0e1116' } : undefined}>
                        <tspan x={cell.x} dy={measured ? '-2' : '4'}>{fitted(host.name, radius)}</tspan>{' '}
                        {measured && <tspan x={cell.x} dy="14" class="hex-value">{showValue(value, unit)}</tspan>}
                      </text>
                    )}
                    {radius < 30 && radius > 12 && !host.up && <text x={cell.x} y={cell.y + 4} class="hex-label" aria-hidden="true">–</text>}
                  </a>
                )
              })}
            </svg>
          </figure>
        )
      })}
      {hover && <HostCard hover={hover} unit={unit} metric={metric} />}
    </div>
  )
}

const fitted = (name: string, radius: number) => {
  const most = Math.floor((radius * 1.6) / 6)
  return name.length > most ? name.slice(0, most - 1) + '…' : name
}

function HostCard({ hover: { spot: { host, value }, x, y }, unit, metric }: { hover: Hover; unit: string; metric?: string }) {
  const right = x + 300 < innerWidth
  return (
    <div class="tooltip host-card" style={{ left: `${right ? x + 14 : Math.max(8, x - 300)}px`, top: `${Math.min(y + 10, innerHeight - 170)}px` }}>
      <p class="nearest">{host.name} <span class={host.up ? 'ok-text' : 'muted'}>{host.up ? 'up' : 'stale'}</span></p>
      {metric && <p>{typeof value === 'number' ? showValue(value, unit) : 'no data'} <span class="muted">{metric}</span></p>}
      <p class="muted">{[host.platform, host.agent_version && `agent ${host.agent_version}`, host.ip].filter(Boolean).join(' · ')}</p>
      <p>{(host.all_tags ?? []).slice(0, 12).join(', ')}</p>
    </div>
  )
}
