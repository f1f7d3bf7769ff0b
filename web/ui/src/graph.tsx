// Graph draws frames: lines with gaps as gaps, the band in which values were
// expected, thresholds, and a crosshair that all graphs of the page share.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Frame, Row } from './api'
import { colors } from './color'
import { showNumber } from './format'
import { showTime } from './time'

export interface Threshold {
  value: number
  label: string
  severity: 'alert' | 'warn'
  below?: boolean // what lies below is bad
}

interface Props {
  frames: Frame[]
  from: number
  to: number
  height?: number
  kind?: 'line' | 'area' | 'bars'
  thresholds?: Threshold[]
  legend?: boolean
  dimmed?: boolean
  onZoom?: (from: number, to: number) => void
  onBack?: () => void
}

interface Line extends Row {
  frame: Frame
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

export const rowName = (r: Row) => (r.tags.length ? r.tags.join(', ') : r.metric || r.expr || 'value')

// aligned puts the rows of all frames on one axis of times, in seconds.
function aligned(lines: Line[]): { times: number[]; columns: (number | null)[][] } {
  const stamps = new Set<number>()
  for (const f of new Set(lines.map((l) => l.frame))) for (let t = f.grid.start; t <= f.grid.end; t += f.grid.step) stamps.add(t)
  const times = [...stamps].sort((a, b) => a - b)
  const index = new Map(times.map((t, i) => [t, i]))
  const columns = lines.map((l) => {
    const column: (number | null)[] = new Array(times.length).fill(null)
    l.values.forEach((v, i) => (column[index.get(l.frame.grid.start + i * l.frame.grid.step)!] = v))
    return column
  })
  return { times: times.map((t) => t / 1000), columns }
}

// lonely reports whether a value has no neighbour, so that no line shows it.
const lonely = (v: (number | null)[], i: number) => v[i] !== null && (i === 0 || v[i - 1] === null) && (i === v.length - 1 || v[i + 1] === null)

export function Graph(props: Props) {
  const { frames, from, to, height = 260, kind = 'line', thresholds = [], legend = false } = props
  const place = useRef<HTMLDivElement>(null)
  const tip = useRef<HTMLDivElement>(null)
  const handlers = useRef(props)
  handlers.current = props
  const [theme, setTheme] = useState(document.documentElement.dataset.theme)
  useEffect(() => {
    const observer = new MutationObserver(() => setTheme(document.documentElement.dataset.theme))
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => observer.disconnect()
  }, [])
  const lines = useMemo<Line[]>(() => frames.flatMap((frame) => frame.rows.map((r) => ({ ...r, frame }))), [frames])
  const palette = useMemo(() => colors(lines), [lines])

  useEffect(() => {
    const element = place.current!
    const { times, columns } = aligned(lines)
    const unit = lines[0]?.unit ?? ''
    const mono = (size: number) => `${size}px system-ui, sans-serif`
    const axis = { stroke: token('--muted'), grid: { stroke: token('--grid'), width: 1 }, ticks: { show: false }, font: mono(11) }
    const drawUnder = (u: uPlot) => {
      const ctx = u.ctx
      ctx.save()
      ctx.beginPath()
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height)
      ctx.clip()
      for (const t of thresholds) {
        const y = u.valToPos(t.value, 'y', true)
        const color = token(t.severity === 'alert' ? '--alert' : '--warn')
        ctx.globalAlpha = 0.06
        ctx.fillStyle = color
        if (t.below) ctx.fillRect(u.bbox.left, y, u.bbox.width, u.bbox.top + u.bbox.height - y)
        else ctx.fillRect(u.bbox.left, u.bbox.top, u.bbox.width, y - u.bbox.top)
        ctx.globalAlpha = 1
        ctx.strokeStyle = color
        ctx.lineWidth = devicePixelRatio
        ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio])
        ctx.beginPath()
        ctx.moveTo(u.bbox.left, y)
        ctx.lineTo(u.bbox.left + u.bbox.width, y)
        ctx.stroke()
        ctx.setLineDash([])
        ctx.fillStyle = color
        ctx.font = mono(11 * devicePixelRatio)
        ctx.textAlign = 'right'
        ctx.fillText(t.label, u.bbox.left + u.bbox.width - 4 * devicePixelRatio, y - 4 * devicePixelRatio)
      }
      lines.forEach((l) => {
        if (l.band) drawBand(u, l)
      })
      ctx.restore()
    }
    const drawOver = (u: uPlot) => {
      lines.forEach((l) => {
        if (l.band) drawOutside(u, l)
      })
    }
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      padding: [10, 8, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: 'page' },
        drag: { x: true, y: false, setScale: false },
        points: { show: (_u: uPlot, i: number) => (lines.length > 20 ? (undefined as never) : dot(palette[i - 1])) },
        bind: {
          dblclick: () => () => {
            handlers.current.onBack?.()
            return null
          },
        },
      },
      scales: {
        x: { range: () => [from / 1000, to / 1000] },
        y: {
          range: (_u, low, high) => {
            for (const l of lines) {
              for (const edge of [l.band?.lower, l.band?.upper]) for (const v of edge ?? []) if (v !== null) [low, high] = [Math.min(low ?? v, v), Math.max(high ?? v, v)]
            }
            for (const t of thresholds) [low, high] = [Math.min(low ?? t.value, t.value), Math.max(high ?? t.value, t.value)]
            if (low === null || high === null || low === undefined || high === undefined) return [0, 1]
            if (kind !== 'line') [low, high] = [Math.min(0, low), Math.max(0, high)]
            if (low === high) return low === 0 ? [0, 1] : [low - Math.abs(low) * 0.1, high + Math.abs(high) * 0.1]
            const pad = (high - low) * 0.08
            return [kind !== 'line' && low === 0 ? 0 : low - pad, high + pad]
          },
        },
      },
      axes: [
        { ...axis, space: 80, size: 34, values: (_u, splits, _i, _s, step) => splits.map((s, i) => tickLabel(s, splits[i - 1], step)) },
        { ...axis, space: Math.max(40, height / 5), size: 64, values: (_u, splits) => splits.map((v) => showNumber(v, unit)) },
      ],
      series: [
        {},
        ...lines.map((_, i) => ({
          stroke: palette[i],
          width: 1.5,
          fill: kind === 'area' ? palette[i] + '1f' : kind === 'bars' ? palette[i] : undefined,
          paths: kind === 'bars' ? uPlot.paths.bars!({ gap: 1 }) : undefined,
          spanGaps: false,
          points: {
            show: kind !== 'bars',
            size: 4,
            fill: palette[i],
            filter: (_u: uPlot, _s: number, _show: boolean) => columns[i].map((_, j) => j).filter((j) => lonely(columns[i], j)),
          },
        })),
      ],
      hooks: {
        drawAxes: [drawUnder],
        draw: [drawOver],
        setCursor: [(u) => showTip(u, tip.current!, lines, palette)],
        setSelect: [
          (u) => {
            if (u.select.width < 4) return
            const [a, b] = [u.posToVal(u.select.left, 'x') * 1000, u.posToVal(u.select.left + u.select.width, 'x') * 1000]
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
            handlers.current.onZoom?.(a, b)
          },
        ],
      },
    }
    const plot = new uPlot(options, [times, ...columns], element)
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      plot.destroy()
    }
  }, [lines, palette, from, to, height, kind, theme, JSON.stringify(thresholds)])

  return (
    <div class={props.dimmed ? 'graph dimmed' : 'graph'}>
      <div ref={place} class="plot" style={{ height: `${height}px` }} />
      <div ref={tip} class="tip" hidden />
      {lines.length === 0 && <p class="nothing">No data in this range.</p>}
      {legend && lines.length > 0 && <Legend lines={lines} palette={palette} />}
    </div>
  )
}

function dot(color: string): HTMLElement {
  const d = document.createElement('div')
  d.style.background = color ?? 'transparent'
  return d
}

const two = (n: number) => String(n).padStart(2, '0')

// tickLabel names the date only where the day changes.
function tickLabel(s: number, before: number | undefined, step: number): string {
  const d = new Date(s * 1000)
  const date = showTime(s * 1000).split(',')[0]
  if (step >= 86400) return date
  const time = `${two(d.getHours())}:${two(d.getMinutes())}${step < 60 ? ':' + two(d.getSeconds()) : ''}`
  const dayChanges = before !== undefined && new Date(before * 1000).getDate() !== d.getDate()
  return dayChanges ? `${date}\n${time}` : time
}

function eachRun(n: number, holds: (i: number) => boolean, fn: (from: number, to: number) => void) {
  for (let i = 0; i < n; ) {
    if (!holds(i)) {
      i++
      continue
    }
    let j = i
    while (j + 1 < n && holds(j + 1)) j++
    fn(i, j)
    i = j + 1
  }
}

const timeAt = (l: Line, i: number) => (l.frame.grid.start + i * l.frame.grid.step) / 1000

function drawBand(u: uPlot, l: Line) {
  const { lower, upper } = l.band!
  const ctx = u.ctx
  ctx.save()
  ctx.globalAlpha = 0.25
  ctx.fillStyle = token('--band')
  eachRun(lower.length, (i) => lower[i] !== null && upper[i] !== null, (from, to) => {
    ctx.beginPath()
    for (let i = from; i <= to; i++) ctx.lineTo(u.valToPos(timeAt(l, i), 'x', true), u.valToPos(upper[i]!, 'y', true))
    for (let i = to; i >= from; i--) ctx.lineTo(u.valToPos(timeAt(l, i), 'x', true), u.valToPos(lower[i]!, 'y', true))
    ctx.fill()
  })
  ctx.restore()
}

function drawOutside(u: uPlot, l: Line) {
  const ctx = u.ctx
  ctx.save()
  ctx.strokeStyle = ctx.fillStyle = token('--alert')
  ctx.lineWidth = 2.5 * devicePixelRatio
  eachRun(l.values.length, (i) => l.band!.anomalous[i] && l.values[i] !== null, (from, to) => {
    ctx.beginPath()
    for (let i = from; i <= to; i++) ctx.lineTo(u.valToPos(timeAt(l, i), 'x', true), u.valToPos(l.values[i]!, 'y', true))
    ctx.stroke()
    for (let i = from; i <= to; i++) {
      ctx.beginPath()
      ctx.arc(u.valToPos(timeAt(l, i), 'x', true), u.valToPos(l.values[i]!, 'y', true), 2.5 * devicePixelRatio, 0, 7)
      ctx.fill()
    }
  })
  ctx.restore()
}

const mostInTip = 12

function showTip(u: uPlot, tip: HTMLElement, lines: Line[], palette: string[]) {
  const { idx, left, top } = u.cursor
  if (idx === null || idx === undefined || left === undefined || left < 0) {
    tip.hidden = true
    return
  }
  const entries = lines
    .map((l, i) => ({ l, color: palette[i], value: u.data[i + 1][idx] as number | null }))
    .filter((e) => e.value !== null && e.value !== undefined)
    .sort((a, b) => b.value! - a.value!)
  if (entries.length === 0) {
    tip.hidden = true
    return
  }
  const cursorValue = u.posToVal(top ?? 0, 'y')
  const nearest = entries.reduce((best, e) => (Math.abs(e.value! - cursorValue) < Math.abs(best.value! - cursorValue) ? e : best))
  tip.replaceChildren()
  const time = document.createElement('div')
  time.className = 'when'
  time.textContent = showTime(u.data[0][idx] * 1000, true)
  time.title = Intl.DateTimeFormat().resolvedOptions().timeZone
  tip.append(time)
  for (const e of entries.slice(0, mostInTip)) {
    const line = document.createElement('div')
    if (e === nearest) line.className = 'nearest'
    const swatch = document.createElement('i')
    swatch.style.background = e.color
    const name = document.createElement('span')
    name.textContent = rowName(e.l)
    const value = document.createElement('b')
    value.textContent = showNumber(e.value, e.l.unit)
    line.append(swatch, name, value)
    tip.append(line)
  }
  if (entries.length > mostInTip) {
    const more = document.createElement('div')
    more.className = 'when'
    more.textContent = `+${entries.length - mostInTip} more`
    tip.append(more)
  }
  tip.hidden = false
  const x = left + u.bbox.left / devicePixelRatio
  tip.style.left = x > u.width / 2 ? `${x - tip.offsetWidth - 14}px` : `${x + 14}px`
  tip.style.top = '12px'
}

function Legend({ lines, palette }: { lines: Line[]; palette: string[] }) {
  const [all, setAll] = useState(false)
  const shown = all ? lines : lines.slice(0, 12)
  return (
    <table class="legend">
      <thead>
        <tr><th>Series</th><th>Avg</th><th>Min</th><th>Max</th><th>Last</th><th>Sum</th></tr>
      </thead>
      <tbody>
        {shown.map((l, i) => {
          const v = l.values.filter((x): x is number => x !== null)
          const sum = v.reduce((a, b) => a + b, 0)
          const show = (x: number) => showNumber(v.length ? x : null, l.unit)
          return (
            <tr>
              <td><i style={{ background: palette[i] }} />{rowName(l)}</td>
              <td>{show(sum / v.length)}</td>
              <td>{show(Math.min(...v))}</td>
              <td>{show(Math.max(...v))}</td>
              <td>{show(v[v.length - 1])}</td>
              <td>{show(sum)}</td>
            </tr>
          )
        })}
      </tbody>
      {lines.length > shown.length && (
        <tfoot><tr><td colSpan={6}><button class="plain" onClick={() => setAll(true)}>Show {lines.length - shown.length} more</button></td></tr></tfoot>
      )}
    </table>
  )
}

// explainBand says in one sentence what a band means, with this graph's numbers.
export function explainBand(frames: Frame[], query: string): string | null {
  const banded = frames.flatMap((f) => f.rows.filter((r) => r.band).map((r) => ({ r, step: f.grid.step })))
  if (banded.length === 0) return null
  let judged = 0
  let outside = 0
  for (const { r } of banded) {
    r.values.forEach((v, i) => {
      if (v === null || r.band!.upper[i] === null) return
      judged++
      if (r.band!.anomalous[i]) outside++
    })
  }
  const bounds = /anomalies\([\s\S]*,\s*'basic'\s*,\s*([\d.]+)/.exec(query)?.[1] ?? '2'
  const step = banded[0].step / 1000
  const every = step >= 60 ? `${step / 60} min` : `${step} s`
  if (judged === 0) return `No point could be judged yet: the band needs 30 points of ${every} before it.`
  return `Grey is where each value was expected from the 240 points of ${every} before it, give or take ${bounds} standard deviations; ${outside} of ${judged} points (${((100 * outside) / judged).toFixed(1)} %) fell outside and are red.`
}
