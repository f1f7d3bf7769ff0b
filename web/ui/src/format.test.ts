import { expect, it } from 'vitest'
import { colors } from './color'
import { contextAt, matching } from './complete'
import { showNumber } from './format'
import { explain, innerQuery, thresholdsOf } from './monitor-query'

it('numbers have their units', () => {
  expect(showNumber(12_400)).toBe('12.4 k')
  expect(showNumber(1.5 * 2 ** 30, 'byte')).toBe('1.5 GiB')
  expect(showNumber(0.0012, 'second')).toBe('1.2 ms')
  expect(showNumber(120, 'millisecond')).toBe('120 ms')
  expect(showNumber(38, 'percent')).toBe('38 %')
  expect(showNumber(null)).toBe('–')
})

it('a series keeps its colour, and neighbours differ', () => {
  const row = (tag: string) => ({ metric: 'm', tags: [tag], expr: '' })
  const ten = Array.from({ length: 10 }, (_, i) => row(`host:${i}`))
  expect(new Set(colors(ten)).size).toBe(10)
  expect(colors([row('host:a')])).toEqual(colors([row('host:a')]))
})

it('completion knows what may stand at the caret', () => {
  const at = (text: string) => contextAt(text, text.length)
  expect(at('avg:sys')).toMatchObject({ kind: 'metric', word: 'sys' })
  expect(at('avg:m{en')).toMatchObject({ kind: 'tag', word: 'en', metric: 'm' })
  expect(at('avg:m{*} by {ho')).toMatchObject({ kind: 'group', word: 'ho', metric: 'm' })
  expect(at('avg:m{*}.ro')).toMatchObject({ kind: 'method', word: 'ro' })
  expect(at('top')).toMatchObject({ kind: 'start', word: 'top' })
  expect(matching(['b.a', 'a.b', 'c'], 'a')).toEqual(['a.b', 'b.a'])
})

it('a monitor is explained from its query', () => {
  const m = { query: 'avg(last_5m):avg:my_metric{*} by {host} > 800', options: { thresholds: { critical: 800, warning: 500 }, notify_no_data: true, no_data_timeframe: 10 } }
  expect(innerQuery(m.query)).toBe('avg:my_metric{*} by {host}')
  expect(explain(m)).toBe('Alert when the average over the last 5 minutes is above 800, Warn when it is above 500, No Data after 10 minutes of silence, for each host.')
  expect(thresholdsOf(m).map((t) => t.value)).toEqual([500, 800])
})
