// A heat map: how many values lie where, over time.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'preact/hooks'
import type { Spread } from '../model'
import { useTheme } from '../theme'
import { showTime, zoneName, type Range } from '../time'
import { showNumber, showValue } from '../units'
import { tickSteps, timeLabels, type Axis } from './scale'

export interface HeatProps {
  spread: Spread
  range: Range
  label: string
  axis?: Axis
  color?: string // where most are; absent: the accent
  height?: number
  onZoom?: (from: number, to: number) => void
  onBack?: () => void
}

const font = '11px system-ui, sans-serif'

export function Heat(props: HeatProps) {
  const box = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  latest.current = props
  const plot = useRef<uPlot | null>(null)
  const theme = useTheme()
  const shape = JSON.stringify([theme, props.axis, props.color, props.spread.unit])
  useEffect(() => {
    const host = box.current!
    const tip = document.createElement('div')
    tip.className = 'tooltip'
    tip.hidden = true
    document.body.append(tip)
    const u = new uPlot(options(latest, host, tip), dataOf(props), host)
    plot.current = u
    const resize = new ResizeObserver(() => host.clientWidth > 0 && u.setSize({ width: host.clientWidth, height: host.clientHeight }))
    resize.observe(host)
    return () => {
      resize.disconnect()
      tip.remove()
      u.destroy()
      plot.current = null
    }
  }, [shape])
  useEffect(() => {
    plot.current?.setData(dataOf(props))
  }, [props.spread, props.range])
  return <div ref={box} class="chart" role="img" aria-label={props.label} style={{ height: `${props.height ?? 220}px` }} />
}

// dataOf has the timestamps, and a line that is never drawn.
const dataOf = ({ spread: { grid, counts } }: HeatProps): uPlot.AlignedData => [counts.map((_, i) => grid.start + i * grid.step), counts.map(() => null)]

function options(latest: { current: HeatProps }, host: HTMLElement, tip: HTMLElement): uPlot.Options {
  const css = getComputedStyle(document.documentElement)
  const token = (name: string) => css.getPropertyValue(name).trim()
  const axis = { stroke: token('--muted'), font, ticks: { show: false } }
  const unit = () => latest.current.spread.unit
  const log = latest.current.axis?.kind === 'log'
  return {
    width: host.clientWidth || 600,
    height: latest.current.height ?? 220,
    ms: 1,
    legend: { show: false },
    padding: [10, 12, 0, 0],
    scales: {
      x: { time: true, range: () => [latest.current.range.from, latest.current.range.to] },
      y: { ...(log ? { distr: 3, log: 10 } : {}), range: () => ends(latest.current) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, gap: 6, space: 72, values: (_u, splits, _i, _space, step) => timeLabels(splits, step) },
      {
        ...axis,
        grid: { stroke: token('--grid'), width: 1 },
        gap: 6,
        ...(log ? {} : { incrs: tickSteps(unit()), space: (_u: uPlot, _i: number, _low: number, _high: number, length: number) => Math.max(28, length / 4.5) }),
        values: (_u, splits, _i, _space, step) => splits.map((v) => (v === null ? '' : showNumber(v, unit(), log ? 0 : step))),
        size: (_u, values) => 16 + 6.4 * Math.max(3, ...(values ?? []).map((v) => v?.length ?? 0)),
      },
    ],
    series: [{}, { show: true, points: { show: false } }],
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: 4 },
      sync: { key: 'page', setSeries: false, scales: ['x', null] },
      bind: { dblclick: () => () => (latest.current.onBack?.(), null) },
    },
    hooks: {
      draw: [(u) => draw(u, latest.current, latest.current.color ?? token('--accent'))],
      setCursor: [(u) => say(u, latest.current, tip)],
      setSelect: [
        (u) => {
          const { left, width } = u.select
          if (width < 4) return
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          latest.current.onZoom?.(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'))
        },
      ],
    },
  }
}

function ends({ spread: { bounds }, axis }: HeatProps): [number, number] {
  const low = axis?.min ?? (axis?.zero ? Math.min(0, bounds[0] ?? 0) : bounds[0]) ?? 0
  const high = axis?.max ?? bounds[bounds.length - 1] ?? 1
  const from = axis?.kind === 'log' && low <= 0 ? (bounds[0] > 0 ? bounds[0] : 1) : low
  return high > from ? [from, high] : [from, from + 1]
}

function draw(u: uPlot, { spread: { grid, bounds, counts } }: HeatProps, color: string): void {
  const { ctx, bbox } = u
  let most = 0
  for (const column of counts) for (const n of column ?? []) most = Math.max(most, n)
  if (most === 0) return
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.fillStyle = color
  const edges = bounds.map((b) => Math.round(u.valToPos(b, 'y', true)))
  counts.forEach((column, i) => {
    if (!column) return
    const at = grid.start + i * grid.step
    const left = Math.round(u.valToPos(at, 'x', true))
    const width = Math.max(1, Math.round(u.valToPos(at + grid.step, 'x', true)) - left)
    column.forEach((n, k) => {
      if (n < 0.01) return
      // By the root: the eye tells few apart from none more than many from more.
      ctx.globalAlpha = 0.1 + 0.9 * Math.sqrt(n / most)
      ctx.fillRect(left, edges[k + 1], width, Math.max(1, edges[k] - edges[k + 1]))
    })
  })
  ctx.restore()
}

// say tells what lies under the cursor.
function say(u: uPlot, { spread: { grid, bounds, counts, unit } }: HeatProps, tip: HTMLElement): void {
  const { left = -1, top = -1 } = u.cursor
  const plot = u.over.getBoundingClientRect()
  if (left < 0 || top < 0 || !u.over.matches(':hover')) {
    tip.hidden = true
    return
  }
  const i = Math.floor((u.posToVal(left, 'x') - grid.start) / grid.step)
  const v = u.posToVal(top, 'y')
  const k = bounds.findIndex((b, n) => b <= v && v < bounds[n + 1])
  const column = counts[i]
  const all = column?.reduce((sum, n) => sum + n, 0) ?? 0
  const lines = [
    `${showTime(grid.start + i * grid.step, true)} ${zoneName()}`,
    k < 0 ? '' : `${showNumber(bounds[k], unit)} to ${showValue(bounds[k + 1], unit)}: ${whole(column?.[k] ?? 0)}`,
    `${whole(all)} at this time`,
  ].filter(Boolean)
  tip.replaceChildren(...lines.map((text, n) => {
    const line = document.createElement('div')
    line.className = n === 0 ? 'tooltip-time' : n === 1 && lines.length === 3 ? 'nearest' : 'tooltip-more'
    line.textContent = text
    return line
  }))
  tip.hidden = false
  const right = plot.left + left + 16 + tip.offsetWidth < innerWidth - 8
  tip.style.left = `${Math.max(8, right ? plot.left + left + 16 : plot.left + left - 16 - tip.offsetWidth)}px`
  tip.style.top = `${Math.max(8, Math.min(plot.top + top - tip.offsetHeight / 2, innerHeight - tip.offsetHeight - 8))}px`
}

const whole = (n: number) => (n > 0 && n < 1 ? 'less than 1 value' : `${Math.round(n).toLocaleString('en')} ${Math.round(n) === 1 ? 'value' : 'values'}`)
