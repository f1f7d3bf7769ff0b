// The grid of a dashboard: widgets at their places, moved and resized by pointer
// and by keyboard. On a narrow screen they stand one below the other.
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Widget } from '../model'
import { Icon } from '../parts/icon'
import { arrangedAt, gridKind, groupOf, indexOf, movedTo, pathIn, widgetAt, widgetsIn, type Board, type Path } from './edits'
import { boxesOf, gap, groupPadding, readingOrder, Scale, settled, type Box, type Place } from './layout'

// Editing is what a grid that can be changed does with changes.
export interface Editing {
  commit: (next: Board) => void
  say: (what: string) => void // to those who don't see it
}

// Slot is where a widget stands, for what draws it.
export interface Slot {
  path: Path
  grip: ComponentChildren // the handle that moves it; null where nothing moves
}

const narrow = 640 // px: below, widgets are stacked

// Scrolling while a widget is dragged: how near to an edge, below the bar on top,
// and how fast, px a frame.
const edge = 32
const bar = 48
const speed = 7

interface Drag {
  mode: 'move' | 'resize'
  base: Board
  from: Path
  board: Board // as it would be if let go now
  path: Path
  grab: { x: number; y: number } // where the pointer holds the widget, px
  at: { x: number; y: number } // the widget's corner, in its grid, px
}

export function Grid({ board, draw, editing, rowPixels, collapsed }: {
  board: Board
  draw: (widget: Widget, slot: Slot) => ComponentChildren
  editing?: Editing
  rowPixels?: number // of an ordered dashboard
  collapsed?: Set<number> // groups, by index
}) {
  const root = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const [drag, setDrag] = useState<Drag | null>(null)
  const latest = useRef<Drag | null>(null)
  latest.current = drag

  useLayoutEffect(() => {
    const host = root.current!
    const measure = () => setWidth(host.clientWidth)
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(host)
    return () => watch.disconnect()
  }, [])

  const shown = drag?.board ?? board
  const stacked = width < narrow

  const begin = (e: PointerEvent, path: Path, mode: Drag['mode']) => {
    if (!editing || stacked || e.button !== 0) return
    e.preventDefault()
    const cell = (e.target as Element).closest('.cell')!.getBoundingClientRect()
    const grid = gridElement(root.current!, groupOf(path)).getBoundingClientRect()
    const grab = mode === 'move' ? { x: e.clientX - cell.left, y: e.clientY - cell.top } : { x: cell.right - e.clientX, y: cell.bottom - e.clientY }
    setDrag({ mode, base: board, from: path, board, path, grab, at: { x: cell.left - grid.left, y: cell.top - grid.top } })
  }

  const dragging = drag !== null
  useEffect(() => {
    if (!dragging) return
    let pointer: PointerEvent | null = null
    const onMove = (e: PointerEvent) => {
      pointer = e
      const next = follow(root.current!, latest.current!, e, width, rowPixels)
      latest.current = next
      setDrag(next)
    }
    // Near an edge of the window the page scrolls, and the widget with it.
    let frame = 0
    const scroll = () => {
      frame = requestAnimationFrame(scroll)
      if (!pointer) return
      const by = pointer.clientY > innerHeight - edge ? speed : pointer.clientY < bar + edge ? -speed : 0
      const before = scrollY
      if (by) scrollBy(0, by)
      if (scrollY !== before) onMove(pointer)
    }
    frame = requestAnimationFrame(scroll)
    const onUp = () => {
      const { board: next, path, base } = latest.current!
      setDrag(null)
      if (next !== base) {
        editing!.commit(next)
        editing!.say(whereIs(next, path))
      }
    }
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== 'Escape') return
      e.preventDefault()
      setDrag(null)
    }
    const cancel = () => setDrag(null)
    addEventListener('pointermove', onMove)
    addEventListener('pointerup', onUp)
    addEventListener('pointercancel', cancel)
    addEventListener('keydown', onKey, true)
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('pointermove', onMove)
      removeEventListener('pointerup', onUp)
      removeEventListener('pointercancel', cancel)
      removeEventListener('keydown', onKey, true)
    }
  }, [dragging, width])

  // A widget is moved by its head, too.
  const byHead = (e: PointerEvent, path: Path) => {
    const target = e.target as Element
    if (target.closest('.cell') === e.currentTarget && target.closest('.panel-head, .group-head') && !target.closest('button, a, input, select, dialog, [popover]')) begin(e, path, 'move')
  }

  const nudge = (e: KeyboardEvent, path: Path, mode: Drag['mode']) => {
    const arrow = arrows[e.key]
    if (!arrow || !editing) return
    e.preventDefault()
    const next = nudged(board, path, mode, arrow)
    if (next) editing.commit(next)
    editing.say(next ? whereIs(next, path) : 'It cannot go further that way')
  }

  const grid = (group: number | null, gridWidth: number) => {
    const widgets = widgetsIn(shown, group)
    const kind = gridKind(shown, group)
    const said = boxesOf(widgets, kind)
    const folded = group === null && collapsed?.size ? settled(said.map((b, i) => (collapsed.has(i) ? { ...b, height: 1 } : b))) : said
    const scale = new Scale(kind, folded, gridWidth, widgets, rowPixels)
    const rank = new Map(readingOrder(folded).map((index, n) => [index, n]))
    const held = drag && groupOf(drag.path) === group ? indexOf(drag.path) : -1
    return (
      <div class={`board ${stacked ? 'stacked' : ''}`} data-grid={group ?? 'root'} style={stacked ? undefined : { height: `${scale.height(folded)}px` }}>
        {held >= 0 && drag!.mode === 'move' && <div class="cell-ghost" style={pixels(scale.place(folded[held]))} />}
        {widgets.map((w, i) => {
          const path = pathIn(group, i)
          const place = scale.place(folded[i])
          const floats = i === held && drag!.mode === 'move'
          const at = floats ? { ...place, left: drag!.at.x, top: drag!.at.y } : place
          const name = w.definition.title || w.definition.type
          const grip = editing && !stacked && (
            <button type="button" class="button quiet bare cell-grip" aria-label={`Move ${name}: arrow keys, or drag`} title="Drag to move; arrow keys move it too" onPointerDown={(e) => begin(e, path, 'move')} onKeyDown={(e) => nudge(e, path, 'move')}>
              <Icon name="grip" />
            </button>
          )
          const isGroup = group === null && w.definition.type === 'group'
          return (
            <div key={w.id ?? i} class={`cell ${isGroup ? 'cell-group' : ''} ${i === held ? 'held' : ''} ${stacked && figures.has(w.definition.type) ? 'half' : ''}`} data-type={w.definition.type} onPointerDown={editing && !stacked ? (e) => byHead(e, path) : undefined} style={stacked ? { order: rank.get(i), ...(isGroup ? {} : { height: stackedHeight(w, folded[i], kind) }) } : pixels(at)}>
              {draw(w, { path, grip: grip || null })}
              {isGroup && !collapsed?.has(i) && <div class="group-body">{grid(i, place.width - 2 * groupPadding)}</div>}
              {editing && !stacked && !isGroup && (
                <button type="button" class="cell-corner" aria-label={`Resize ${name}: arrow keys, or drag`} title="Drag to resize; arrow keys resize it too" onPointerDown={(e) => begin(e, path, 'resize')} onKeyDown={(e) => nudge(e, path, 'resize')} />
              )}
            </div>
          )
        })}
      </div>
    )
  }

  return <div ref={root} class={`board-root ${editing ? 'editing' : ''} ${drag ? 'dragging' : ''}`}>{width > 0 && grid(null, width)}</div>
}

const pixels = (p: Place) => ({ left: `${p.left}px`, top: `${p.top}px`, width: `${p.width}px`, height: `${p.height}px` })

// figures are widgets of which two stand side by side on a narrow screen.
const figures = new Set(['query_value', 'alert_value', 'check_status'])

// stackedHeight is a widget's on a narrow screen; what is as long as it is there
// grows.
function stackedHeight(w: Widget, box: Box, kind: 'ordered' | 'free'): string | undefined {
  if (w.definition.type === 'note' || w.definition.type === 'trace_service') return undefined
  if (figures.has(w.definition.type)) return '120px'
  const rows = kind === 'free' ? box.height / 6 : box.height
  return `${Math.round(Math.max(1, rows) * (80 + gap) - gap)}px`
}

const gridElement = (root: HTMLElement, group: number | null) => root.querySelector<HTMLElement>(`[data-grid="${group ?? 'root'}"]`)!

const arrows: Record<string, { x: number; y: number } | undefined> = { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: -1 }, ArrowDown: { x: 0, y: 1 } }

// follow is a drag after the pointer moved.
function follow(root: HTMLElement, drag: Drag, e: PointerEvent, width: number, rowPixels?: number): Drag {
  const into = drag.mode === 'move' ? groupUnder(root, drag, e, width, rowPixels) : groupOf(drag.from)
  const group = shownIndex(drag, into)
  const grid = gridElement(root, group).getBoundingClientRect()
  const widgets = widgetsIn(drag.board, group)
  const kind = gridKind(drag.board, group)
  const scale = new Scale(kind, boxesOf(widgets, kind), group === null ? width : grid.width, widgets, rowPixels)
  const pointer = { x: e.clientX - grid.left, y: e.clientY - grid.top }
  if (drag.mode === 'resize') {
    const box = boxesOf(widgetsIn(drag.base, into), kind)[indexOf(drag.from)]
    const between = kind === 'free' ? 0 : gap
    const to = { ...box, width: Math.max(1, scale.column(pointer.x + drag.grab.x + between) - box.x), height: Math.max(1, scale.row(pointer.y + drag.grab.y + between) - box.y) }
    return { ...drag, board: arrangedAt(drag.base, drag.from, to) }
  }
  const at = { x: pointer.x - drag.grab.x, y: pointer.y - drag.grab.y }
  const to = { x: Math.max(0, scale.column(at.x)), y: Math.max(0, scale.row(at.y)) }
  const { board, path } = movedTo(drag.base, drag.from, into, to)
  return { ...drag, board, path, at }
}

// groupUnder is the group that the pointer is over, by its index before the
// drag: where the group was then, as it may give way, or where it has grown
// since the widget came in. Groups stay out of groups.
function groupUnder(root: HTMLElement, drag: Drag, e: PointerEvent, width: number, rowPixels?: number): number | null {
  const widgets = drag.base.widgets ?? []
  if (widgetAt(drag.base, drag.from)?.definition.type === 'group') return null
  const kind = gridKind(drag.base, null)
  const boxes = boxesOf(widgets, kind)
  const scale = new Scale(kind, boxes, width, widgets, rowPixels)
  const grid = gridElement(root, null).getBoundingClientRect()
  const [x, y] = [e.clientX - grid.left, e.clientY - grid.top]
  const was = widgets.findIndex((w, i) => {
    if (w.definition.type !== 'group') return false
    const place = scale.place(boxes[i])
    return x >= place.left && x <= place.left + place.width && y >= place.top && y <= place.top + place.height
  })
  if (was >= 0) return was
  const held = groupOf(drag.path)
  if (held === null) return null
  const now = gridElement(root, held).getBoundingClientRect()
  const inside = e.clientX >= now.left && e.clientX <= now.right && e.clientY >= now.top && e.clientY <= now.bottom
  return inside ? baseIndex(drag, held) : null
}

// A widget that left the dashboard's own grid for a group moved the later ones
// up: shownIndex is a group's index now, baseIndex before.
const hasLeft = (drag: Drag) => drag.from.length === 1 && drag.path.length === 2
const shownIndex = (drag: Drag, group: number | null) => (group !== null && hasLeft(drag) && group > drag.from[0] ? group - 1 : group)
const baseIndex = (drag: Drag, group: number) => (hasLeft(drag) && group >= drag.from[0] ? group + 1 : group)

// nudged is the dashboard after the least move in a direction that changes
// anything; null when nothing does.
function nudged(d: Board, path: Path, mode: Drag['mode'], by: { x: number; y: number }): Board | null {
  const group = groupOf(path)
  const box = boxesOf(widgetsIn(d, group), gridKind(d, group))[indexOf(path)]
  for (let step = 1; step <= 12; step++) {
    const to = mode === 'move'
      ? { ...box, x: box.x + by.x * step, y: box.y + by.y * step }
      : { ...box, width: box.width + by.x * step, height: box.height + by.y * step }
    if (to.x < 0 || to.y < 0 || to.width < 1 || to.height < 1) return null
    const next = arrangedAt(d, path, to)
    const after = boxesOf(widgetsIn(next, group), gridKind(d, group))[indexOf(path)]
    if (after.x !== box.x || after.y !== box.y || after.width !== box.width || after.height !== box.height) return next
  }
  return null
}

// whereIs says a widget's place in words.
export function whereIs(d: Board, path: Path): string {
  const group = groupOf(path)
  const widget = widgetAt(d, path)!
  const box = boxesOf(widgetsIn(d, group), gridKind(d, group))[indexOf(path)]
  const name = widget.definition.title || widget.definition.type
  return `${name}: column ${box.x + 1}, row ${box.y + 1}, ${box.width} wide, ${box.height} high${group === null ? '' : `, in ${d.widgets![group].definition.title || 'a group'}`}`
}
