// From the frames of an answer to lines on one time axis.
import type { Frame } from '../api'
import { colors } from '../color'

export type Style = 'line' | 'area' | 'bars'

export type Values = (number | null | undefined)[]

export interface Line {
  label: string
  metric: string
  tags: string[]
  color: string
  unit: string
  style: Style
  values: Values // null: nothing there; undefined: not a moment of this line's grid
  band?: { lower: Values; upper: Values; anomalous: boolean[] }
}

export interface Source {
  frame: Frame
  style?: Style
  alias?: string
}

// linesOf puts rows of any grids on the union of their timestamps.
export function linesOf(sources: Source[]): { times: number[]; lines: Line[] } {
  const grids = sources.map(({ frame }) => timesOf(frame))
  const times = grids.length === 1 ? grids[0] : [...new Set(grids.flat())].sort((a, b) => a - b)
  const place = grids.length === 1 ? null : new Map(times.map((t, i) => [t, i]))
  const rows = sources.flatMap(({ frame, style, alias }, i) => frame.rows.map((row) => ({ row, style, alias, grid: grids[i] })))
  const painted = colors(rows.map(({ row }) => row))
  const lines = rows.map(({ row, style, alias, grid }, i): Line => {
    const spread = <T,>(values: T[]): (T | undefined)[] => {
      if (!place) return values
      const out = new Array<T | undefined>(times.length)
      grid.forEach((t, k) => (out[place.get(t)!] = values[k]))
      return out
    }
    return {
      label: labelOf(row, alias),
      metric: row.metric,
      tags: row.tags,
      color: painted[i],
      unit: row.unit,
      style: style ?? 'line',
      values: spread(row.values),
      band: row.band && { lower: spread(row.band.lower), upper: spread(row.band.upper), anomalous: spread(row.band.anomalous).map(Boolean) },
    }
  })
  return { times, lines }
}

function timesOf({ grid }: Frame): number[] {
  const times: number[] = []
  if (grid.step > 0) for (let t = grid.start; t <= grid.end; t += grid.step) times.push(t)
  return times
}

function labelOf(row: { metric: string; tags: string[]; expr: string }, alias?: string): string {
  const tags = row.tags.join(', ')
  if (alias) return tags ? `${alias} · ${tags}` : alias
  return tags || row.expr || row.metric
}

// lonely are the places of values whose neighbours on both sides are missing:
// a line would not show them.
export function lonely(values: Values): number[] {
  const places: number[] = []
  let run: number[] = []
  const close = () => {
    if (run.length === 1) places.push(run[0])
    run = []
  }
  values.forEach((v, i) => {
    if (v === null) close()
    else if (v !== undefined && run.length < 2) run.push(i)
  })
  close()
  return places
}

export interface Summary {
  avg: number | null
  min: number | null
  max: number | null
  last: number | null
  sum: number | null
}

export function summaryOf(values: Values): Summary {
  let n = 0
  let sum = 0
  let min = Infinity
  let max = -Infinity
  let last: number | null = null
  for (const v of values) {
    if (v === null || v === undefined) continue
    n++
    sum += v
    if (v < min) min = v
    if (v > max) max = v
    last = v
  }
  return n === 0 ? { avg: null, min: null, max: null, last: null, sum: null } : { avg: sum / n, min, max, last, sum }
}

// outside counts the points that were judged, and those outside their band.
export function outside(lines: Line[]): { judged: number; outside: number } {
  let judged = 0
  let out = 0
  for (const { values, band } of lines) {
    if (!band) continue
    values.forEach((v, i) => {
      if (v === null || v === undefined || typeof band.lower[i] !== 'number') return
      judged++
      if (band.anomalous[i]) out++
    })
  }
  return { judged, outside: out }
}
