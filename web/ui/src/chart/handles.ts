// Grips at a graph's thresholds, to move them by pointer or by arrow keys.
import type uPlot from 'uplot'
import { showValue } from '../units'
import type { Threshold } from './scale'

interface Moved {
  thresholds?: Threshold[]
  onThreshold?: (name: string, value: number) => void
}

export class Handles {
  held: [low: number, high: number] | null = null // the y range while a threshold is dragged
  private readonly grips = new Map<string, HTMLElement>()

  constructor(private readonly source: () => Moved, private readonly unit: () => string) {}

  // update puts a grip at each threshold that has a name.
  update(u: uPlot): void {
    const { thresholds = [], onThreshold } = this.source()
    const named = onThreshold ? thresholds.filter((t) => t.name) : []
    for (const [name, grip] of this.grips) {
      if (named.some((t) => t.name === name)) continue
      grip.remove()
      this.grips.delete(name)
    }
    for (const t of named) {
      const grip = this.grips.get(t.name!) ?? this.add(u, t.name!)
      const top = u.valToPos(t.value, 'y')
      grip.style.top = `${Math.max(0, Math.min(u.over.clientHeight, top))}px`
      grip.dataset.severity = t.severity
      grip.setAttribute('aria-label', `${t.label ?? 'Line'} at`)
      grip.setAttribute('aria-valuenow', String(t.value))
      grip.setAttribute('aria-valuetext', showValue(t.value, this.unit()))
    }
  }

  private add(u: uPlot, name: string): HTMLElement {
    const grip = document.createElement('div')
    grip.className = 'threshold-grip'
    grip.tabIndex = 0
    grip.title = 'Drag, or use the arrow keys'
    grip.setAttribute('role', 'slider')
    grip.setAttribute('aria-orientation', 'vertical')
    const move = (value: number) => {
      const { min = 0, max = 1 } = u.scales.y
      this.source().onThreshold?.(name, rounded(value, max! - min!))
    }
    grip.addEventListener('mousedown', (e) => e.stopPropagation()) // it is no zoom
    grip.addEventListener('pointerdown', (e) => {
      const { min = 0, max = 1 } = u.scales.y
      this.held = [min!, max!]
      grip.setPointerCapture(e.pointerId)
    })
    grip.addEventListener('pointermove', (e) => this.held && move(u.posToVal(e.clientY - u.over.getBoundingClientRect().top, 'y')))
    const release = () => {
      if (!this.held) return
      this.held = null
      const t = this.source().thresholds?.find((o) => o.name === name)
      if (t) this.source().onThreshold?.(name, t.value) // for a range that fits again
    }
    grip.addEventListener('pointerup', release)
    grip.addEventListener('pointercancel', release)
    grip.addEventListener('keydown', (e) => {
      const way = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[e.key]
      const t = this.source().thresholds?.find((o) => o.name === name)
      if (!way || !t) return
      e.preventDefault()
      e.stopPropagation()
      const { min = 0, max = 1 } = u.scales.y
      move(t.value + way * step(max! - min!))
    })
    u.over.append(grip)
    this.grips.set(name, grip)
    return grip
  }
}

// step is the power of ten that is about a hundredth of a range.
const step = (span: number) => 10 ** Math.floor(Math.log10((span || 1) / 50))

// rounded is a value as somebody would write it who reads it off a range.
export function rounded(value: number, span: number): number {
  const s = step(span)
  return Number((Math.round(value / s) * s).toPrecision(12))
}
