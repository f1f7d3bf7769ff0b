// What the pages of traces share: tabs, figures, colours and searches.
import type { ComponentChildren } from 'preact'
import type { Figures, Service } from '../model'
import { colors } from '../color'
import type { Tab } from '../parts/frame'
import { link, setParams } from '../route'
import type { Range } from '../time'
import { showNumber } from '../units'

export const apmTabs = (here: 'services' | 'map' | 'traces'): Tab[] => [
  { href: '/apm', label: 'Services', here: here === 'services' },
  { href: '/apm/map', label: 'Map', here: here === 'map' },
  { href: '/apm/traces', label: 'Traces', here: here === 'traces' },
]

// keyOf names a range in the keys of loaded data, to 10 s.
export const keyOf = (range: Range) => `${Math.round(range.from / 10e3)} ${Math.round(range.to / 10e3)}`

export const servicePath = (name: string) => `/apm/services/${encodeURIComponent(name)}`

// perSecond is "1.9 req/s", or "2 req/min" where there are few.
export function perSecond(hits: number, range: Range): string {
  const rate = hits / ((range.to - range.from) / 1e3)
  return rate > 0 && rate < 0.1 ? `${showNumber(rate * 60)} req/min` : `${showNumber(rate)} req/s`
}

export const seconds = (v: number | null) => (v === null ? '–' : showNumber(v, 'second'))
export const millis = (ms: number) => showNumber(ms / 1e3, 'second')

export const errorShare = (f: Figures) => (f.hits > 0 ? f.errors / f.hits : 0)

// ErrorShare is "3.2 %", with a sign where it is not 0.
export function ErrorShare({ of: f }: { of: Figures }) {
  const share = errorShare(f)
  if (share === 0) return <span class="muted">0 %</span>
  return <span class={share >= 0.05 ? 'share alert' : 'share warn'}><span aria-hidden="true">{share >= 0.05 ? '✕' : '!'}</span> {showNumber(share, 'fraction')}</span>
}

export function Apdex({ of: { apdex } }: { of: Figures }) {
  if (apdex === null) return <span class="muted">–</span>
  const [kind, word] = apdex >= 0.94 ? ['ok', 'excellent'] : apdex >= 0.85 ? ['ok', 'good'] : apdex >= 0.7 ? ['warn', 'fair'] : ['alert', 'poor']
  return <span class={`share ${kind}`} title={`${word}: 1 when every request is within the threshold and none fails`}>{apdex.toFixed(2)}</span>
}

// quoted is a value of a search, in quotes where it needs them.
export const quoted = (value: string) => (/^[\w./:-]+$/.test(value) && !value.includes(':') ? value : `"${value.replace(/([\\"])/g, '\\$1')}"`)

export const tracesLink = (query: string, sort?: string) => link('/apm/traces', { query, sort })

// colorsOf gives every service its colour.
export function colorsOf(names: string[]): Map<string, string> {
  const distinct = [...new Set(names)]
  const painted = colors(distinct.map((name) => ({ metric: '', tags: [`service:${name}`], expr: name })))
  return new Map(distinct.map((name, i) => [name, painted[i]]))
}

export function ServiceName({ name, color, href = servicePath(name) }: { name: string; color?: string; href?: string }) {
  return (
    <a class="service-name" href={link(href)}>
      {color && <span class="swatch" style={{ background: color }} />}
      {name}
    </a>
  )
}

const kinds: Record<string, string> = { web: 'Web', http: 'HTTP', sql: 'Database', db: 'Database', cassandra: 'Database', mongodb: 'Database', cache: 'Cache', redis: 'Cache', memcached: 'Cache', queue: 'Queue', grpc: 'gRPC', rpc: 'RPC', worker: 'Worker' }

export const kindOf = (s: Pick<Service, 'type' | 'inferred'>) => kinds[s.type] ?? (s.type || (s.inferred ? 'Peer' : 'Service'))

// EnvPicker narrows a page to one env.
export function EnvPicker({ envs, env }: { envs: string[]; env: string }) {
  if (envs.length < 2 && !env) return null
  return (
    <label class="inline">
      <span class="muted">Env</span>
      <select value={env} onChange={(e) => setParams({ env: e.currentTarget.value || null })}>
        <option value="">all</option>
        {[...new Set([...envs, env].filter(Boolean))].map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  )
}

// Sortable is the head of a column that sorts its table; the order is in the URL.
export function Sortable({ by, sort, children, figure }: { by: string; sort: string; children: ComponentChildren; figure?: boolean }) {
  const here = sort === by
  return (
    <th class={figure ? 'figure' : ''} aria-sort={here ? 'descending' : 'none'}>
      <button type="button" class="sorter" onClick={() => setParams({ sort: by }, true)}>
        {children}
        <span aria-hidden="true">{here ? ' ↓' : ''}</span>
      </button>
    </th>
  )
}

// The columns that figures are sorted by.
export const ranks: Record<string, (f: Figures) => number> = {
  hits: (f) => f.hits, errors: errorShare, p50: (f) => f.p50 ?? 0, p95: (f) => f.p95 ?? 0, p99: (f) => f.p99 ?? 0, total: (f) => f.total,
}
