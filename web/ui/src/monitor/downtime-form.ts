// A downtime as its form has it, and as the API takes it.
import type { Downtime } from '../model'

export type Repeat = 'once' | 'weeknights' | 'weekends' | 'offhours' | 'cron' | 'rrule'

export interface DowntimeForm {
  repeat: Repeat
  zone: string
  startTime: string // "19:00", of weeknights
  endTime: string
  start: string // "2026-11-23T19:00", of once and rrule
  end: string
  cron: string
  rrule: string
  duration: string // "14h"
  scope: string
  monitorId: string
  message: string
}

export const repeats: [Repeat, string, string][] = [
  ['once', 'Once', 'one window'],
  ['weeknights', 'Weekday nights', 'Monday to Friday, from the evening to the morning'],
  ['weekends', 'Weekends', 'all of Saturday and Sunday'],
  ['offhours', 'Nights and weekends', 'both in one, told of once'],
  ['cron', 'Cron', 'any cron expression'],
  ['rrule', 'RRULE', 'any RFC 5545 rule'],
]

const minutes = (clock: string) => {
  const [h, m] = clock.split(':').map(Number)
  return h * 60 + m
}

// lengthOf is from one time of day to the next other, "14h" or "13h30m".
export function lengthOf(start: string, end: string): string {
  const all = (minutes(end) - minutes(start) + 1440) % 1440 || 1440
  const h = Math.floor(all / 60)
  return `${h ? `${h}h` : ''}${all % 60 ? `${all % 60}m` : ''}`
}

// documentOf is null while the form is not complete.
export function documentOf(f: DowntimeForm): Partial<Downtime> | null {
  const doc: Record<string, unknown> = { timezone: f.zone, scope: scopesOf(f.scope), message: f.message }
  if (f.monitorId) doc.monitor_id = Number(f.monitorId)
  switch (f.repeat) {
    case 'once':
      if (!f.start) return null
      return { ...doc, start: f.start, ...(f.end ? { end: f.end } : {}) } as unknown as Partial<Downtime>
    case 'weeknights': {
      if (!f.startTime || !f.endTime) return null
      const [h, m] = f.startTime.split(':').map(Number)
      return { ...doc, cron: `${m} ${h} * * MON-FRI`, duration: lengthOf(f.startTime, f.endTime) }
    }
    case 'offhours': {
      if (!f.startTime || !f.endTime) return null
      const [h, m] = f.startTime.split(':').map(Number)
      const nights = { cron: `${m} ${h} * * MON-FRI`, duration: lengthOf(f.startTime, f.endTime) }
      return { ...doc, recurrences: [nights, { cron: '0 0 * * SAT,SUN', duration: '24h' }] }
    }
    case 'weekends':
      return { ...doc, cron: '0 0 * * SAT,SUN', duration: '24h' }
    case 'cron':
      if (f.cron.trim().split(/\s+/).length !== 5 && !/^@\w+$/.test(f.cron.trim())) return null
      return f.duration ? { ...doc, cron: f.cron.trim(), duration: f.duration.trim() } : null
    case 'rrule':
      if (!/FREQ=\w+/i.test(f.rrule) || !f.start || !f.duration) return null
      return { ...doc, rrule: f.rrule.trim(), start: f.start, duration: f.duration.trim() } as unknown as Partial<Downtime>
  }
}

const scopesOf = (text: string): string[] => {
  const clean = text.trim()
  if (clean === '') return ['*']
  return /\b(AND|OR|NOT)\b|[()!]/.test(clean) ? [clean] : clean.split(/[\s,]+/)
}
