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
    ['since 9:30', day(23, 9, 30), now, false],
    ['last hour', now - 3600e3, now, true],
    ['past week', now - 7 * 86400e3, now, true],
    ['this week', day(23), now, false],
    ['this month', day(1), now, false],
    ['Nov 3', day(3), day(4), false],
    ['nov 3 to nov 5', day(3), day(6), false],
    ['yesterday 14:00 to 15:30', day(22, 14), day(22, 15, 30), false],
    ['yesterday to today', day(22), now, false],
    ['2h ago to 1h ago', now - 7200e3, now - 3600e3, false],
    ['Dec 24 18:00 to 20:00', new Date(2025, 11, 24, 18).getTime(), new Date(2025, 11, 24, 20).getTime(), false],
    ['2026-11-03T14:00 – 2026-11-03T15:00', day(3, 14), day(3, 15), false],
  ]
  for (const [text, from, to, live] of cases) it(text, () => expect(parseRange(text, now)).toEqual({ from, to, live }))
  for (const text of ['', 'soon', '14:00', '15:00 to 14:00', 'last x', 's', 'Nov 3 to Nov 2', '25:00 to 26:00', 'a to b to c']) it(`refuses "${text}"`, () => expect(parseRange(text, now)).toBeNull())
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
