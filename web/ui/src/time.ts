// Time ranges: as parameters of the URL, as presets, and as people type them.

export interface Range {
  from: number // ms
  to: number // ms
  live: boolean // the end is now, and moves
}

export const presets: [label: string, ms: number][] = [
  ['5m', 300e3], ['15m', 900e3], ['1h', 3600e3], ['4h', 4 * 3600e3], ['1d', 86400e3], ['2d', 2 * 86400e3], ['1w', 7 * 86400e3], ['1mo', 30 * 86400e3],
]

const defaultSpan = 3600e3

// rangeOf reads from_ts, to_ts and live. A live range keeps its length and ends now.
export function rangeOf(params: URLSearchParams, now: number, absent = defaultSpan): Range {
  const from = Number(params.get('from_ts'))
  const to = Number(params.get('to_ts'))
  if (!(from > 0) || !(to > from)) return { from: now - absent, to: now, live: true }
  if (params.get('live') === 'true') return { from: now - (to - from), to: now, live: true }
  return { from, to, live: false }
}

export function rangeParams(r: Range): Record<string, string | null> {
  return { from_ts: String(Math.round(r.from)), to_ts: String(Math.round(r.to)), live: r.live ? 'true' : null }
}

const units: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3, w: 7 * 86400e3, mo: 30 * 86400e3 }
const long: Record<string, string> = { sec: 's', second: 's', min: 'm', minute: 'm', hour: 'h', day: 'd', week: 'w', month: 'mo' }

function span(text: string): number | null {
  const m = /^(\d+(?:\.\d+)?)?\s*(s|sec|second|m|min|minute|h|hour|d|day|w|week|mo|month)s?$/.exec(text)
  return m && (m[1] || m[2].length > 2) ? Number(m[1] ?? 1) * units[long[m[2]] ?? m[2]] : null
}

// parseRange reads what people write: "15m", "last 90m", "last hour", "today",
// "yesterday", "this week", "Nov 3", "since 9:00", "Nov 3 14:00 to 15:30",
// "2h ago to 1h ago", "2026-11-03 14:00 to 2026-11-03 15:30".
export function parseRange(text: string, now: number): Range | null {
  const clean = text.trim().toLowerCase()
  const length = span(clean.replace(/^(last|past)\s+/, ''))
  if (length) return { from: now - length, to: now, live: true }
  const since = /^since\s+(.+)$/.exec(clean)
  const parts = since ? [since[1], 'now'] : text.trim().split(/\s+(?:to|until|-|–)\s+/i)
  if (parts.length > 2) return null
  const first = moment(parts[0], now, now)
  if (!first) return null
  if (parts.length === 1) return first.end <= first.at || first.at >= now ? null : { from: first.at, to: Math.min(first.end, now), live: false }
  const last = moment(parts[1], now, first.at)
  // A day as the end is that whole day.
  const to = last && Math.min(last.end > last.at ? last.end : last.at, Math.max(now, last.at))
  return to === null || to <= first.at ? null : { from: first.at, to, live: false }
}

// moment reads a date, a time or both; a time alone is on the day of near. A
// date alone lasts until its end, a moment ends where it begins.
function moment(text: string, now: number, near: number): { at: number; end: number } | null {
  const clean = text.trim().toLowerCase()
  const ago = /^(.+?)\s+ago$/.exec(clean)
  const length = ago && span(ago[1])
  if (length) return { at: now - length, end: now - length }
  if (clean === 'now') return { at: now, end: now }
  const clock = /(?:^|[\st])(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(clean)
  const date = (clock ? clean.slice(0, clock.index) : clean).replace(/\s+at$/, '').trim()
  const day = new Date(near)
  day.setHours(0, 0, 0, 0)
  const today = new Date(now)
  let days = 1
  if (date === '' && !clock) return null
  if (date === 'today') day.setFullYear(today.getFullYear(), today.getMonth(), today.getDate())
  else if (date === 'yesterday') day.setFullYear(today.getFullYear(), today.getMonth(), today.getDate() - 1)
  else if (date === 'this week' && !clock) {
    day.setFullYear(today.getFullYear(), today.getMonth(), today.getDate() - ((today.getDay() + 6) % 7))
    days = 7
  } else if (date === 'this month' && !clock) {
    day.setFullYear(today.getFullYear(), today.getMonth(), 1)
    days = 31
  } else if (date !== '') {
    const read = new Date(/\d{4}/.test(date) ? `${date} 00:00` : `${date} ${today.getFullYear()} 00:00`)
    if (Number.isNaN(read.getTime()) || !/\d/.test(date)) return null
    // A day without a year that is still to come was last year's.
    if (!/\d{4}/.test(date) && read.getTime() > now) read.setFullYear(read.getFullYear() - 1)
    day.setFullYear(read.getFullYear(), read.getMonth(), read.getDate())
  }
  if (clock) {
    if (Number(clock[1]) > 24 || Number(clock[2]) > 59) return null
    const at = day.setHours(Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0), 0)
    return { at, end: at }
  }
  const at = day.getTime()
  return { at, end: day.setDate(day.getDate() + days) }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number) => String(n).padStart(2, '0')

// showTime is "Nov 23, 18:05".
export function showTime(ms: number, withSeconds = false): string {
  const d = new Date(ms)
  return `${months[d.getMonth()]} ${d.getDate()}, ${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? ':' + two(d.getSeconds()) : ''}`
}

// spanOf reads a span such as "15m", "4h", "1d", "1w" or "1mo", in ms.
export function spanOf(text: string): number | undefined {
  const found = /^(\d+)(mo|mi|m|h|d|w|y)$/.exec(text)
  if (!found) return undefined
  const unit = { mi: 60e3, m: 60e3, h: 3600e3, d: 86400e3, w: 7 * 86400e3, mo: 31 * 86400e3, y: 366 * 86400e3 }[found[2] as 'm']
  return Number(found[1]) * unit
}

// showDuration is "2 h 5 m".
export function showDuration(ms: number): string {
  const s = Math.round(ms / 1e3)
  if (s < 60) return `${s} s`
  const parts: [number, string][] = [[Math.floor(s / 86400), 'd'], [Math.floor((s % 86400) / 3600), 'h'], [Math.floor((s % 3600) / 60), 'm']]
  const first = parts.findIndex(([n]) => n > 0)
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(' ')
}

export function showRange(r: Range): string {
  if (r.live) {
    const preset = presets.find(([, ms]) => Math.abs(ms - (r.to - r.from)) < 1500)
    return preset ? `Past ${preset[0]}` : `Past ${showDuration(r.to - r.from)}`
  }
  const sameDay = new Date(r.from).toDateString() === new Date(r.to).toDateString()
  return `${showTime(r.from)} to ${sameDay ? showTime(r.to).split(', ')[1] : showTime(r.to)}`
}

// zoneName is the reader's time zone, "Europe/Berlin".
export const zoneName = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

// showAgo is "3 m ago", "in 2 h".
export function showAgo(ms: number, now: number): string {
  const distance = Math.abs(now - ms)
  if (distance < 5e3) return 'now'
  const text = showDuration(distance)
  return ms > now ? `in ${text}` : `${text} ago`
}
