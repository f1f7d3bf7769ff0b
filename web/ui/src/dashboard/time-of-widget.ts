// How far back a widget looks, where it has a time of its own.
import type { Range } from '../time'
import type { WidgetTime } from './definition'

const lengths: Record<string, number> = {
  minute: 60e3, hour: 3600e3, day: 86400e3, week: 7 * 86400e3, month: 30 * 86400e3, year: 365 * 86400e3,
}
const suffixes: Record<string, number> = { m: 60e3, h: 3600e3, d: 86400e3, w: 7 * 86400e3, mo: 30 * 86400e3, y: 365 * 86400e3 }

// lengthOf is how far back a widget looks, in ms; undefined: as the page does.
export function lengthOf(time: WidgetTime, to: number): number | undefined {
  if (time.type === 'live' && time.value && time.unit) return lengths[time.unit] && time.value * lengths[time.unit]
  const span = time.live_span ?? ''
  const [, n, unit] = /^(\d+)(mo|[mhdwy])$/.exec(span) ?? []
  if (n) return Number(n) * suffixes[unit]
  const midnight = new Date(to).setHours(0, 0, 0, 0)
  if (span === 'week_to_date') return to - new Date(midnight).setDate(new Date(midnight).getDate() - ((new Date(midnight).getDay() + 6) % 7))
  if (span === 'month_to_date') return to - new Date(midnight).setDate(1)
  return undefined
}

// rangeOf is a widget's range; it ends where the page's does.
export function rangeOf(time: WidgetTime, page: Range): Range | undefined {
  if (time.type === 'fixed' && time.from && time.to && time.to > time.from) return { from: time.from * 1000, to: time.to * 1000, live: false }
  const length = lengthOf(time, page.to)
  return length ? { from: page.to - length, to: page.to, live: page.live } : undefined
}
