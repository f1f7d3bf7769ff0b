// Where a mark drawn on a picture is in time and value, and back.
import type { Plot, SnapshotMark } from '../model'

export interface Point { x: number; y: number }
export interface Box extends Point { width: number; height: number }

const within = (v: number, low: number, high: number) => Math.min(Math.max(v, low), high)

const timeAt = (p: Plot, x: number) => Math.round(p.from + ((within(x, p.x0, p.x1) - p.x0) / (p.x1 - p.x0)) * (p.to - p.from))
const valueAt = (p: Plot, y: number) => p.low + ((p.y1 - within(y, p.y0, p.y1)) / (p.y1 - p.y0)) * (p.high - p.low)

// A drag lower than this, or below the plot, marks a time in all its height.
const flat = 10
// A drag shorter than this is a click.
const still = 3

// markOf is the mark of a drag between two points of the picture.
export function markOf(p: Plot, a: Point, b: Point): SnapshotMark {
  const from = timeAt(p, Math.min(a.x, b.x))
  const to = timeAt(p, Math.max(a.x, b.x))
  const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)]
  if (bottom - top < flat || top > p.y1) return { from, to }
  return { from, to, low: valueAt(p, bottom), high: valueAt(p, top) }
}

// endOfMark is markOf where the drag ends; a click takes the mark away.
export function endOfMark(p: Plot, a: Point, b: Point): SnapshotMark | null {
  return Math.abs(a.x - b.x) < still && Math.abs(a.y - b.y) < still ? null : markOf(p, a, b)
}

// placeOf is where a mark is on the picture.
export function placeOf(p: Plot, m: SnapshotMark): Box {
  const x = (t: number) => p.x0 + ((t - p.from) / (p.to - p.from)) * (p.x1 - p.x0)
  const y = (v: number) => p.y1 - ((v - p.low) / (p.high - p.low)) * (p.y1 - p.y0)
  const top = m.high === undefined ? p.y0 : y(m.high)
  const bottom = m.low === undefined ? p.y1 : y(m.low)
  return { x: x(m.from), y: top, width: x(m.to) - x(m.from), height: bottom - top }
}

// movedMark is what a key makes of a mark; undefined when it is none of ours.
export function movedMark(p: Plot, m: SnapshotMark | null, key: string, longer: boolean): SnapshotMark | null | undefined {
  if ((key === 'Delete' || key === 'Backspace') && m) return null
  const way = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0
  if (!way) return undefined
  const span = p.to - p.from
  if (!m) return { from: Math.round(p.from + span * 0.4), to: Math.round(p.from + span * 0.6) }
  const step = Math.round((span / 50) * way)
  if (longer) return { ...m, to: within(m.to + step, m.from + Math.abs(step), p.to) }
  const by = within(step, p.from - m.from, p.to - m.to)
  return { ...m, from: m.from + by, to: m.to + by }
}
