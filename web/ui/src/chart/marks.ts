// What is drawn on a graph beside its lines.
import type uPlot from 'uplot'
import type { Period } from '../model'
import { showNumber } from '../units'
import type { Line } from './lines'
import type { Threshold } from './scale'

type Token = (name: string) => string

const colorOf = (t: Threshold, token: Token) => token({ alert: '--alert', warn: '--warn', info: '--muted', ok: '--ok' }[t.severity])

function clip(u: uPlot): void {
  const { left, top, width, height } = u.bbox
  u.ctx.beginPath()
  u.ctx.rect(left, top, width, height)
  u.ctx.clip()
}

// tintThresholds colours the region beyond each threshold, under the lines.
export function tintThresholds(u: uPlot, thresholds: Threshold[], token: Token): void {
  const { ctx, bbox } = u
  ctx.save()
  clip(u)
  for (const t of thresholds) {
    if (!t.side) continue
    const y = u.valToPos(t.value, 'y', true)
    ctx.globalAlpha = 0.07
    ctx.fillStyle = colorOf(t, token)
    if (t.side === 'above') ctx.fillRect(bbox.left, bbox.top, bbox.width, y - bbox.top)
    else ctx.fillRect(bbox.left, y, bbox.width, bbox.top + bbox.height - y)
  }
  ctx.restore()
}

export function drawThresholds(u: uPlot, thresholds: Threshold[], unit: string, token: Token): void {
  const { ctx, bbox } = u
  const density = devicePixelRatio
  ctx.save()
  clip(u)
  ctx.lineWidth = density
  ctx.font = `${11 * density}px system-ui, sans-serif`
  ctx.textAlign = 'right'
  for (const t of thresholds) {
    const y = Math.round(u.valToPos(t.value, 'y', true)) + 0.5
    ctx.strokeStyle = ctx.fillStyle = colorOf(t, token)
    ctx.setLineDash([5 * density, 4 * density])
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    const below = y - bbox.top < 16 * density
    ctx.textBaseline = below ? 'top' : 'bottom'
    ctx.fillText([t.label, showNumber(t.value, unit)].filter(Boolean).join(' '), bbox.left + bbox.width - 4 * density, y + (below ? 3 : -3) * density)
  }
  ctx.restore()
}

const stateTokens: Record<string, string> = { OK: '--ok', Warn: '--warn', Alert: '--alert', 'No Data': '--silent' }

// drawStates is the ribbon of a monitor's states, on the x axis.
export function drawStates(u: uPlot, states: Period[], token: Token): void {
  const { ctx, bbox } = u
  const height = 4 * devicePixelRatio
  ctx.save()
  for (const { from, to, status } of states) {
    const left = Math.max(bbox.left, u.valToPos(from, 'x', true))
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true))
    if (right <= left || !stateTokens[status]) continue
    ctx.fillStyle = token(stateTokens[status])
    ctx.fillRect(left, bbox.top + bbox.height, right - left, height)
  }
  ctx.restore()
}

// Happening is something that took place at a moment.
export interface Happening {
  at: number // ms
  text: string
  kind: 'info' | 'warning' | 'error' | 'success'
}

const happeningTokens = { info: '--accent', warning: '--warn', error: '--alert', success: '--ok' }

// The half of a tick's width, CSS px.
const tick = 4

// drawHappenings draws a tick on top of the graph for each.
export function drawHappenings(u: uPlot, happenings: Happening[], token: Token): void {
  const { ctx, bbox } = u
  const size = tick * devicePixelRatio
  ctx.save()
  for (const { at, kind } of happenings) {
    const x = u.valToPos(at, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.fillStyle = token(happeningTokens[kind] ?? '--accent')
    ctx.beginPath()
    ctx.moveTo(x - size, bbox.top - 1.6 * size)
    ctx.lineTo(x + size, bbox.top - 1.6 * size)
    ctx.lineTo(x, bbox.top)
    ctx.fill()
  }
  ctx.restore()
}

// happeningsNear are those whose tick is at x (CSS px from the left of the plot).
export function happeningsNear(u: uPlot, happenings: Happening[], x: number): Happening[] {
  return happenings.filter(({ at }) => Math.abs(u.valToPos(at, 'x') - x) <= tick + 1)
}

// Deploy is the first sign of a version.
export interface Deploy {
  at: number // ms
  version: string
}

// drawDeploys draws a vertical hairline where each version begins.
export function drawDeploys(u: uPlot, deploys: Deploy[], color: string): void {
  const { ctx, bbox } = u
  const density = devicePixelRatio
  ctx.save()
  clip(u)
  ctx.strokeStyle = ctx.fillStyle = color
  ctx.lineWidth = density
  ctx.font = `${10 * density}px system-ui, sans-serif`
  ctx.textBaseline = 'top'
  ctx.setLineDash([2 * density, 3 * density])
  for (const { at, version } of deploys) {
    const x = Math.round(u.valToPos(at, 'x', true)) + 0.5
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    const left = x > bbox.left + bbox.width - 80 * density
    ctx.textAlign = left ? 'right' : 'left'
    ctx.fillText(version, x + (left ? -4 : 4) * density, bbox.top + 2 * density)
  }
  ctx.restore()
}

// drawForecasts draws the middle of forecasts, dashed, in their lines' colours.
export function drawForecasts(u: uPlot, lines: Line[]): void {
  const { ctx } = u
  const density = devicePixelRatio
  ctx.save()
  clip(u)
  ctx.lineWidth = 1.5 * density
  ctx.setLineDash([5 * density, 4 * density])
  lines.forEach(({ band, color }, n) => {
    if (!band?.forecast || u.series[n + 1]?.show === false) return
    ctx.strokeStyle = color
    ctx.beginPath()
    let drawing = false
    band.middle.forEach((v, i) => {
      if (typeof v !== 'number') return
      const [x, y] = [u.valToPos(u.data[0][i], 'x', true), u.valToPos(v, u.series[n + 1].scale!, true)]
      if (drawing) ctx.lineTo(x, y)
      else ctx.moveTo(x, y)
      drawing = true
    })
    ctx.stroke()
  })
  ctx.restore()
}

// changesOf are the changes of level of a single judged line, as marks.
export function changesOf(lines: Line[], unit: string): Deploy[] {
  if (lines.length !== 1) return []
  return (lines[0].band?.changes ?? []).map((c) => ({ at: c.at, version: `level ${showNumber(c.before, unit)} → ${showNumber(c.after, unit)}` }))
}

// drawAnomalies paints the parts of lines outside their band: from half way to
// the neighbour before to half way to the one after, and a dot on each point.
export function drawAnomalies(u: uPlot, lines: Line[], color: string): void {
  if (!lines.some((l) => l.band)) return
  const { ctx } = u
  const density = devicePixelRatio
  const times = u.data[0]
  ctx.save()
  clip(u)
  ctx.strokeStyle = ctx.fillStyle = color
  ctx.lineWidth = 2 * density
  ctx.lineJoin = ctx.lineCap = 'round'
  lines.forEach(({ values, band }, n) => {
    if (!band || u.series[n + 1]?.show === false) return
    const at = (i: number): [number, number] | null => {
      const v = values[i]
      return typeof v === 'number' ? [u.valToPos(times[i], 'x', true), u.valToPos(v, u.series[n + 1].scale!, true)] : null
    }
    for (let i = 0; i < values.length; i++) {
      const here = band.anomalous[i] ? at(i) : null
      if (!here) continue
      const [before, after] = [at(i - 1), at(i + 1)]
      ctx.beginPath()
      ctx.moveTo(...(before ? half(before, here) : here))
      ctx.lineTo(...here)
      if (after) ctx.lineTo(...half(here, after))
      ctx.stroke()
      ctx.beginPath()
      ctx.arc(here[0], here[1], 2.2 * density, 0, 7)
      ctx.fill()
    }
  })
  ctx.restore()
}

const half = (a: [number, number], b: [number, number]): [number, number] => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
