import { expect, test } from 'vitest'
import { apply, charAt } from './complete'

const metric = { text: 'system.load.1', kind: 'metric', from: 4, insert: 'system.load.1{*}', caret: 15 }

test('a suggestion replaces the word around the cursor', () => {
  expect(apply('avg:sys', 7, metric)).toEqual({ text: 'avg:system.load.1{*}', cursor: 19 })
  expect(apply('avg:sys.cpu + 1', 7, metric)).toEqual({ text: 'avg:system.load.1{*} + 1', cursor: 19 })
  expect(apply('avg:', 4, metric)).toEqual({ text: 'avg:system.load.1{*}', cursor: 19 })
})

test('the server counts bytes, the box characters', () => {
  expect(charAt('größe', 4)).toBe(3)
  expect(apply('m{ort="Köln",ho', 15, { text: 'host', kind: 'key', from: 14, insert: 'host=""', caret: 6 })).toEqual({ text: 'm{ort="Köln",host=""', cursor: 19 })
})
