// The y range of a graph, and what its axes say.
import { unitOf } from '../units'
import type { Line } from './lines'

export interface Threshold {
  value: number
  label?: string
  severity: 'alert' | 'warn' | 'info' | 'ok'
  side?: 'above' | 'below' // the region beyond it that is bad; absent: none
}

// extent is the y range: from zero for bars and areas, padded by 8 % otherwise,
// with the thresholds in sight.
export function extent(lines: Line[], thresholds: Threshold[]): [number, number] {
  let low = Infinity
  let high = -Infinity
  const take = (v: number | null | undefined) => {
    if (typeof v !== 'number') return
    if (v < low) low = v
    if (v > high) high = v
  }
  for (const line of lines) {
    line.values.forEach(take)
    line.band?.lower.forEach(take)
    line.band?.upper.forEach(take)
  }
  if (low > high) {
    for (const t of thresholds) take(t.value)
    if (low > high) return [0, 1]
  }
  const natural = low >= 0
  for (const t of thresholds) take(t.value)
  if (lines.some((l) => l.style !== 'line')) {
    low = Math.min(0, low)
    high = Math.max(0, high)
  }
  const pad = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 1
  const bottom = low === 0 ? 0 : low - pad
  return [natural && bottom < 0 ? 0 : bottom, high === 0 && low < 0 ? 0 : high + pad]
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
