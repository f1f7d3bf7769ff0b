import { expect, test } from 'vitest'
import { endOfMark, markOf, movedMark, placeOf } from './mark'

const plot = { x0: 50, y0: 60, x1: 650, y1: 260, from: 1000, to: 61_000, low: 0, high: 100 }

test('a rectangle is a time and a range of values, however it is drawn', () => {
  const mark = { from: 11_000, to: 31_000, low: 25, high: 75 }
  expect(markOf(plot, { x: 150, y: 110 }, { x: 350, y: 210 })).toEqual(mark)
  expect(markOf(plot, { x: 350, y: 210 }, { x: 150, y: 110 })).toEqual(mark)
  expect(placeOf(plot, mark)).toEqual({ x: 150, y: 110, width: 200, height: 100 })
})

test('a drag along the axis, or below the plot, has the whole height', () => {
  expect(markOf(plot, { x: 150, y: 200 }, { x: 350, y: 205 })).toEqual({ from: 11_000, to: 31_000 })
  expect(markOf(plot, { x: 150, y: 270 }, { x: 350, y: 300 })).toEqual({ from: 11_000, to: 31_000 })
  expect(placeOf(plot, { from: 11_000, to: 31_000 })).toEqual({ x: 150, y: 60, width: 200, height: 200 })
})

test('a mark stays inside the plot', () => {
  expect(markOf(plot, { x: -20, y: -20 }, { x: 900, y: 900 })).toEqual({ from: 1000, to: 61_000, low: 0, high: 100 })
})

test('a click takes the mark away', () => {
  expect(endOfMark(plot, { x: 150, y: 200 }, { x: 151, y: 201 })).toBeNull()
})

test('keys make, move, lengthen and remove a mark', () => {
  expect(movedMark(plot, null, 'ArrowLeft', false)).toEqual({ from: 25_000, to: 37_000 })
  expect(movedMark(plot, { from: 25_000, to: 37_000 }, 'ArrowRight', false)).toEqual({ from: 26_200, to: 38_200 })
  expect(movedMark(plot, { from: 25_000, to: 60_900 }, 'ArrowRight', false)).toEqual({ from: 25_100, to: 61_000 })
  expect(movedMark(plot, { from: 25_000, to: 37_000 }, 'ArrowRight', true)).toEqual({ from: 25_000, to: 38_200 })
  expect(movedMark(plot, { from: 25_000, to: 37_000 }, 'Delete', false)).toBeNull()
  expect(movedMark(plot, null, 'a', false)).toBeUndefined()
})
