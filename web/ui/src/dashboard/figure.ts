// Figures as people want to read them.
import { showNumber, showValue, unitName } from '../units'
import type { Definition } from './definition'

// figureOf is a number and, apart from it, its unit.
export function figureOf(v: number | null, unit: string, { precision, autoscale = true, custom_unit: custom }: Pick<Definition, 'precision' | 'autoscale' | 'custom_unit'>): [number: string, unit: string] {
  if (v === null) return ['no data', '']
  const places = precision === undefined || precision > 15 ? undefined : precision
  if (!autoscale) return [places === undefined ? String(v) : v.toFixed(places), custom ?? unit]
  const text = showNumber(v, custom ? '' : unit, 0, places)
  const named = custom ?? unitName(unit)
  const [, number, rest] = /^(-?[\d.∞]+)\s*(.*)$/s.exec(text) ?? [text, text, '']
  return [number, [rest, named].filter(Boolean).join(' ')]
}

export const showFigure = (v: number | null, unit: string): string => (v === null ? 'no data' : showValue(v, unit))
