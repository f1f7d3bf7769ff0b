// Where the widgets of a dashboard stand. An ordered dashboard has twelve
// columns and no holes above a widget: one that moves makes the others give
// way. On a free one widgets stand where they were put.
import type { Dashboard, Widget } from '../model'

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export type Kind = 'ordered' | 'free'

// A grid in its own units, and how big these are on the screen. The header of
// a group takes one row of its grid, as it does in Datadog's documents.
export const columns = 12
export const rowHeight = 80 // px, of a row of an ordered dashboard
export const gap = 12 // px, between widgets of an ordered dashboard
export const headerHeight = 42 // px, of a group
export const groupPadding = 10 // px, beside and below what a group holds
const freeColumns = 100 // units that fill the page's width, unless widgets stand further right

const usual = new Map(Object.entries<[width: number, height: number]>({
  query_value: [2, 2], check_status: [2, 2], alert_value: [2, 2], free_text: [4, 1], note: [4, 2], image: [4, 2], iframe: [6, 4],
  toplist: [4, 3], query_table: [6, 3], hostmap: [6, 4], manage_status: [4, 4], event_stream: [4, 4], event_timeline: [12, 1],
  trace_service: [12, 6], topology_map: [6, 5], servicemap: [6, 5], list_stream: [12, 4],
}))

// usualBox is the size of a new widget of a type.
export function usualBox(type: string, kind: Kind): { width: number; height: number } {
  const [width, height] = usual.get(type) ?? [4, 3]
  return kind === 'free' ? { width: width * 8, height: height * 6 } : { width, height }
}

const isGroup = (w: Widget) => w.definition.type === 'group'
export const within = (w: Widget): Widget[] => w.definition.widgets ?? []

// boxesOf is the place of every widget: what the document says, or, where it
// leaves that to us, one after the other in lines.
export function boxesOf(widgets: Widget[], kind: Kind): Box[] {
  let [x, y, low] = [0, 0, 0]
  if (widgets.every((w) => w.layout)) {
    return widgets.map((w) => (kind === 'free' ? free(w.layout!) : { ...ordered(w.layout!), ...(isGroup(w) ? { height: groupRows(w) } : {}) }))
  }
  const full = kind === 'free' ? freeColumns : columns
  return widgets.map((w) => {
    const size = isGroup(w) ? { width: full, height: groupRows(w) } : usualBox(w.definition.type, kind)
    if (x + size.width > full) [x, y, low] = [0, y + low, 0]
    const box = { x, y, ...size }
    x += size.width
    low = Math.max(low, size.height)
    return box
  })
}

// Documents may say anything: furthest and tallest bound what a page lays out.
const furthest = 5000 // rows or units
const tallest = 500

function ordered({ x, y, width, height }: Box): Box {
  const wide = whole(width, 1, columns)
  return { x: whole(x, 0, columns - wide), y: whole(y, 0, furthest), width: wide, height: whole(height, 1, tallest) }
}

const free = ({ x, y, width, height }: Box): Box => ({ x: finite(x, 0, furthest), y: finite(y, 0, furthest), width: finite(width, 2, tallest), height: finite(height, 2, tallest) })

const finite = (n: number, low: number, high: number) => (Number.isFinite(n) ? Math.max(low, Math.min(high, n)) : low)
const whole = (n: number, low: number, high: number) => finite(Math.round(n), low, high)

// groupRows is what a group takes: a row of header, and what it holds.
export function groupRows(w: Widget): number {
  return 1 + bottomOf(boxesOf(within(w), 'ordered'))
}

export const bottomOf = (boxes: Box[]): number => boxes.reduce((low, b) => Math.max(low, b.y + b.height), 0)

// readingOrder is the indices of boxes by row, then by column.
export const readingOrder = (boxes: Box[]): number[] => boxes.map((_, i) => i).sort((a, b) => boxes[a].y - boxes[b].y || boxes[a].x - boxes[b].x)

const collide = (a: Box, b: Box) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
const sameColumns = (a: Box, b: Box) => a.x < b.x + b.width && b.x < a.x + a.width

// arranged puts box i to a new place or size, and lets the others give way. Those
// that could take it in, holds says, stay until it is past them.
export function arranged(boxes: Box[], i: number, to: Box, kind: Kind, holds: (k: number) => boolean = () => false): Box[] {
  if (kind === 'free') return boxes.map((b, k) => (k === i ? free(to) : b))
  const from = boxes[i]
  const wanted = ordered(to)
  const moves = wanted.x !== from.x || wanted.y !== from.y
  // One that is pushed aside takes the place that became free, if it fits.
  const others = boxes.map((b, k) => {
    if (k === i || !moves || !collide(b, wanted) || collide(from, wanted) || b.width > from.width || b.height > from.height) return b
    return { ...b, x: from.x, y: from.y }
  })
  const down = wanted.y > from.y
  const first = (k: number) => {
    const b = others[k]
    if (!sameColumns(b, wanted)) return b.y < wanted.y
    if (holds(k)) return down ? b.y + b.height <= wanted.y : b.y < wanted.y
    const middle = b.y + b.height / 2
    return down ? middle < wanted.y + wanted.height : middle <= wanted.y
  }
  const order = readingOrder(others).filter((k) => k !== i)
  const before = order.filter(first)
  const after = order.filter((k) => !first(k))
  return settled(others.map((b, k) => (k === i ? wanted : b)), [...before, i, ...after])
}

// exchanged lets two boxes change places, and the others give way.
export function exchanged(boxes: Box[], i: number, k: number, kind: Kind): Box[] {
  const at = (own: Box, other: Box) => (kind === 'free' ? free : ordered)({ ...own, x: other.x, y: other.y })
  const next = boxes.map((b, n) => (n === i ? at(b, boxes[k]) : n === k ? at(b, boxes[i]) : b))
  return kind === 'free' ? next : settled(next)
}

// settled lets boxes rise, in an order, until each stands on another or at the
// top, and none on top of another.
export function settled(boxes: Box[], order = readingOrder(boxes)): Box[] {
  const done: Box[] = []
  const out = [...boxes]
  for (const k of order) {
    const box = { ...boxes[k] }
    const free = (y: number) => !done.some((d) => collide(d, { ...box, y }))
    while (!free(box.y)) box.y++
    while (box.y > 0 && free(box.y - 1)) box.y--
    done.push(box)
    out[k] = box
  }
  return out
}

// firstFree is where a new box of a size goes: the first gap at the foot of an
// ordered dashboard, or below all on a free one.
export function firstFree(boxes: Box[], { width, height }: { width: number; height: number }, kind: Kind): Box {
  const size = { width, height }
  const bottom = bottomOf(boxes)
  if (kind === 'free') return { x: 0, y: bottom + (bottom > 0 ? 1 : 0), ...size }
  for (let y = Math.max(0, bottom - size.height); y < bottom; y++) {
    for (let x = 0; x + size.width <= columns; x++) {
      const box = { x, y, ...size }
      const above = boxes.some((b) => sameColumns(b, box) && b.y + b.height > y + size.height)
      if (!above && !boxes.some((b) => collide(b, box))) return box
    }
  }
  return { x: 0, y: bottom, ...size }
}

// withBoxes gives every widget its place.
export const withBoxes = (widgets: Widget[], boxes: Box[]): Widget[] => widgets.map((w, i) => ({ ...w, layout: { ...w.layout, ...boxes[i] } }))

export const kindOf = (d: Partial<Dashboard>): Kind => (d.layout_type === 'free' ? 'free' : 'ordered')

// Places are pixels within a grid.
export interface Place {
  left: number
  top: number
  width: number
  height: number
}

// Scale turns a grid's units into pixels for a width, and back. A row that holds
// nothing but the header of groups is as low as that.
export class Scale {
  private readonly tops: number[] = [0] // of the rows of an ordered grid
  readonly unit: number

  // Rows are a given number of pixels high.
  constructor(readonly kind: Kind, boxes: Box[], readonly width: number, widgets: Widget[] = [], private readonly rowPixels = rowHeight) {
    this.unit = kind === 'free' ? width / Math.max(freeColumns, ...boxes.map((b) => b.x + b.width)) : (width + gap) / columns
    for (let row = 0; row < bottomOf(boxes); row++) {
      const here = boxes.map((_, i) => i).filter((i) => boxes[i].y <= row && row < boxes[i].y + boxes[i].height)
      const headers = here.length > 0 && here.every((i) => widgets[i] && isGroup(widgets[i]) && boxes[i].y === row)
      this.tops.push(this.tops[row] + (headers ? headerHeight + groupPadding : rowPixels + gap))
    }
  }

  private top(row: number): number {
    const known = Math.min(row, this.tops.length - 1)
    return this.tops[known] + (row - known) * (this.rowPixels + gap)
  }

  place(b: Box): Place {
    if (this.kind === 'free') return { left: b.x * this.unit, top: b.y * this.unit, width: b.width * this.unit, height: b.height * this.unit }
    const top = this.top(b.y)
    return { left: b.x * this.unit, top, width: b.width * this.unit - gap, height: this.top(b.y + b.height) - top - gap }
  }

  // height is that of the whole grid.
  height(boxes: Box[]): number {
    return this.kind === 'free' ? bottomOf(boxes) * this.unit : Math.max(0, this.top(bottomOf(boxes)) - gap)
  }

  // column and row are the units nearest to pixels.
  column(px: number): number {
    return Math.round(px / this.unit)
  }

  row(px: number): number {
    if (this.kind === 'free') return Math.round(px / this.unit)
    const last = this.tops.length - 1
    if (px >= this.tops[last]) return last + Math.round((px - this.tops[last]) / (this.rowPixels + gap))
    let nearest = 0
    this.tops.forEach((top, row) => {
      if (Math.abs(top - px) < Math.abs(this.tops[nearest] - px)) nearest = row
    })
    return nearest
  }
}
