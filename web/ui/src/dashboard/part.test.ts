import { expect, test } from 'vitest'
import { inLanguage, languageOf, nextName, partOf, requestOf, withoutQuery, withQuery } from './part'

test('an older request becomes a query and a formula that say the same', () => {
  const part = partOf({ q: 'avg:a{*} by {host}', aggregator: 'max', alias: 'load', limit: 5, order: 'asc', cell_display_mode: ['bar'], style: { palette: 'warm' }, news: 1 })
  expect(part).toEqual({
    queries: [{ name: 'a', query: 'avg:a{*} by {host}', aggregator: 'max' }],
    formulas: [{ formula: 'a', alias: 'load', limit: { count: 5, order: 'asc' }, cell_display_mode: 'bar' }],
    rest: { style: { palette: 'warm' }, news: 1 },
  })
  expect(requestOf(part, 'scalar')).toEqual({
    style: { palette: 'warm' }, news: 1, response_format: 'scalar',
    queries: [{ data_source: 'metrics', name: 'a', query: 'avg:a{*} by {host}', aggregator: 'max' }],
    formulas: [{ formula: 'a', alias: 'load', limit: { count: 5, order: 'asc' }, cell_display_mode: 'bar' }],
  })
})

test('a request of queries and formulas comes back as it was', () => {
  const request = { queries: [{ data_source: 'metrics', name: 'hits', query: 'sum:hits{*}', aggregator: 'sum', cross_org_uuids: ['x'] }], formulas: [{ formula: 'hits / 2', news: 1 }], response_format: 'scalar', sort: { count: 5 } }
  expect(requestOf(partOf(request), 'scalar')).toEqual(request)
})

test('queries come and go with their formulas', () => {
  const one = partOf({ q: 'avg:a{*}' })
  const two = withQuery(one)
  expect(two.queries.map((q) => q.name)).toEqual(['a', 'b'])
  expect(two.formulas.map((f) => f.formula)).toEqual(['a', 'b'])
  expect(withQuery(one, true).formulas).toEqual([{ formula: 'a / b' }])
  expect(requestOf(two, 'timeseries').formulas).toEqual([{ formula: 'a' }])
  expect(requestOf(withQuery(one, true), 'scalar').formulas).toEqual([{ formula: 'a' }])
  const ratio = { ...two, formulas: [{ formula: 'a / b' }] }
  expect(withoutQuery(ratio, 1).formulas).toEqual([{ formula: 'a / b' }])
  expect(withoutQuery(two, 0)).toEqual({ queries: [{ name: 'b', query: '' }], formulas: [{ formula: 'b' }], rest: {} })
  expect(nextName([...'abcdefghijklmnopqrstuvwxyz'])).toBe('a1')
})

test('a request changes its language', () => {
  const two = { ...withQuery(partOf({ q: 'avg:a{env:prod}', alias: 'load' })), formulas: [{ formula: 'a / b', alias: 'share' }] }
  const ours = inLanguage(two, 'metricsql')
  expect(languageOf(ours)).toBe('metricsql')
  expect(ours.queries[0]).toEqual({ name: 'a', query: 'avg({__name__="a",env="prod"})', data_source: 'prometheus' })
  expect(ours.formulas).toEqual([{ formula: 'a', alias: 'share' }, { formula: 'b' }])
  expect(withQuery(ours).queries[2]).toEqual({ name: 'c', query: '', data_source: 'prometheus' })
  expect(inLanguage(two, 'metricsql', true).queries).toHaveLength(1)
  expect(requestOf(inLanguage(partOf({ q: 'not known{' }), 'metricsql'), 'scalar')).toEqual({
    queries: [{ data_source: 'prometheus', name: 'a', query: 'not known{', aggregator: 'last' }], formulas: [{ formula: 'a' }], response_format: 'scalar',
  })
  const back = inLanguage(ours, 'datadog')
  expect(languageOf(back)).toBe('datadog')
  expect(inLanguage(back, 'datadog')).toBe(back)
})
