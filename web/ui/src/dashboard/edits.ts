// Changes of a dashboard's document. Each gives a new document, in which every
// field that it doesn't know is kept.
import type { Dashboard, Widget } from '../model'
import { arranged, boxesOf, columns, exchanged, firstFree, kindOf, readingOrder, settled, usualBox, withBoxes, within, type Box } from './layout'

export type Board = Partial<Dashboard>

// A path leads to a widget: its index, or that of its group and its own.
export type Path = readonly [number] | readonly [number, number]

export const groupOf = (path: Path): number | null => (path.length === 2 ? path[0] : null)
export const indexOf = (path: Path): number => path[path.length - 1]!
export const pathIn = (group: number | null, index: number): Path => (group === null ? [index] : [group, index])

export function widgetAt(d: Board, path: Path): Widget | undefined {
  const outer = d.widgets?.[path[0]]
  return path.length === 1 ? outer : outer && within(outer)[path[1]]
}

// widgetsIn is what a grid holds: a group's, or the dashboard's own.
export const widgetsIn = (d: Board, group: number | null): Widget[] => (group === null ? (d.widgets ?? []) : within(d.widgets![group]))

// gridKind is how a grid lays out its widgets; groups are always ordered.
export const gridKind = (d: Board, group: number | null) => (group === null ? kindOf(d) : 'ordered')

function withWidgets(d: Board, group: number | null, widgets: Widget[]): Board {
  if (group === null) return { ...d, widgets }
  const outer = d.widgets![group]
  return { ...d, widgets: d.widgets!.map((w, i) => (i === group ? { ...outer, definition: { ...outer.definition, widgets } } : w)) }
}

// tidied makes room for groups that grew, and closes what a widget left behind.
function tidied(d: Board): Board {
  if (kindOf(d) === 'free') return d
  const widgets = d.widgets ?? []
  if (!widgets.some((w) => w.layout)) return d
  return { ...d, reflow_type: 'fixed', widgets: withBoxes(widgets, settled(boxesOf(widgets, 'ordered'))) }
}

// arrangedAt puts a widget to a place and size within its own grid.
export function arrangedAt(d: Board, path: Path, to: Box): Board {
  const group = groupOf(path)
  const kind = gridKind(d, group)
  const widgets = widgetsIn(d, group)
  const isGroup = (k: number) => widgets[k].definition.type === 'group'
  const holds = (k: number) => isGroup(k) && !isGroup(indexOf(path))
  const next = withWidgets(d, group, withBoxes(widgets, arranged(boxesOf(widgets, kind), indexOf(path), to, kind, holds)))
  if (kind === 'free') return next
  return tidied(group === null ? next : { ...next, widgets: withBoxes(next.widgets!, boxesOf(next.widgets!, kindOf(d))) })
}

// movedTo takes a widget to a place of any grid, and says where it is then.
export function movedTo(d: Board, path: Path, group: number | null, to: { x: number; y: number }): { board: Board; path: Path } {
  const from = groupOf(path)
  const widgets = widgetsIn(d, from)
  const widget = widgets[indexOf(path)]
  const size = boxesOf(widgets, gridKind(d, from))[indexOf(path)]
  if (group === from) return { board: arrangedAt(d, path, { ...size, ...to }), path }
  const { board, shifted } = without(d, path)
  const target = group === null ? null : shifted(group)
  const kind = gridKind(board, target)
  const fitting = kind === gridKind(d, from) ? size : { ...size, ...usualBox(widget.definition.type, kind) }
  const others = widgetsIn(board, target)
  const boxes = boxesOf(others, kind)
  const box = { ...fitting, x: Math.min(to.x, kind === 'free' ? Infinity : columns - fitting.width), y: to.y }
  const added = withWidgets(board, target, [...withBoxes(others, boxes), { ...widget, layout: { ...widget.layout, ...box } }])
  const end = pathIn(target, others.length)
  return { board: arrangedAt(added, end, box), path: end }
}

// swapped takes a widget to the place of the one before or after it, as they are
// read.
export function swapped(d: Board, path: Path, by: -1 | 1): Board {
  const group = groupOf(path)
  const widgets = widgetsIn(d, group)
  const boxes = boxesOf(widgets, gridKind(d, group))
  const order = readingOrder(boxes)
  const other = order[order.indexOf(indexOf(path)) + by]
  if (other === undefined) return d
  if (!widgets.some((w) => w.layout)) {
    const next = [...widgets]
    ;[next[indexOf(path)], next[other]] = [next[other], next[indexOf(path)]]
    return withWidgets(d, group, next)
  }
  return tidied(withWidgets(d, group, withBoxes(widgets, exchanged(boxes, indexOf(path), other, gridKind(d, group)))))
}

function without(d: Board, path: Path): { board: Board; shifted: (group: number) => number } {
  const group = groupOf(path)
  const widgets = widgetsIn(d, group)
  const places = withBoxes(widgets, boxesOf(widgets, gridKind(d, group)))
  const had = widgets.some((w) => w.layout)
  const left = (had ? places : widgets).filter((_, i) => i !== indexOf(path))
  const closed = had && gridKind(d, group) === 'ordered' ? withBoxes(left, settled(boxesOf(left, 'ordered'))) : left
  const board = tidied(withWidgets(d, group, closed))
  return { board, shifted: (g) => (group === null && g > indexOf(path) ? g - 1 : g) }
}

export const removedAt = (d: Board, path: Path): Board => without(d, path).board

export function replacedAt(d: Board, path: Path, widget: Widget): Board {
  const group = groupOf(path)
  return tidied(withWidgets(d, group, widgetsIn(d, group).map((w, i) => (i === indexOf(path) ? widget : w))))
}

// added puts a new widget into a grid, where there is room; one that flows by
// itself goes on to.
export function added(d: Board, widget: Widget, group: number | null = null, size?: { width: number; height: number }): Board {
  const kind = gridKind(d, group)
  const widgets = widgetsIn(d, group)
  if (kind === 'ordered' && widgets.length > 0 && !widgets.some((w) => w.layout)) return withWidgets(d, group, [...widgets, widget]) // flows on
  const boxes = boxesOf(widgets, kind)
  const wanted = widget.definition.type === 'group' ? { width: columns, height: 1 } : (size ?? usualBox(widget.definition.type, kind))
  const box = firstFree(boxes, wanted, kind)
  const next = withWidgets(d, group, [...withBoxes(widgets, boxes), { ...widget, layout: { ...widget.layout, ...box } }])
  return tidied(group === null ? next : { ...next, widgets: withBoxes(next.widgets!, boxesOf(next.widgets!, kindOf(d))) })
}

// duplicated adds a copy of a widget to its grid.
export function duplicated(d: Board, path: Path): Board {
  const group = groupOf(path)
  const box = boxesOf(widgetsIn(d, group), gridKind(d, group))[indexOf(path)]
  return added(d, unnumbered(widgetAt(d, path)!), group, box)
}

// unnumbered is a widget without the ids that the server gave it.
export function unnumbered(w: Widget): Widget {
  const { id: _, ...rest } = w
  return { ...rest, definition: rest.definition.widgets ? { ...rest.definition, widgets: rest.definition.widgets.map(unnumbered) } : rest.definition } as Widget
}

// inReadingOrder is a dashboard whose list of widgets follows their places.
export function inReadingOrder(d: Board): Board {
  const sorted = (widgets: Widget[], kind: 'ordered' | 'free') =>
    widgets.some((w) => w.layout) ? readingOrder(boxesOf(widgets, kind)).map((i) => widgets[i]) : widgets
  const widgets = (d.widgets ?? []).map((w) => (within(w).length ? { ...w, definition: { ...w.definition, widgets: sorted(within(w), 'ordered') } } : w))
  return { ...d, widgets: sorted(widgets, kindOf(d)) }
}

// allWidgets lists widgets with their paths, groups included.
export function allWidgets(d: Board): { path: Path; widget: Widget }[] {
  return (d.widgets ?? []).flatMap((widget, i) => [
    { path: [i] as Path, widget },
    ...within(widget).map((inner, k) => ({ path: [i, k] as Path, widget: inner })),
  ])
}

const serversOwn = ['id', 'url', 'author_handle', 'author_name', 'author_info', 'created_at', 'modified_at', 'deleted_at', 'is_read_only', 'experience_type'] as const

// exported is a dashboard as a document of its own: without what belongs to
// this server.
export function exported(d: Board): Board {
  const doc: Record<string, unknown> = { ...d, widgets: (d.widgets ?? []).map(unnumbered) }
  for (const field of serversOwn) delete doc[field]
  return doc as Board
}
