import { expect, it } from 'vitest'
import { daysOf } from './calendar'

it('a month is whole weeks from Monday on', () => {
  const days = daysOf(new Date(2026, 10, 15).getTime())
  expect(days).toHaveLength(42)
  expect(days[0]).toBe(new Date(2026, 9, 26).getTime())
  expect(days[days.length - 1]).toBe(new Date(2026, 11, 6).getTime())
  expect(daysOf(new Date(2027, 1, 1).getTime())).toHaveLength(28)
})
