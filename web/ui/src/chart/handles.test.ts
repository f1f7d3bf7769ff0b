import { expect, test } from 'vitest'
import { rounded } from './handles'

test('a threshold that is dragged is rounded to what can be told apart', () => {
  expect(rounded(803.27, 500)).toBe(800)
  expect(rounded(806.9, 500)).toBe(810)
  expect(rounded(0.07133, 0.08)).toBe(0.071)
  expect(rounded(-12.345e6, 9e6)).toBe(-12.3e6)
  expect(rounded(3, 0)).toBe(3)
})
