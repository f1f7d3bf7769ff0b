// The y range of a graph, and what its axes say.
import { unitOf } from '../units'
import { heights, type Line } from './lines'

export interface Threshold {
  value: number
  label?: string
  severity: 'alert' | 'warn' | 'info' | 'ok'
  side?: 'above' | 'below' // the region beyond it that is bad; absent: none
  name?: string // by which it is moved, where it may be
}

// Axis is how a y axis is to be, where it is not as its lines suggest.
export interface Axis {
  kind?: 'linear' | 'log' | 'sqrt' | 'square'
  min?: number
  max?: number
  zero?: boolean // always in sight
  label?: string
}

// extent is the y range: from zero for bars and areas, padded by 8 % otherwise,
// with the thresholds in sight.
export function extent(lines: Line[], thresholds: Threshold[], axis: Axis = {}): [number, number] {
  let low = Infinity
  let high = -Infinity
  const take = (v: number | null | undefined) => {
    if (typeof v !== 'number' || (axis.kind === 'log' && v <= 0)) return
    if (v < low) low = v
    if (v > high) high = v
  }
  heights(lines).forEach((values) => values.forEach(take))
  for (const line of lines) {
    line.band?.lower.forEach(take)
    line.band?.upper.forEach(take)
  }
  if (low > high) {
    for (const t of thresholds) take(t.value)
    if (low > high) return bounded(axis.kind === 'log' ? [1, 10] : [0, 1], axis)
  }
  const natural = low >= 0
  for (const t of thresholds) take(t.value)
  if (axis.kind === 'log') return bounded([10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.01))], axis)
  if (axis.zero || lines.some((l) => l.style !== 'line')) {
    low = Math.min(0, low)
    high = Math.max(0, high)
  }
  const pad = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 1
  const bottom = low === 0 ? 0 : low - pad
  return bounded([natural && bottom < 0 ? 0 : bottom, high === 0 && low < 0 ? 0 : high + pad], axis)
}

// bounded puts an axis' own ends in the place of those that its lines suggest.
function bounded([low, high]: [number, number], { min, max, kind }: Axis): [number, number] {
  const bottom = min !== undefined && !(kind === 'log' && min <= 0) ? min : low
  const top = max ?? high
  return top > bottom ? [bottom, top] : [bottom, bottom + (Math.abs(bottom) || 1)]
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number) => String(n).padStart(2, '0')

// timeLabels name moments on the x axis: the date only where the day changes.
export function timeLabels(moments: number[], step: number): string[] {
  return moments.map((ms) => {
    const d = new Date(ms)
    const midnight = d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0
    if (midnight) return `${months[d.getMonth()]} ${d.getDate()}`
    return `${two(d.getHours())}:${two(d.getMinutes())}${step < 60e3 ? ':' + two(d.getSeconds()) : ''}`
  })
}

// tickSteps are the distances that labels of the y axis may have, where the unit
// is not counted in tens: bytes, and times above a second. undefined: any.
export function tickSteps(unitText: string): number[] | undefined {
  const unit = unitOf(unitText)
  const steps: number[] = []
  if (unit.family === 'binary') for (let k = -10; k < 70; k++) steps.push(2 ** k)
  else if (unit.family === 'seconds') {
    for (let k = -12; k < 1; k++) for (const m of [1, 2, 5]) steps.push(Number(`${m}e${k}`))
    steps.push(10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)
    for (let days = 1; days < 1e6; days *= 2) steps.push(days * 86400)
  } else return undefined
  return steps.map((s) => s / unit.factor)
}
