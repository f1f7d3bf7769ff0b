import { expect, test } from 'vitest'
import { heights, type Line } from './lines'
import { extent } from './scale'

const line = (values: Line['values'], more: Partial<Line> = {}): Line => ({ label: '', metric: '', tags: [], color: '', unit: '', style: 'line', values, ...more })

test('the range of an axis', () => {
  const around = line([100, 150, 200])
  expect(extent([around], [])).toEqual([92, 208])
  expect(extent([around], [], { zero: true })).toEqual([0, 216])
  expect(extent([around], [], { min: 50, max: 300 })).toEqual([50, 300])
  expect(extent([around], [], { max: 20 })).toEqual([92, 184])
  expect(extent([line([0.5, 0, 30])], [], { kind: 'log' })).toEqual([0.1, 100])
  expect(extent([], [], { kind: 'log' })).toEqual([1, 10])
  expect(extent([around], [{ value: 400, severity: 'alert' }])).toEqual([76, 424])
})

test('bars and areas stand on those after them', () => {
  const lines = [line([1, 2, null], { style: 'bars' }), line([10, null, 30], { style: 'bars' }), line([5, 5, 5]), line([7, 7, 7], { style: 'bars', right: true })]
  expect(heights(lines)).toEqual([[11, 2, null], [10, null, 30], [5, 5, 5], [7, 7, 7]])
  expect(heights(lines, new Set([1]))[0]).toEqual([1, 2, null])
  expect(extent(lines.slice(0, 2), [])[1]).toBeCloseTo(32.4)
})
