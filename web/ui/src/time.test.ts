import { describe, expect, it } from 'vitest'
import { parseRange, rangeOf, rangeParams, showDuration, showRange } from './time'

const now = new Date(2026, 10, 23, 18, 5).getTime()

describe('ranges as people type them', () => {
  const day = (d: number, h = 0, m = 0) => new Date(2026, 10, d, h, m).getTime()
  const cases: [string, number, number, boolean][] = [
    ['15m', now - 900e3, now, true],
    ['last 90m', now - 5400e3, now, true],
    ['past 2 days', now - 2 * 86400e3, now, true],
    ['today', day(23), now, false],
    ['yesterday', day(22), day(23), false],
    ['Nov 3 14:00 to 15:30', day(3, 14), day(3, 15, 30), false],
    ['2026-11-03 14:00 to 2026-11-04 15:30', day(3, 14), day(4, 15, 30), false],
    ['14:00 to now', day(23, 14), now, false],
  ]
  for (const [text, from, to, live] of cases) it(text, () => expect(parseRange(text, now)).toEqual({ from, to, live }))
  for (const text of ['', 'soon', 'Nov 3', '15:00 to 14:00', 'last x']) it(`refuses "${text}"`, () => expect(parseRange(text, now)).toBeNull())
})

it('a range survives the URL', () => {
  const fixed = { from: now - 3600e3, to: now, live: false }
  const params = new URLSearchParams()
  for (const [k, v] of Object.entries(rangeParams(fixed))) if (v !== null) params.set(k, v)
  expect(rangeOf(params, now + 5000)).toEqual(fixed)
  params.set('live', 'true')
  expect(rangeOf(params, now + 5000)).toEqual({ from: now + 5000 - 3600e3, to: now + 5000, live: true })
})

it('durations and ranges read well', () => {
  expect(showDuration(7500e3)).toBe('2 h 5 m')
  expect(showDuration(42e3)).toBe('42 s')
  expect(showRange({ from: now - 3600e3, to: now, live: true })).toBe('Past 1h')
  expect(showRange({ from: now - 3600e3, to: now, live: false })).toBe('Nov 23, 17:05 to 18:05')
})
