// What a graph says under the cursor: the time and the lines' values there.
import type uPlot from 'uplot'
import { showTime, zoneName } from '../time'
import { showValue } from '../units'
import type { Line } from './lines'
import { happeningsNear, type Happening } from './marks'

const most = 12

interface Shown {
  lines: Line[]
  events?: Happening[]
  hidden?: Set<number>
}

const signs: Record<Happening['kind'], string> = { info: '▾', warning: '!', error: '✕', success: '✓' }

export class Tooltip {
  private readonly box = document.createElement('div')
  private over = false
  private pinned = false
  private readonly onKey = (e: KeyboardEvent) => e.key === 'Escape' && this.unpin()

  constructor(private readonly source: () => Shown) {
    this.box.className = 'tooltip'
    this.box.hidden = true
  }

  attach(u: uPlot): void {
    document.body.append(this.box)
    document.addEventListener('keydown', this.onKey)
    let pressed = 0
    u.over.addEventListener('mouseenter', () => (this.over = true))
    u.over.addEventListener('mouseleave', () => {
      this.over = false
      if (!this.pinned) this.box.hidden = true
    })
    u.over.addEventListener('mousedown', (e) => (pressed = e.clientX))
    u.over.addEventListener('click', (e) => {
      if (Math.abs(e.clientX - pressed) > 3) return
      this.pinned = !this.pinned
      this.box.classList.toggle('pinned', this.pinned)
      if (!this.pinned) this.update(u)
    })
  }

  remove(): void {
    document.removeEventListener('keydown', this.onKey)
    this.box.remove()
  }

  private unpin(): void {
    this.pinned = false
    this.box.classList.remove('pinned')
    this.box.hidden = true
  }

  // hold shows what is under the cursor though the mouse is elsewhere.
  hold(on: boolean): void {
    this.over = on
    if (!on && !this.pinned) this.box.hidden = true
  }

  // chosen is the line that is put forward, wherever the cursor is; null: the
  // nearest one.
  chosen: number | null = null

  update(u: uPlot): void {
    if (this.pinned) return
    const { idx, left = -1, top = -1 } = u.cursor
    if (!this.over || idx === null || idx === undefined || left < 0) {
      this.box.hidden = true
      return
    }
    const { lines, hidden, events = [] } = this.source()
    const present = lines
      .map((line, i) => ({ line, i, v: line.values[idx] }))
      .filter((p): p is { line: Line; i: number; v: number } => typeof p.v === 'number' && !hidden?.has(p.i))
      .sort((a, b) => b.v - a.v)
    let nearest = -1
    let distance = Infinity
    present.forEach(({ v, line, i: at }, i) => {
      const d = Math.abs(u.valToPos((u.data[at + 1][idx] as number | null) ?? v, line.right ? 'right' : 'y') - top)
      if (d < distance) [nearest, distance] = [i, d]
    })
    if (this.chosen !== null) nearest = present.findIndex((p) => p.i === this.chosen)
    let rows = present.slice(0, most)
    if (nearest >= most) rows = [...present.slice(0, most - 1), present[nearest]]
    const chosen: (typeof present)[number] | undefined = present[nearest]
    const happened = happeningsNear(u, events, left)
    this.box.replaceChildren(
      element('div', 'tooltip-time', `${showTime(u.data[0][idx], true)} ${zoneName()}`),
      ...happened.slice(0, 4).map((h) => element('div', `tooltip-event ${h.kind}`, `${signs[h.kind]} ${showTime(h.at).split(', ')[1]} ${h.text}`)),
      ...(happened.length > 4 ? [element('div', 'tooltip-more', `+${happened.length - 4} more events`)] : []),
      ...rows.map((p) => rowOf(p.line, p.v, p === chosen, p.line.band?.anomalous[idx] ?? false)),
      ...expectationOf(chosen?.line ?? lines.find((l) => l.band), idx, u.data[0][idx]),
      ...(present.length === 0 ? [element('div', 'tooltip-more', 'no data here')] : []),
      ...(present.length > rows.length ? [element('div', 'tooltip-more', `+${present.length - rows.length} more`)] : []),
    )
    this.box.hidden = false
    this.place(u, left, top)
  }

  private place(u: uPlot, left: number, top: number): void {
    const plot = u.over.getBoundingClientRect()
    const { offsetWidth: width, offsetHeight: height } = this.box
    const x = plot.left + left
    const y = plot.top + top
    const right = x + 16 + width < innerWidth - 8
    this.box.style.left = `${Math.max(8, right ? x + 16 : x - 16 - width)}px`
    this.box.style.top = `${Math.max(8, Math.min(y - height / 2, innerHeight - height - 8))}px`
  }
}

// expectationOf is what was expected of a line here, and why a value is odd.
function expectationOf(line: Line | undefined, idx: number, at: number): HTMLElement[] {
  const band = line?.band
  if (!line || !band) return []
  const [low, middle, high] = [band.lower[idx], band.middle[idx], band.upper[idx]]
  if (typeof low !== 'number' || typeof middle !== 'number' || typeof high !== 'number') return []
  const word = band.forecast ? 'forecast' : 'expected'
  const text = `${word} ${showValue(middle, line.unit)}, ${showValue(low, line.unit)} to ${showValue(high, line.unit)}`
  const why = band.notes.get(at)
  return [element('div', 'tooltip-expected', text), ...(why ? [element('div', 'tooltip-note', why)] : [])]
}

function rowOf(line: Line, v: number, bold: boolean, anomalous: boolean): HTMLElement {
  const row = element('div', bold ? 'tooltip-row nearest' : 'tooltip-row')
  const swatch = element('span', 'swatch')
  swatch.style.background = line.color
  row.append(swatch, element('span', 'tooltip-name', line.label), element('span', anomalous ? 'tooltip-value outside' : 'tooltip-value', showValue(v, line.unit) + (anomalous ? ' !' : '')))
  return row
}

function element(tag: string, kind: string, text = ''): HTMLElement {
  const e = document.createElement(tag)
  e.className = kind
  e.textContent = text
  return e
}
