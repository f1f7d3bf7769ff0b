// A graph: lines, bands and thresholds over time, on a canvas by uPlot.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'preact/hooks'
import type { Period } from '../model'
import type { Range } from '../time'
import { useTheme } from '../theme'
import { showNumber } from '../units'
import { heights, lonely, type Line } from './lines'
import { extent, tickSteps, timeLabels, type Axis, type Threshold } from './scale'
import { changesOf, drawAnomalies, drawDeploys, drawForecasts, drawHappenings, drawStates, drawThresholds, tintThresholds, type Deploy, type Happening } from './marks'
import { Handles } from './handles'
import { pace } from './pace'
import { Reader } from './reader'
import { Tooltip } from './tooltip'

export interface ChartProps {
  times: number[]
  lines: Line[]
  range: Range
  label: string // for those who don't see it
  thresholds?: Threshold[]
  axis?: Axis
  rightAxis?: Axis
  deploys?: Deploy[]
  events?: Happening[] // ticks on top, their text on hover
  states?: Period[] // of a monitor, under the x axis
  height?: number
  focus?: number | null // the line to bring forward
  hidden?: Set<number>
  onZoom?: (from: number, to: number) => void
  onMenu?: (from: number, to: number, x: number, y: number) => void // of a range; where in the window it was asked for
  onBack?: () => void
  onThreshold?: (name: string, value: number) => void // one that is moved on the graph
}

const font = '11px system-ui, sans-serif'

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const tip = useRef<Tooltip | null>(null)
  const reader = useRef(new Reader())
  const said = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  latest.current = props
  const theme = useTheme()
  // What a plot is built for; all else it reads anew at each drawing.
  const shape = JSON.stringify([theme, props.axis, props.rightAxis, props.lines.map((l) => [l.label, l.color, l.style, l.unit, Boolean(l.band), l.outlier, l.width, l.dash, l.right])])

  const present = useRef(shape)
  present.current = shape

  useEffect(() => {
    const host = box.current!
    const tooltip = (tip.current = new Tooltip(() => latest.current))
    const u = new uPlot(options(latest, host, tooltip), dataOf(props), host)
    plot.current = u
    let frame = 0
    const resize = new ResizeObserver(() => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(() => host.clientWidth > 0 && u.setSize({ width: host.clientWidth, height: host.clientHeight }))
    })
    resize.observe(host)
    return () => {
      resize.disconnect()
      cancelAnimationFrame(frame)
      tooltip.remove()
      pace.forget(u)
      u.destroy()
      plot.current = null
    }
  }, [shape])

  useEffect(() => {
    const u = plot.current
    // By the time of the drawing, there may be lines that this plot was not built for.
    if (u) pace.draw(u, () => present.current === shape && u.batch(() => u.setData(dataOf(latest.current))))
  }, [props.times, props.lines, props.thresholds, props.states, props.deploys, props.events, props.range, props.hidden])

  useEffect(() => {
    const u = plot.current
    if (!u) return
    props.lines.forEach((_, i) => {
      const show = !props.hidden?.has(i)
      if (u.series[i + 1].show !== show) u.setSeries(i + 1, { show })
    })
  }, [props.hidden, shape])

  useEffect(() => {
    const u = plot.current
    if (u && u.series.length > 2) u.setSeries(props.focus === null || props.focus === undefined ? null : props.focus + 1, { focus: true })
  }, [props.focus, shape])

  const onKeyDown = (e: KeyboardEvent) => {
    if (!plot.current || !tip.current) return
    const pressed = reader.current.press(plot.current, tip.current, e, props.lines, props.hidden)
    if (!pressed) return
    e.preventDefault()
    e.stopPropagation()
    if (pressed.say !== undefined) said.current!.textContent = pressed.say
    if (pressed.zoom) props.onZoom?.(...pressed.zoom)
    if (pressed.menu) {
      const { left, top } = box.current!.getBoundingClientRect()
      props.onMenu?.(...pressed.menu, left + 60, top + 20)
    }
    if (pressed.back) props.onBack?.()
  }
  const onBlur = () => plot.current && tip.current && reader.current.leave(plot.current, tip.current)

  return (
    <>
      <div
        ref={box}
        class="chart"
        tabIndex={0}
        role="application"
        aria-roledescription="graph"
        aria-label={props.label}
        aria-describedby="graph-keys"
        style={{ height: `${props.height ?? 220}px` }}
        onKeyDown={onKeyDown}
        onBlur={onBlur}
      />
      <div ref={said} class="visually-hidden" role="status" />
    </>
  )
}

// dataOf is where the lines are, then the bands' lower and upper bounds.
function dataOf({ times, lines, hidden }: ChartProps): uPlot.AlignedData {
  const bounds = lines.flatMap((l) => (l.band ? [l.band.lower, l.band.upper] : []))
  return [times, ...heights(lines, hidden), ...bounds] as uPlot.AlignedData
}

function options(latest: { current: ChartProps }, host: HTMLElement, tooltip: Tooltip): uPlot.Options {
  const css = getComputedStyle(document.documentElement)
  const token = (name: string) => css.getPropertyValue(name).trim()
  const { lines, height = 220 } = latest.current
  const unit = () => latest.current.lines.find((l) => !l.right)?.unit ?? ''
  const rightUnit = () => latest.current.lines.find((l) => l.right)?.unit ?? ''
  const range = (right: boolean, thresholds: Threshold[], axis?: Axis) =>
    extent(latest.current.lines.filter((l, i) => (l.right ?? false) === right && !latest.current.hidden?.has(i)), thresholds, axis)
  const axis = { stroke: token('--muted'), font, ticks: { show: false } }
  const grid = { stroke: token('--grid'), width: 1 }
  const handles = new Handles(() => latest.current, unit)
  let drag: { shift: boolean } | null = null // begun on this graph: the others of the page follow it

  const bands: uPlot.Band[] = []
  let next = lines.length + 1
  lines.forEach((line, i) => {
    if (line.band) {
      bands.push({ series: [next + 1, next], fill: token('--band') })
      next += 2
    }
    // An area ends where the one that it stands on begins.
    const under = line.style === 'area' ? lines.findIndex((l, k) => k > i && l.style === 'area' && l.right === line.right) : -1
    if (under > 0) bands.push({ series: [i + 1, under + 1], fill: faded(line.color) })
  })

  return {
    width: host.clientWidth || 600,
    height,
    ms: 1,
    legend: { show: false },
    padding: [12, 24, 0, 0],
    focus: { alpha: 0.25 },
    scales: {
      x: { time: true, range: () => [latest.current.range.from, latest.current.range.to] },
      y: { ...spread(latest.current.axis), range: () => handles.held ?? range(false, latest.current.thresholds ?? [], latest.current.axis) },
      ...(lines.some((l) => l.right) ? { right: { ...spread(latest.current.rightAxis), range: () => range(true, [], latest.current.rightAxis) } } : {}),
    },
    axes: [
      { ...axis, grid, size: 26, gap: 6, space: 72, values: (_u, splits, _i, _space, step) => timeLabels(splits, step) },
      { ...axis, ...values(unit, latest.current.axis), grid },
      ...(lines.some((l) => l.right) ? [{ ...axis, ...values(rightUnit, latest.current.rightAxis), scale: 'right', side: 1, grid: { show: false } }] : []),
    ],
    series: [
      {},
      ...lines.map((line): uPlot.Series => ({
        label: line.label,
        scale: line.right ? 'right' : 'y',
        stroke: line.color,
        width: line.style === 'bars' ? 0 : line.outlier ? 2.5 : (line.width ?? 1.5),
        dash: line.dash,
        fill: line.style === 'area' ? faded(line.color) : line.style === 'bars' ? line.color : undefined,
        paths: line.style === 'bars' ? uPlot.paths.bars!({ size: [0.9, 60], gap: 1 }) : undefined,
        points: { show: line.style !== 'bars', filter: (u, i) => lonely(u.data[i] as Line['values']), size: 4, stroke: line.color, fill: line.color },
      })),
      ...lines.flatMap((line) => (line.band ? [bound(line), bound(line)] : [])),
    ],
    bands,
    cursor: {
      y: false,
      points: { size: 7, width: 1.5, fill: token('--panel'), stroke: (_u, i) => lines[i - 1]?.color ?? 'transparent', show: (_u, i) => pointFor(i, lines.length) },
      drag: { x: true, y: false, setScale: false, dist: 4 },
      focus: { prox: -1 },
      sync: { key: 'page', setSeries: false, scales: ['x', null] },
      bind: {
        dblclick: () => () => {
          latest.current.onBack?.()
          return null
        },
      },
    },
    hooks: {
      init: [(u) => tooltip.attach(u), (u) => u.over.addEventListener('mousedown', (e) => (drag = { shift: e.shiftKey }))],
      drawClear: [(u) => tintThresholds(u, latest.current.thresholds ?? [], token)],
      draw: [
        (u) => zeroLine(u, token('--zero')),
        (u) => drawForecasts(u, latest.current.lines),
        (u) => drawAnomalies(u, latest.current.lines, token('--alert')),
        (u) => drawDeploys(u, changesOf(latest.current.lines, unit()), token('--muted')),
        (u) => drawDeploys(u, latest.current.deploys ?? [], token('--muted')),
        (u) => drawHappenings(u, latest.current.events ?? [], token),
        (u) => drawStates(u, latest.current.states ?? [], token),
        (u) => drawThresholds(u, latest.current.thresholds ?? [], unit(), token),
        (u) => handles.update(u),
      ],
      setCursor: [(u) => tooltip.update(u)],
      setSelect: [
        (u) => {
          const { left, width } = u.select
          const begun = drag
          drag = null
          if (width < 4) return
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          if (!begun) return
          const [from, to] = [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')]
          const plot = u.over.getBoundingClientRect()
          if (begun.shift && latest.current.onMenu) latest.current.onMenu(from, to, plot.left + left + width, plot.top + 24)
          else latest.current.onZoom?.(from, to)
        },
      ],
    },
  }
}

// spread is how an axis' values lie along it.
function spread(axis: Axis = {}): uPlot.Scale {
  switch (axis.kind) {
    case 'log':
      return { distr: 3, log: 10 }
    case 'sqrt':
      return { distr: 100, fwd: (v) => Math.sign(v) * Math.sqrt(Math.abs(v)), bwd: (v) => Math.sign(v) * v * v }
    case 'square':
      return { distr: 100, fwd: (v) => Math.sign(v) * v * v, bwd: (v) => Math.sign(v) * Math.sqrt(Math.abs(v)) }
  }
  return {}
}

// values is what stands at a y axis.
function values(unit: () => string, { kind, label }: Axis = {}): uPlot.Axis {
  const said = [label, kind === 'log' && 'log'].filter(Boolean).join(' · ')
  return {
    gap: 6,
    ...(said ? { label: said, labelSize: 16, labelFont: font, labelGap: 0 } : {}),
    ...(kind === 'log' ? {} : {
      incrs: tickSteps(unit()),
      space: (_u, _i, _low, _high, length) => Math.max(28, length / 4.5),
    }),
    values: (_u, splits, _i, _space, step) => splits.map((v) => (v === null ? '' : showNumber(v, unit(), kind === 'log' ? 0 : step))),
    size: (_u, labels) => 16 + 6.4 * Math.max(3, ...(labels ?? []).map((v) => v?.length ?? 0)),
  }
}

// faded is a series' colour as the fill of an area.
const faded = (color: string) => (color.startsWith('#') ? color + '1f' : color.replace(')', ' / 12%)'))

const bound = (line: Line): uPlot.Series => ({ width: 0, scale: line.right ? 'right' : 'y', stroke: 'transparent', points: { show: false } })

// pointFor is the dot under the cursor, of lines but not of bounds. Many of
// them would hide the graph, and moving them on all graphs of a page takes longer
// than a frame: then there are none, which uPlot's types don't know of.
function pointFor(series: number, lines: number): HTMLElement {
  return series > lines || lines > 12 ? (undefined as unknown as HTMLElement) : document.createElement('div')
}

function zeroLine(u: uPlot, color: string): void {
  const { min, max } = u.scales.y
  if (min === undefined || max === undefined || min === null || max === null || min >= 0 || max <= 0) return
  const y = Math.round(u.valToPos(0, 'y', true)) + 0.5
  u.ctx.save()
  u.ctx.strokeStyle = color
  u.ctx.lineWidth = devicePixelRatio
  u.ctx.beginPath()
  u.ctx.moveTo(u.bbox.left, y)
  u.ctx.lineTo(u.bbox.left + u.bbox.width, y)
  u.ctx.stroke()
  u.ctx.restore()
}
