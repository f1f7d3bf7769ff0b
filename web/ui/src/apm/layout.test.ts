import { expect, test } from 'vitest'
import { layoutOf } from './layout'

const edges = (...pairs: string[]) => pairs.map((p) => ({ from: p.split('>')[0], to: p.split('>')[1] }))
const layers = (names: string[], ...pairs: string[]) => Object.fromEntries([...layoutOf(names, edges(...pairs)).spots].map(([n, s]) => [n, s.layer]))

test('callers stand left of those they call, by the longest way', () => {
  expect(layers(['d'], 'a>b', 'b>c', 'a>c')).toEqual({ a: 0, b: 1, c: 2, d: 0 })
})

test('circles and calls of itself end', () => {
  expect(layers([], 'a>b', 'b>a', 'b>b', 'c>a')).toEqual({ a: 1, b: 2, c: 0 })
  expect(Object.keys(layers([], 'a>b', 'b>a')).sort()).toEqual(['a', 'b'])
})

test('no two services stand in one place', () => {
  const { spots } = layoutOf([], edges('a>b', 'a>c', 'a>d', 'e>d'))
  expect(new Set([...spots.values()].map((s) => `${s.x} ${s.y}`)).size).toBe(spots.size)
})
