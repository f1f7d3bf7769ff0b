// An anomalies query in its parts, and what is changed in it:
// "anomalies(avg:x{*} by {host}, 'agile', 3, alert_window='last_5m')".
import type { Backtest } from '../model'
import { showDuration } from '../time'

export interface AnomalyParts {
  query: string // what is judged
  algorithm: string
  bounds: number
  options: Record<string, string>
}

export const algorithms: [name: string, words: string][] = [
  ['basic', 'basic: the values just before'],
  ['agile', 'agile: the season, and the last hour'],
  ['robust', 'robust: the season alone'],
  ['auto', 'auto: whichever fits better'],
]
export const seasons = ['hourly', 'daily', 'weekly']
export const directions: [name: string, words: string][] = [['both', 'above or below'], ['above', 'above'], ['below', 'below']]
export const boundsOffered = [2, 2.5, 3, 4, 5, 6]
export const alertWindows: [name: string, words: string][] = [['last_5m', '5 minutes'], ['last_15m', '15 minutes'], ['last_30m', '30 minutes'], ['last_1h', '1 hour']]

export const seasonal = (algorithm: string) => algorithm === 'agile' || algorithm === 'robust' || algorithm === 'auto'

// anomalyPartsOf takes a query apart; null when it is not one of anomalies.
export function anomalyPartsOf(text: string): AnomalyParts | null {
  const m = /^\s*anomalies\s*\(([\s\S]*)\)\s*$/.exec(text)
  if (!m) return null
  const [query, algorithm, bounds, ...rest] = split(m[1]).map((part) => part.trim())
  if (!query || !algorithm || !bounds || Number.isNaN(Number(bounds))) return null
  const options: Record<string, string> = {}
  for (const part of rest) {
    const at = part.indexOf('=')
    if (at < 0) return null
    options[part.slice(0, at).trim()] = unquoted(part.slice(at + 1).trim())
  }
  return { query, algorithm: unquoted(algorithm), bounds: Number(bounds), options }
}

const unquoted = (text: string) => text.replace(/^(['"])(.*)\1$/s, '$2')

// split cuts at the commas that are in no bracket and no quotation.
function split(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let quote = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quote) {
      if (c === quote) quote = ''
    } else if (c === '"' || c === "'") quote = c
    else if ('({['.includes(c)) depth++
    else if (')}]'.includes(c)) depth--
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, text.slice(from)]
}

export function anomalyText(p: AnomalyParts): string {
  const options = Object.entries(p.options).filter(([, v]) => v !== '').map(([k, v]) => `, ${k}=${v !== '' && !Number.isNaN(Number(v)) ? v : `'${v}'`}`)
  return `anomalies(${p.query}, '${p.algorithm}', ${p.bounds}${options.join('')})`
}

// withOption is p with an option set, or taken out by ''.
export const withOption = (p: AnomalyParts, name: string, value: string): AnomalyParts => ({ ...p, options: { ...p.options, [name]: value } })

// judged makes an anomalies query of a plain one, with what is a good start for
// a monitor: three of five points, or one that is far out.
export const judged = (query: string): string => anomalyText({ query: query.trim(), algorithm: 'basic', bounds: 3, options: { alert_window: 'last_5m', severe: '6' } })

// windowName is ms as a query writes it.
export const windowName = (ms: number): string => (ms % 3600e3 === 0 ? `last_${ms / 3600e3}h` : `last_${ms / 60e3}m`)

export interface Rowed {
  bounds: number
  cells: { index: number; window: number; alerts: number; found: number; noise: number; best: boolean; current: boolean }[]
}

// tableOf arranges a backtest's cells: a row for each bounds, a column for each
// window, the settings of p marked.
export function tableOf(b: Pick<Backtest, 'table' | 'best'>, p: AnomalyParts): { windows: number[]; rows: Rowed[] } {
  const windows = [...new Set(b.table.map((c) => c.window))]
  const bounds = [...new Set(b.table.map((c) => c.bounds))]
  const place = (row: number, window: number) => b.table.findIndex((c) => c.bounds === row && c.window === window)
  return {
    windows,
    rows: bounds.map((row) => ({
      bounds: row,
      cells: windows.map((window) => {
        const index = place(row, window)
        const { alerts, found, noise } = b.table[index]
        return { index, window, alerts, found, noise, best: index === b.best, current: row === p.bounds && windowName(window) === p.options.alert_window }
      }),
    })),
  }
}

export type Word = 'real' | 'noise'

// marked sets, or takes back, a person's word about an alert.
export function marked(marks: Record<string, Word>, key: string, word: Word): Record<string, Word> {
  const next = { ...marks }
  if (next[key] === word) delete next[key]
  else next[key] = word
  return next
}

// advice says what the table suggests; '' when there is nothing to suggest.
export function advice(b: Pick<Backtest, 'table' | 'best'>, marks: Record<string, Word>): string {
  const real = Object.values(marks).filter((w) => w === 'real').length
  if (real === 0) return ''
  if (b.best < 0) return `No cell keeps ${real === 1 ? 'the alert that was' : 'all the alerts that were'} real.`
  const { bounds, window, alerts, noise } = b.table[b.best]
  return `Bounds ${bounds} over ${showDuration(window)} keeps what was real with ${alerts} ${alerts === 1 ? 'alert' : 'alerts'}${noise ? `, ${noise} of them on noise` : ''}.`
}
