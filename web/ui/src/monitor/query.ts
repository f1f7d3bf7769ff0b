// A monitor's query in its parts: "avg(last_5m):avg:my_metric{*} by {host} > 800".
import type { Monitor } from '../model'
import type { Threshold } from '../chart/scale'

export interface Parts {
  aggregator: string
  window: string // "last_5m"
  query: string
  comparator: string
  critical: string
}

export const aggregators = ['avg', 'sum', 'min', 'max']
export const comparators: [sign: string, words: string][] = [['>', 'above'], ['>=', 'above or equal to'], ['<', 'below'], ['<=', 'below or equal to']]
export const windows: [name: string, words: string][] = [
  ['last_1m', '1 minute'], ['last_5m', '5 minutes'], ['last_10m', '10 minutes'], ['last_15m', '15 minutes'], ['last_30m', '30 minutes'],
  ['last_1h', '1 hour'], ['last_2h', '2 hours'], ['last_4h', '4 hours'], ['last_1d', '1 day'], ['last_2d', '2 days'], ['last_1w', '1 week'],
]

export const nextWindows: [name: string, words: string][] = [['next_12h', '12 hours'], ['next_1d', '1 day'], ['next_3d', '3 days'], ['next_1w', '1 week'], ['next_2w', '2 weeks']]

// partsOf takes a query apart; null when it has another form.
export function partsOf(text: string): Parts | null {
  const m = /^\s*(\w+)\(((?:last|next)_\w+)\)\s*:\s*([\s\S]*\S)\s*(>=|<=|>|<)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(text)
  return m && { aggregator: m[1], window: m[2], query: m[3], comparator: m[4], critical: m[5] }
}

// metricsqlOf is the MetricsQL in "metricsql(...)"; null when it is another query.
export function metricsqlOf(query: string): string | null {
  const m = /^\s*metricsql\(([\s\S]*)\)\s*$/.exec(query)
  return m && m[1]
}

export const textOf = (p: Parts): string => `${p.aggregator}(${p.window}):${p.query.trim()} ${p.comparator} ${p.critical.trim()}`

export const windowWords = (name: string): string => [...windows, ...nextWindows].find(([w]) => w === name)?.[1] ?? name.replace(/^(last|next)_/, '')

// thresholdLines is the thresholds that a monitor's graph shows.
export function thresholdLines(p: Parts | null, thresholds: Monitor['options']['thresholds'] = {}): Threshold[] {
  if (!p || /^\s*(anomalies|outliers)\s*\(/.test(p.query)) return [] // they compare shares, not values
  const side = p.comparator.startsWith('>') ? 'above' : 'below'
  const list: Threshold[] = []
  const add = (name: string, value: number | null | undefined, label: string, severity: Threshold['severity'], tinted: boolean) => {
    if (typeof value === 'number' && !Number.isNaN(value)) list.push({ name, value, label, severity, ...(tinted ? { side } : {}) })
  }
  add('critical', p.critical.trim() === '' ? undefined : Number(p.critical), 'Alert', 'alert', true)
  add('warning', thresholds.warning, 'Warn', 'warn', true)
  add('criticalRecovery', thresholds.critical_recovery, 'Alert recovers', 'ok', false)
  add('warningRecovery', thresholds.warning_recovery, 'Warn recovers', 'ok', false)
  return list
}

// groupKeys are the keys that a query groups by.
export function groupKeys(query: string): string[] {
  const m = /\bby\s*\{([^}]*)\}/.exec(query)
  return m ? m[1].split(',').map((k) => k.trim()).filter(Boolean) : []
}

// fieldOf splits a validation error into its field and what is wrong with it.
export function fieldOf(message: string): { field: string; text: string } {
  const m = /^(?:(?:create|update|edit) (?:monitor|downtime)(?: \d+)?: )?([a-z_]+(?:\.[a-z_]+)*(?:\[\d+\])?): ([\s\S]*)$/.exec(message)
  return m ? { field: m[1], text: m[2] } : { field: '', text: message }
}
