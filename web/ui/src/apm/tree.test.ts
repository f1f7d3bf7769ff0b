import { expect, test } from 'vitest'
import type { Span } from '../model'
import { matches, selfTime, treeOf } from './tree'

const span = (id: string, parent: string, start: number, duration: number): Span => ({
  trace_id: 't', span_id: id, parent_id: parent, service: `s${id}`, name: 'op', resource: 'r', type: '', env: '', host: '', error: false, start, duration, tags: {},
})

test('children stand below their parents, in the order of time', () => {
  const tree = treeOf([span('3', '1', 60, 20), span('1', '0', 0, 100), span('2', '1', 10, 30), span('4', '2', 15, 5)])
  expect(tree.nodes.map((n) => [n.span.span_id, n.depth, n.row])).toEqual([['1', 0, 0], ['2', 1, 1], ['4', 2, 2], ['3', 1, 1]])
  expect(selfTime(tree.nodes[0])).toBe(50)
})

test('spans at the same time get rows of their own', () => {
  const tree = treeOf([span('1', '0', 0, 100), span('2', '1', 10, 50), span('3', '1', 20, 50)])
  expect(tree.nodes.map((n) => n.row)).toEqual([0, 1, 2])
})

test('missing parents and circles leave no span out', () => {
  const tree = treeOf([span('1', '99', 0, 10), span('2', '3', 5, 1), span('3', '2', 6, 1), span('4', '4', 7, 1)])
  expect(tree.nodes.map((n) => n.span.span_id).sort()).toEqual(['1', '2', '3', '4'])
})

test('5,000 spans, and a chain as deep, are laid out at once', () => {
  const wide = Array.from({ length: 5000 }, (_, i) => span(String(i + 1), i ? '1' : '0', i, i ? 1 : 5000))
  expect(treeOf(wide).nodes).toHaveLength(5000)
  const deep = Array.from({ length: 5000 }, (_, i) => span(String(i + 1), String(i), i, 10_000 - 2 * i))
  expect(treeOf(deep).rows).toBe(5000)
})

test('a search looks at tags too', () => {
  const s = { ...span('1', '0', 0, 1), tags: { 'http.url': 'http://x/Cart' } }
  expect(matches(s, 'cart')).toBe(true)
  expect(matches(s, 'nothing')).toBe(false)
})
