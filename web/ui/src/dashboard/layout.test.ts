import { expect, test } from 'vitest'
import type { Dashboard, Widget } from '../model'
import { added, arrangedAt, duplicated, exported, inReadingOrder, movedTo, removedAt, swapped } from './edits'
import { step } from './history'
import { arranged, boxesOf, firstFree, Scale, type Box } from './layout'

const box = (x: number, y: number, width: number, height: number): Box => ({ x, y, width, height })
const graph = (title: string, layout?: Box): Widget => ({ definition: { type: 'timeseries', title, requests: [] }, ...(layout ? { layout } : {}) })
const group = (title: string, layout: Box | undefined, ...widgets: Widget[]): Widget => ({ definition: { type: 'group', layout_type: 'ordered', title, widgets }, ...(layout ? { layout } : {}) })
const board = (...widgets: Widget[]): Partial<Dashboard> => ({ title: 'd', layout_type: 'ordered', widgets })

test('widgets without places flow in lines', () => {
  expect(boxesOf([graph('a'), graph('b'), graph('c'), graph('d')], 'ordered')).toEqual([box(0, 0, 4, 3), box(4, 0, 4, 3), box(8, 0, 4, 3), box(0, 3, 4, 3)])
})

test('a place outside the grid is brought inside', () => {
  expect(boxesOf([graph('a', box(10, -2, 6, 0))], 'ordered')).toEqual([box(6, 0, 6, 1)])
})

test('a document that says absurd places is laid out all the same', () => {
  const absurd = [box(NaN, 1e12, Infinity, -5), { x: '3', y: null } as unknown as Box]
  expect(boxesOf(absurd.map((b) => graph('a', b)), 'ordered')).toEqual([box(0, 5000, 1, 1), box(3, 0, 1, 1)])
  expect(boxesOf([graph('a', box(-1, 1e12, NaN, 1e9))], 'free')).toEqual([box(0, 5000, 2, 500)])
  expect(boxesOf([{ definition: { type: 'constructor' } }], 'ordered')).toEqual([box(0, 0, 4, 3)])
})

test.each<[string, Box[], number, Box, Box[]]>([
  ['pushes those below down', [box(0, 0, 4, 3), box(4, 0, 4, 3), box(0, 3, 4, 3)], 1, box(0, 0, 4, 3), [box(4, 0, 4, 3), box(0, 0, 4, 3), box(0, 3, 4, 3)]],
  ['stays until it is half past the next', [box(0, 0, 4, 3), box(0, 3, 4, 3)], 0, box(0, 1, 4, 3), [box(0, 0, 4, 3), box(0, 3, 4, 3)]],
  ['changes places with the one below', [box(0, 0, 4, 3), box(0, 3, 4, 3)], 0, box(0, 2, 4, 3), [box(0, 3, 4, 3), box(0, 0, 4, 3)]],
  ['changes places with the one above', [box(0, 0, 4, 3), box(0, 3, 4, 3)], 1, box(0, 1, 4, 3), [box(0, 3, 4, 3), box(0, 0, 4, 3)]],
  ['rises to the top', [box(0, 0, 4, 3), box(4, 0, 4, 3)], 1, box(8, 7, 4, 3), [box(0, 0, 4, 3), box(8, 0, 4, 3)]],
  ['grows, and the one beside goes below', [box(0, 0, 4, 3), box(4, 0, 4, 3)], 0, box(0, 0, 6, 3), [box(0, 0, 6, 3), box(4, 3, 4, 3)]],
])('a widget that moves %s', (_, boxes, i, to, after) => {
  expect(arranged(boxes, i, to, 'ordered')).toEqual(after)
})

test('no order of moves leaves one widget on another', () => {
  let boxes = [box(0, 0, 6, 3), box(6, 0, 6, 2), box(0, 3, 4, 4), box(4, 3, 8, 3), box(0, 7, 12, 1), box(0, 8, 3, 2)]
  let seed = 7
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n
  for (let round = 0; round < 500; round++) {
    const i = random(boxes.length)
    boxes = arranged(boxes, i, box(random(12), random(14), 1 + random(12), 1 + random(5)), 'ordered')
    boxes.forEach((a, k) => {
      expect(a.x >= 0 && a.x + a.width <= 12 && a.y >= 0).toBe(true)
      for (const b of boxes.slice(k + 1)) {
        expect(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height).toBe(false)
      }
    })
  }
})

test('on a free dashboard nobody gives way', () => {
  expect(arranged([box(0, 0, 47, 15), box(50, 0, 47, 15)], 1, box(10, 5, 47, 15), 'free')).toEqual([box(0, 0, 47, 15), box(10, 5, 47, 15)])
})

test('a new widget takes the gap at the foot', () => {
  expect(firstFree([box(0, 0, 4, 3), box(4, 0, 4, 3)], { width: 4, height: 3 }, 'ordered')).toEqual(box(8, 0, 4, 3))
  expect(firstFree([box(0, 0, 12, 3)], { width: 4, height: 3 }, 'ordered')).toEqual(box(0, 3, 4, 3))
  expect(firstFree([], { width: 4, height: 3 }, 'ordered')).toEqual(box(0, 0, 4, 3))
})

test('a group grows with what is moved in, and makes room', () => {
  const d = board(graph('a', box(0, 0, 4, 3)), group('g', box(0, 3, 12, 4), graph('b', box(0, 0, 4, 3))), graph('c', box(0, 7, 4, 3)))
  const { board: next, path } = movedTo(d, [0], 1, { x: 0, y: 3 })
  expect(path).toEqual([0, 1])
  expect(next.widgets!.map((w) => w.layout)).toEqual([box(0, 0, 12, 7), box(0, 7, 4, 3)])
  expect(next.widgets![0].definition.widgets!.map((w) => [w.definition.title, w.layout])).toEqual([['b', box(0, 0, 4, 3)], ['a', box(0, 3, 4, 3)]])
  const out = movedTo(next, path, null, { x: 4, y: 7 })
  expect(out.board.widgets!.map((w) => w.layout)).toEqual([box(0, 0, 12, 4), box(0, 4, 4, 3), box(4, 4, 4, 3)])
})

test('moving a widget of a flowing dashboard says every place', () => {
  const next = arrangedAt(board(graph('a'), graph('b')), [1], box(8, 0, 4, 3))
  expect(next.widgets!.map((w) => w.layout)).toEqual([box(0, 0, 4, 3), box(8, 0, 4, 3)])
  expect(next.reflow_type).toBe('fixed')
})

test('a widget goes before or after its neighbour', () => {
  const read = (d: Partial<Dashboard>) => inReadingOrder(d).widgets!.map((w) => w.definition.title).join('')
  const places = [box(0, 0, 6, 3), box(6, 0, 6, 3), box(0, 3, 4, 2), box(4, 3, 8, 4)]
  const fixed = board(...places.map((b, i) => graph('abcd'[i], b)))
  expect([0, 1, 2].map((i) => read(swapped(fixed, [i], 1)))).toEqual(['bacd', 'acbd', 'abdc'])
  expect([1, 2, 3].map((i) => read(swapped(fixed, [i], -1)))).toEqual(['bacd', 'acbd', 'abdc'])
  expect([read(swapped(fixed, [0], -1)), read(swapped(fixed, [3], 1))]).toEqual(['abcd', 'abcd'])
  expect(read(swapped(board(graph('a'), graph('b'), graph('c')), [2], -1))).toBe('acb')
})

test('removing closes the gap, and leaves a flowing dashboard to flow', () => {
  expect(removedAt(board(graph('a', box(0, 0, 12, 3)), graph('b', box(0, 3, 4, 3))), [0]).widgets!.map((w) => w.layout)).toEqual([box(0, 0, 4, 3)])
  expect(removedAt(board(graph('a'), graph('b')), [0])).toEqual(board(graph('b')))
})

test('a copy has no number, and stands in the next free place', () => {
  const d = board({ ...graph('a', box(0, 0, 6, 2)), id: 7 })
  const next = duplicated(d, [0])
  expect(next.widgets![1]).toEqual(graph('a', box(6, 0, 6, 2)))
  expect(added(board(graph('a')), graph('n'))).toEqual(board(graph('a'), graph('n')))
  expect(added(d, graph('n')).widgets![1].layout).toEqual(box(6, 0, 4, 3))
})

test('what is saved stands in reading order', () => {
  expect(inReadingOrder(board(graph('low', box(0, 3, 4, 3)), graph('right', box(4, 0, 4, 3)), graph('left', box(0, 0, 4, 3)))).widgets!.map((w) => w.definition.title)).toEqual(['left', 'right', 'low'])
})

test('an export has nothing of the server in it', () => {
  const doc = exported({ ...board({ ...graph('a'), id: 1 }), id: 'abc', url: '/dashboard/abc', modified_at: 'now', notify_list: null })
  expect(doc).toEqual({ ...board(graph('a')), notify_list: null })
})

test('pixels become units, and a header row is low', () => {
  const widgets = [group('g', box(0, 0, 12, 4), graph('a', box(0, 0, 4, 3))), graph('b', box(0, 4, 4, 3))]
  const boxes = boxesOf(widgets, 'ordered')
  const scale = new Scale('ordered', boxes, 1188, widgets)
  expect(scale.place(boxes[0])).toEqual({ left: 0, top: 0, width: 1188, height: 316 })
  expect(scale.place(boxes[1]).top).toBe(328)
  expect([scale.row(0), scale.row(30), scale.row(328), scale.row(426), scale.column(395)]).toEqual([0, 1, 4, 5, 4])
})

test('changes with one tag are undone together', () => {
  let h = { past: [] as string[], now: '', future: [] as string[], tag: '' }
  for (const next of ['a', 'ab', 'abc']) h = step(h, { kind: 'set', next, tag: 'title' })
  h = step(h, { kind: 'set', next: 'moved', tag: '' })
  h = step(h, { kind: 'undo' })
  expect(h.now).toBe('abc')
  h = step(h, { kind: 'undo' })
  expect([h.now, h.future.length]).toEqual(['', 2])
  expect(step(step(h, { kind: 'redo' }), { kind: 'redo' }).now).toBe('moved')
})
