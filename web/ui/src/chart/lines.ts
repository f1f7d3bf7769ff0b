// From the frames of an answer to lines on one time axis.
import type { Frame, Lang } from '../model'
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
  band?: LineBand
  outlier?: boolean
  width?: number // px
  dash?: number[]
  right?: boolean // measured on the right axis
}

export interface LineBand {
  lower: Values
  middle: Values
  upper: Values
  anomalous: boolean[]
  forecast: boolean
  summary: string
  notes: Map<number, string> // by time: why a point is anomalous
  changes: { at: number; before: number; after: number }[]
}

// Look is how the lines of one query are drawn.
export interface Look {
  style?: Style
  palette?: string[] // colours in order; absent: each series' own
  width?: number
  dash?: number[]
  right?: boolean
  unit?: string // in the place of the metric's own
}

// Request asks for lines of one look.
export interface Request extends Look {
  query: string
  lang?: Lang // absent: Datadog's
  alias?: string
}

export interface Source extends Look {
  frame: Frame
  alias?: string
}

// linesOf puts rows of any grids on the union of their timestamps.
export function linesOf(sources: Source[]): { times: number[]; lines: Line[] } {
  const grids = sources.map(({ frame }) => timesOf(frame))
  const times = grids.length === 1 ? grids[0] : [...new Set(grids.flat())].sort((a, b) => a - b)
  const place = grids.length === 1 ? null : new Map(times.map((t, i) => [t, i]))
  const rows = sources.flatMap((source, i) => source.frame.rows.map((row, n) => ({ row, n, source, grid: grids[i] })))
  // Lines are drawn over areas, and those over bars.
  rows.sort((a, b) => layer(a.source) - layer(b.source))
  const painted = colors(rows.map(({ row }) => row))
  const judged = rows.some(({ row }) => row.outlier)
  const lines = rows.map(({ row, n, source, grid }, i): Line => {
    const { alias, palette } = source
    const spread = <T,>(values: T[]): (T | undefined)[] => {
      if (!place) return values
      const out = new Array<T | undefined>(times.length)
      grid.forEach((t, k) => (out[place.get(t)!] = values[k]))
      return out
    }
    return {
      label: labelOf(row, alias) + (row.outlier ? ' · outlier' : ''),
      metric: row.metric,
      tags: row.tags,
      color: judged && !row.outlier ? quiet : palette ? palette[n % palette.length] : painted[i],
      unit: source.unit ?? row.unit,
      style: source.style ?? 'line',
      width: source.width,
      dash: source.dash,
      right: source.right,
      values: spread(row.values),
      band: row.band && {
        lower: spread(row.band.lower), middle: spread(row.band.middle), upper: spread(row.band.upper), anomalous: spread(row.band.anomalous).map(Boolean),
        forecast: row.band.forecast, summary: row.band.summary, notes: new Map(row.band.notes.map((n) => [n.at, n.text])), changes: row.band.changes,
      },
      outlier: row.outlier,
    }
  })
  return { times, lines }
}

const layer = ({ style }: Look) => (style === 'bars' ? 0 : style === 'area' ? 1 : 2)

// quiet is the colour of lines beside an outlier, in both themes.
const quiet = '#98a2b3'

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

// endOf is where the lines end: beyond now, if there are forecasts.
export function endOf(times: number[], lines: Line[]): number | undefined {
  return lines.some((l) => l.band?.forecast) ? times[times.length - 1] : undefined
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

// heights are where lines are drawn: areas and bars of one axis stand on those
// after them, so that together they show the sum.
export function heights(lines: Line[], hidden?: Set<number>): Values[] {
  const below = new Map<string, number[]>()
  const out: Values[] = new Array(lines.length)
  for (let i = lines.length - 1; i >= 0; i--) {
    const { style, right, values } = lines[i]
    if (style === 'line') {
      out[i] = values
      continue
    }
    const stack = `${style} ${right ?? false}`
    const sums = below.get(stack) ?? new Array<number>(values.length).fill(0)
    out[i] = values.map((v, k) => (typeof v === 'number' ? sums[k] + v : v))
    if (!hidden?.has(i)) below.set(stack, sums.map((sum, k) => sum + (values[k] ?? 0)))
  }
  return out
}
