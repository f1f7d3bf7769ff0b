// A widget's own time range, in the place of the page's.
import { createContext, type ComponentChildren } from 'preact'
import { useContext } from 'preact/hooks'
import { RangeOf, useRange } from '../range'
import { presets, showDuration } from '../time'
import type { WidgetTime } from './definition'
import { lengthOf, rangeOf } from './time-of-widget'

export const spanOf = (time: WidgetTime): string => {
  if (time.type === 'fixed') return 'fixed time'
  if (time.live_span?.endsWith('to_date')) return time.live_span.replace(/_/g, ' ')
  const length = lengthOf(time, 0)
  const preset = presets.find(([, ms]) => ms === length)
  return length ? `past ${preset?.[0] ?? showDuration(length)}` : ''
}

const Own = createContext(false)
export const useOwnTime = (): boolean => useContext(Own)

export function OwnTime({ time, children }: { time: WidgetTime | undefined; children: ComponentChildren }) {
  const page = useRange()
  const range = time && rangeOf(time, page)
  if (!range) return <>{children}</>
  return <Own.Provider value><RangeOf range={range}>{children}</RangeOf></Own.Provider>
}
