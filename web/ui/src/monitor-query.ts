// What a monitor's query says, for drawing its graph.
import type { Monitor } from './api'
import type { Threshold } from './graph'

// innerQuery is the query without its window and comparison.
export function innerQuery(query: string): string {
  const m = /^\s*\w+\(last_\w+\):([\s\S]*?)\s*(?:>=|<=|>|<)\s*-?[\d.eE+-]+\s*$/.exec(query)
  return m ? m[1].trim() : query
}

export function comparatorOf(query: string): string {
  return /(>=|<=|>|<)\s*-?[\d.eE+-]+\s*$/.exec(query)?.[1] ?? '>'
}

// thresholdsOf gives the lines to draw; those of anomalies are shares of points
// and have no place on the graph.
export function thresholdsOf(m: Pick<Monitor, 'query' | 'options'>): Threshold[] {
  if (/\banomalies\(/.test(m.query)) return []
  const below = comparatorOf(m.query).startsWith('<')
  const t = m.options?.thresholds ?? {}
  const lines: Threshold[] = []
  if (typeof t.warning === 'number') lines.push({ value: t.warning, label: `warning ${t.warning}`, severity: 'warn', below })
  if (typeof t.critical === 'number') lines.push({ value: t.critical, label: `alert ${t.critical}`, severity: 'alert', below })
  return lines
}

// explain says in one sentence what a monitor watches.
export function explain(m: Pick<Monitor, 'query' | 'options'>): string {
  const found = /^\s*(\w+)\(last_(\d+)(m|h|d|w)\):/.exec(m.query)
  if (!found) return ''
  const names: Record<string, string> = { avg: 'average', sum: 'sum', min: 'minimum', max: 'maximum', last: 'last value' }
  const units: Record<string, string> = { m: 'minutes', h: 'hours', d: 'days', w: 'weeks' }
  const words: Record<string, string> = { '>': 'above', '>=': 'at or above', '<': 'below', '<=': 'at or below' }
  const by = /by\s*\{([^}]*)\}/.exec(m.query)?.[1]
  const t = m.options?.thresholds ?? {}
  const compare = words[comparatorOf(m.query)]
  const warn = typeof t.warning === 'number' ? `, Warn when it is ${compare} ${t.warning}` : ''
  const missing = m.options?.notify_no_data ? `, No Data after ${m.options.no_data_timeframe ?? 10} minutes of silence` : ''
  return `Alert when the ${names[found[1]] ?? found[1]} over the last ${found[2]} ${units[found[3]]} is ${compare} ${t.critical ?? ''}${warn}${missing}${by ? `, for each ${by.split(',').map((k) => k.trim()).join(' and ')}` : ''}.`
}
