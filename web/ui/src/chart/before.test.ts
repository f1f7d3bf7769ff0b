import { expect, it } from 'vitest'
import { moved, withBefore } from './before'
import { linesOf } from './lines'
import type { Frame } from '../model'

const frame = (start: number, values: (number | null)[], tags: string[]): Frame => ({
  grid: { start, end: start + 1000 * (values.length - 1), step: 1000 },
  rows: [{ metric: 'm', tags, expr: 'm', unit: '', values }],
  warnings: [],
  stats: { series: 1, samples: values.length },
})

it('the period before lies on the grid of the present one', () => {
  expect(moved(frame(10_000, [1, 2], []), 5400).grid).toEqual({ start: 15_000, end: 16_000, step: 1000 })
})

it('a line and the one before it share a colour, and neither moves the other', () => {
  const now = linesOf([{ frame: frame(15_000, [1, 2, 3], ['a']) }])
  const before = linesOf([{ frame: moved(frame(10_000, [7, 8, null], ['a']), 5000) }])
  const both = withBefore(now, before)
  expect(both.times).toEqual([15_000, 16_000, 17_000])
  expect(both.lines.map((l) => l.values)).toEqual([[1, 2, 3], [7, 8, null]])
  expect(both.lines.map((l) => l.label)).toEqual(['a', 'a · before'])
  expect(both.lines[1].color).toBe(now.lines[0].color)
  expect(both.lines[0].color).toBe(now.lines[0].color)
})

it('moments that only one of the two has stay open in the other', () => {
  const now = linesOf([{ frame: frame(15_000, [1, 2], ['a']) }])
  const before = linesOf([{ frame: moved(frame(9_000, [5, 6, 7], ['a']), 5000) }])
  const both = withBefore(now, before)
  expect(both.times).toEqual([14_000, 15_000, 16_000])
  expect(both.lines.map((l) => l.values)).toEqual([[undefined, 1, 2], [5, 6, 7]])
})
