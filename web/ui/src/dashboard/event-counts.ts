// Events counted over time, by kind.
import type { EventItem } from '../model'
import type { Range } from '../time'

export const kinds: Record<string, string> = { error: 'alert', warning: 'warn', success: 'ok' }
export const bars = 60
export const order = ['alert', 'warn', 'ok', 'nodata']
export const words: Record<string, string> = { alert: 'errors', warn: 'warnings', ok: 'successes', nodata: 'others' }

// countsOf counts events in even parts of a range, by kind.
export function countsOf(events: EventItem[], range: Pick<Range, 'from' | 'to'>, parts = bars): Record<string, number>[] {
  const counts: Record<string, number>[] = Array.from({ length: parts }, () => ({}))
  for (const e of events) {
    const part = counts[Math.floor(((e.time - range.from) / (range.to - range.from)) * parts)]
    const kind = kinds[e.alert_type] ?? 'nodata'
    if (part) part[kind] = (part[kind] ?? 0) + 1
  }
  return counts
}
