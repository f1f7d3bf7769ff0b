// A graph by the keyboard: arrow keys move the crosshair, and what is under it
// is put into words.
import type uPlot from 'uplot'
import { showDuration, showTime } from '../time'
import { showValue } from '../units'
import type { Line } from './lines'
import type { Tooltip } from './tooltip'

export interface Pressed {
  say?: string
  zoom?: [from: number, to: number]
  menu?: [from: number, to: number]
  back?: boolean
}

// move puts the crosshair of all graphs of the page there: the third argument,
// which the types don't have, tells the others.
function move(u: uPlot, left: number, top: number): void {
  ;(u.setCursor as (at: { left: number; top: number }, fire: boolean, tell: boolean) => void)({ left, top }, true, true)
}

export class Reader {
  private at: number | null = null // index of the moment
  private line = 0
  private mark: number | null = null // where a selection began

  // press answers a key; null when it is none of ours.
  press(u: uPlot, tooltip: Tooltip, e: KeyboardEvent, lines: Line[], hidden?: Set<number>): Pressed | null {
    if (e.ctrlKey || e.metaKey || e.altKey) return null
    const times = u.data[0]
    const { min, max } = u.scales.x
    if (times.length === 0 || typeof min !== 'number' || typeof max !== 'number') return null
    const seen = lines.map((_, i) => i).filter((i) => !hidden?.has(i))
    if (seen.length === 0) return null
    if (!seen.includes(this.line)) this.line = seen[0]
    const first = Math.max(0, times.findIndex((t) => t >= min))
    let last = times.length - 1
    while (last > first && times[last] > max) last--
    const page = Math.max(1, Math.round((last - first) / 10))
    const present = Math.min(last, Math.max(first, this.at ?? last))
    let next = present
    switch (e.key) {
      case 'ArrowLeft': next = this.at === null ? last : present - 1; break
      case 'ArrowRight': next = this.at === null ? first : present + 1; break
      case 'PageUp': next = present - page; break
      case 'PageDown': next = present + page; break
      case 'Home': next = first; break
      case 'End': next = last; break
      case 'ArrowUp':
      case 'ArrowDown':
        this.line = seen[(seen.indexOf(this.line) + (e.key === 'ArrowUp' ? -1 : 1) + seen.length) % seen.length]
        break
      case 'Enter': {
        if (this.mark === null || this.at === null) return null
        const range = [times[this.mark], times[this.at]].sort((a, b) => a - b) as [number, number]
        this.leave(u, tooltip)
        if (range[0] === range[1]) return null
        return e.shiftKey ? { menu: range } : { zoom: range }
      }
      case 'Backspace':
        return { back: true }
      case 'Escape':
        if (this.at === null) return null
        this.leave(u, tooltip)
        return { say: '' }
      default:
        return null
    }
    next = Math.min(last, Math.max(first, next))
    const selecting = e.shiftKey && next !== present
    if (selecting && this.mark === null) this.mark = present
    if (!e.shiftKey) this.mark = null
    this.at = next
    tooltip.hold(true)
    tooltip.chosen = this.line
    const left = u.valToPos(times[next], 'x')
    const value = lines[this.line].values[next]
    const top = typeof value === 'number' ? u.valToPos(value, lines[this.line].right ? 'right' : 'y') : u.over.clientHeight / 2
    move(u, left, top)
    const from = this.mark === null ? left : u.valToPos(times[this.mark], 'x')
    u.setSelect({ left: Math.min(from, left), width: Math.abs(left - from), top: 0, height: this.mark === null ? 0 : u.over.clientHeight }, false)
    if (this.mark !== null) return { say: `${showDuration(Math.abs(times[next] - times[this.mark]))} selected, from ${showTime(Math.min(times[next], times[this.mark]), true)}` }
    const { label, unit } = lines[this.line]
    return { say: `${showTime(times[next], true)}, ${label}: ${showValue(value, unit)}${seen.length > 1 ? `, line ${seen.indexOf(this.line) + 1} of ${seen.length}` : ''}` }
  }

  leave(u: uPlot, tooltip: Tooltip): void {
    if (this.at === null) return
    this.at = this.mark = null
    tooltip.chosen = null
    tooltip.hold(false)
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    move(u, -10, -10)
  }
}
