// The flame graph of a trace: spans as bars over time, drawn on a canvas, with
// the whole trace small above it.
import { useEffect, useRef, useState } from 'preact/hooks'
import { useTheme } from '../theme'
import { millis } from './parts'
import type { Node, Tree } from './tree'

const rowHeight = 22
const axisHeight = 22
const miniHeight = 44
const mostRows = 24 // seen at once; the rest is scrolled to

interface View {
  from: number // ms
  to: number
}

export function Flame({ tree, painted, chosen, search, onChoose }: {
  tree: Tree
  painted: Map<string, string>
  chosen: Node | null
  search: Set<Node> | null // what a search found; null: none
  onChoose: (node: Node) => void
}) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const mini = useRef<HTMLCanvasElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const whole: View = { from: tree.start, to: Math.max(tree.end, tree.start + 1e-6) }
  const [view, setView] = useState<View>(whole)
  const [top, setTop] = useState(0) // first row seen
  const [hover, setHover] = useState<{ node: Node; x: number; y: number } | null>(null)
  const drag = useRef<{ x: number; from: number } | null>(null)
  const [marked, setMarked] = useState<[number, number] | null>(null)
  const theme = useTheme()
  const seen = Math.min(tree.rows, mostRows)
  const height = axisHeight + seen * rowHeight + 4

  useEffect(() => {
    const resize = new ResizeObserver(() => setWidth(box.current?.clientWidth ?? 0))
    resize.observe(box.current!)
    return () => resize.disconnect()
  }, [])
  useEffect(() => {
    if (!chosen) return
    if (chosen.row < top) setTop(chosen.row)
    else if (chosen.row >= top + seen) setTop(chosen.row - seen + 1)
  }, [chosen])
  useEffect(() => {
    if (width && canvas.current) draw(canvas.current, width, height, tree, view, top, { painted, chosen, search, marked })
  }, [width, height, tree, view, top, painted, chosen, search, marked, theme])
  useEffect(() => {
    if (width && mini.current) drawMini(mini.current, width, tree, view, whole, painted)
  }, [width, tree, view, painted, theme])

  const timeAt = (x: number) => view.from + ((view.to - view.from) * x) / width
  const nodeAt = (x: number, y: number): Node | null => {
    if (y < axisHeight) return null
    const row = top + Math.floor((y - axisHeight) / rowHeight)
    const slack = ((view.to - view.from) * 1.5) / width
    const t = timeAt(x)
    let found: Node | null = null
    for (const n of tree.nodes) {
      if (n.row === row && n.span.start - slack <= t && t <= n.span.start + n.span.duration + slack) found = n
    }
    return found
  }
  const zoom = (from: number, to: number) => {
    const least = (whole.to - whole.from) / 1e6
    if (to - from < least) return
    setView({ from: Math.max(whole.from, from), to: Math.min(whole.to, to) })
  }
  const local = (e: MouseEvent): [number, number] => {
    const r = canvas.current!.getBoundingClientRect()
    return [e.clientX - r.left, e.clientY - r.top]
  }
  const keys = (e: KeyboardEvent) => {
    const at = chosen ?? tree.nodes[0]
    const siblings = at.parent?.children ?? tree.nodes.filter((n) => !n.parent)
    const i = siblings.indexOf(at)
    const to = { ArrowUp: at.parent, ArrowDown: at.children[0], ArrowLeft: siblings[i - 1], ArrowRight: siblings[i + 1], Home: tree.nodes[0] }[e.key]
    if (e.key === 'Escape') setView(whole)
    else if (to) onChoose(to)
    else return
    e.preventDefault()
  }

  return (
    <div class="flame" ref={box}>
      <canvas
        ref={mini}
        class="flame-mini"
        style={{ height: `${miniHeight}px` }}
        aria-hidden="true"
        onMouseDown={(e) => {
          const r = mini.current!.getBoundingClientRect()
          const move = (m: MouseEvent) => {
            const middle = whole.from + ((whole.to - whole.from) * (m.clientX - r.left)) / width
            const half = (view.to - view.from) / 2
            const from = Math.min(Math.max(whole.from, middle - half), whole.to - 2 * half)
            setView({ from, to: from + 2 * half })
          }
          const end = () => {
            removeEventListener('mousemove', move)
            removeEventListener('mouseup', end)
          }
          addEventListener('mousemove', move)
          addEventListener('mouseup', end)
          move(e)
        }}
      />
      <canvas
        ref={canvas}
        class="flame-graph"
        style={{ height: `${height}px` }}
        tabIndex={0}
        role="img"
        aria-label={`Flame graph of ${tree.nodes.length} spans over ${millis(tree.end - tree.start)}. Arrow keys move to parent, child and siblings.`}
        onKeyDown={keys}
        onMouseDown={(e) => {
          const [x] = local(e)
          drag.current = { x, from: timeAt(x) }
        }}
        onMouseMove={(e) => {
          const [x, y] = local(e)
          if (drag.current && Math.abs(x - drag.current.x) > 4) {
            setMarked([Math.min(x, drag.current.x), Math.max(x, drag.current.x)])
            setHover(null)
            return
          }
          const node = nodeAt(x, y)
          setHover(node && { node, x: e.clientX, y: e.clientY })
        }}
        onMouseUp={(e) => {
          const [x, y] = local(e)
          const began = drag.current
          drag.current = null
          setMarked(null)
          if (began && Math.abs(x - began.x) > 4) {
            const t = timeAt(x)
            zoom(Math.min(began.from, t), Math.max(began.from, t))
            return
          }
          const node = nodeAt(x, y)
          if (node) onChoose(node)
        }}
        onMouseLeave={() => {
          setHover(null)
          setMarked(null)
          drag.current = null
        }}
        onDblClick={() => setView(whole)}
        onWheel={(e) => {
          if (e.ctrlKey || e.metaKey) {
            e.preventDefault()
            const t = timeAt(local(e)[0])
            const by = e.deltaY > 0 ? 1.25 : 0.8
            zoom(t - (t - view.from) * by, t + (view.to - t) * by)
          } else if (tree.rows > seen) {
            e.preventDefault()
            setTop(Math.min(tree.rows - seen, Math.max(0, top + Math.sign(e.deltaY) * 2)))
          }
        }}
      />
      {(view.from !== whole.from || view.to !== whole.to) && <button type="button" class="button flame-reset" onClick={() => setView(whole)}>Whole trace</button>}
      {tree.rows > seen && <p class="note-line">Rows {top + 1} to {top + seen} of {tree.rows}: scroll to see the others</p>}
      {hover && <Hover {...hover} whole={tree} />}
    </div>
  )
}

function Hover({ node: { span }, x, y, whole }: { node: Node; x: number; y: number; whole: Tree }) {
  const share = (100 * span.duration) / Math.max(whole.end - whole.start, 1e-9)
  return (
    <div class="tooltip" style={{ left: `${Math.max(8, Math.min(x + 14, innerWidth - 380))}px`, top: `${Math.min(y + 14, innerHeight - 100)}px` }}>
      <p class="nearest">{span.resource}</p>
      <p>{span.service} <span class="muted">{span.name}</span></p>
      <p>{millis(span.duration)} <span class="muted">{share.toFixed(1)} % of the trace, starts at {millis(span.start - whole.start)}</span></p>
      {span.error && <p class="error-text">✕ error</p>}
    </div>
  )
}

function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const density = devicePixelRatio
  canvas.width = width * density
  canvas.height = height * density
  const ctx = canvas.getContext('2d')!
  ctx.scale(density, density)
  ctx.clearRect(0, 0, width, height)
  return ctx
}

interface Looks {
  painted: Map<string, string>
  chosen: Node | null
  search: Set<Node> | null
  marked: [number, number] | null
}

function draw(canvas: HTMLCanvasElement, width: number, height: number, tree: Tree, view: View, top: number, looks: Looks): void {
  const ctx = fit(canvas, width, height)
  const css = getComputedStyle(document.documentElement)
  const token = (name: string) => css.getPropertyValue(name).trim()
  const perMs = width / (view.to - view.from)
  ctx.font = '11px system-ui, sans-serif'
  ctx.textBaseline = 'middle'
  axis(ctx, width, height, view, tree.start, token)
  for (const node of tree.nodes) {
    const row = node.row - top
    const y = axisHeight + row * rowHeight
    if (row < 0 || y >= height) continue
    const { span } = node
    const left = (span.start - view.from) * perMs
    const right = left + span.duration * perMs
    if (right < 0 || left > width) continue
    const x = Math.max(left, -2)
    const w = Math.max(Math.min(right, width + 2) - x - 1, 1.5)
    const dim = looks.search && !looks.search.has(node)
    ctx.globalAlpha = dim ? 0.2 : 1
    ctx.fillStyle = looks.painted.get(span.service) ?? '#888'
    ctx.fillRect(x, y + 1, w, rowHeight - 3)
    if (span.error && w < 6) {
      ctx.fillStyle = token('--alert')
      ctx.fillRect(x, y + 1, w, rowHeight - 3)
    } else if (span.error) hatch(ctx, x, y + 1, w, rowHeight - 3, token('--alert'))
    if (node === looks.chosen) {
      ctx.globalAlpha = 1
      ctx.strokeStyle = token('--text')
      ctx.lineWidth = 2
      ctx.strokeRect(x + 1, y + 2, Math.max(w - 2, 1), rowHeight - 5)
    }
    if (w > 34) label(ctx, span.resource === span.name ? span.name : `${span.name} ${span.resource}`, x, y, w, span.error)
  }
  ctx.globalAlpha = 1
  if (looks.marked) {
    ctx.fillStyle = token('--accent')
    ctx.globalAlpha = 0.18
    ctx.fillRect(looks.marked[0], axisHeight, looks.marked[1] - looks.marked[0], height)
    ctx.globalAlpha = 1
  }
}

function label(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, w: number, error: boolean): void {
  const room = Math.floor((w - 10) / 5.6)
  const shown = text.length > room ? text.slice(0, Math.max(0, room - 1)) + '…' : text
  ctx.save()
  ctx.beginPath()
  ctx.rect(x, y, w, rowHeight)
  ctx.clip()
  if (error) {
    ctx.lineWidth = 3
    ctx.strokeStyle = 'rgb(0 0 0 / 55%)'
    ctx.strokeText(shown, Math.max(x, 0) + 5, y + rowHeight / 2)
  }
  ctx.fillStyle = '#fff'
  ctx.fillText(shown, Math.max(x, 0) + 5, y + rowHeight / 2)
  ctx.restore()
}

// hatch marks an error by more than a colour.
function hatch(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, color: string): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(x, y, w, h)
  ctx.clip()
  ctx.strokeStyle = color
  ctx.lineWidth = 1.5
  ctx.globalAlpha *= 0.75
  ctx.beginPath()
  for (let at = x - h - ((x - h) % 10); at < x + w; at += 10) {
    ctx.moveTo(at, y + h)
    ctx.lineTo(at + h, y)
  }
  ctx.stroke()
  ctx.strokeRect(x + 1, y + 1, w - 2, h - 2)
  ctx.restore()
}

function axis(ctx: CanvasRenderingContext2D, width: number, height: number, view: View, start: number, token: (name: string) => string): void {
  const span = view.to - view.from
  const rough = span / Math.max(2, width / 130)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= rough) ?? 10 * power
  ctx.fillStyle = token('--muted')
  ctx.strokeStyle = token('--grid')
  ctx.lineWidth = 1
  for (let t = Math.ceil((view.from - start) / step) * step; t <= view.to - start; t += step) {
    const x = Math.round(((start + t - view.from) / span) * width) + 0.5
    ctx.beginPath()
    ctx.moveTo(x, axisHeight - 4)
    ctx.lineTo(x, height)
    ctx.stroke()
    if (x < width - 40) ctx.fillText(Math.abs(t) < step / 1e3 ? '0' : millis(t), x + 3, axisHeight / 2)
  }
}

function drawMini(canvas: HTMLCanvasElement, width: number, tree: Tree, view: View, whole: View, painted: Map<string, string>): void {
  const ctx = fit(canvas, width, miniHeight)
  const css = getComputedStyle(document.documentElement)
  const perMs = width / (whole.to - whole.from)
  const rowOf = Math.min(6, (miniHeight - 4) / tree.rows)
  for (const { span, row } of tree.nodes) {
    ctx.fillStyle = span.error ? css.getPropertyValue('--alert').trim() : painted.get(span.service) ?? '#888'
    ctx.fillRect((span.start - whole.from) * perMs, 2 + row * rowOf, Math.max(1, span.duration * perMs), Math.max(1, rowOf - 0.5))
  }
  const left = (view.from - whole.from) * perMs
  const right = (view.to - whole.from) * perMs
  ctx.fillStyle = css.getPropertyValue('--bg').trim()
  ctx.globalAlpha = 0.7
  ctx.fillRect(0, 0, left, miniHeight)
  ctx.fillRect(right, 0, width - right, miniHeight)
  ctx.globalAlpha = 1
  ctx.strokeStyle = css.getPropertyValue('--border').trim()
  ctx.strokeRect(left + 0.5, 0.5, right - left - 1, miniHeight - 1)
}
