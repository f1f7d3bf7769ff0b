import { expect, test } from 'vitest'
import type { Check, EventItem } from '../model'
import { changesOf } from './change'
import { runsOf } from './check-status'
import { linksOf } from './custom-links'
import { askedBy, explored, foreign, newGraph, thresholdsOf } from './document'
import { isAllowed } from './embed-list'
import { countsOf } from './event-counts'
import { figureOf } from './figure'
import { paintFor } from './palette'
import { metricsQLOf } from './forms'
import { figuresIn, questionOf, tableOf } from './scalars'
import { lengthOf, rangeOf } from './time-of-widget'

const range = { from: 1000, to: 5000, live: true }

test('links are filled in, and lead to pages only', () => {
  const links = (link: string, tags?: string[]) => linksOf([{ label: 'x', link }], { env: 'env:prod' }, range, tags).map((l) => l.href)
  expect(links('https://a.example/?from={{timestamp_start}}&to={{timestamp_end}}&e=$env.value')).toEqual(['https://a.example/?from=1000&to=5000&e=prod'])
  expect(links('/infrastructure/{{host.value}}', ['host:web 1', 'env:x'])).toEqual(['/infrastructure/web%201'])
  expect(links('/infrastructure/{{host.value}}')).toEqual([])
  expect(links('/a/{{team.value}}', ['host:a'])).toEqual([])
  expect(links('https://a.example/', ['host:a'])).toEqual([])
  for (const wrong of ['javascript:alert(1)', ' javascript:alert(1)', '//evil.example', 'data:text/html,x', '{{host.value}}']) expect(links(wrong), wrong).toEqual([])
  expect(linksOf([{ label: 'x', link: '/a', is_hidden: true }], {}, range)).toEqual([])
})

test('pictures and pages of listed sites only', () => {
  const list = ['https://a.example', 'https://*.b.example:8443']
  const allowed = (origin: string) => isAllowed(origin, list)
  expect(['https://a.example', 'https://x.b.example:8443'].map(allowed)).toEqual([true, true])
  expect(['http://a.example', 'https://a.example.evil', 'https://b.example:8443', 'https://x.b.example', 'https://xb.example:8443'].map(allowed)).toEqual([false, false, false, false, false])
  expect(isAllowed('https://any.example', ['https:'])).toBe(true)
  expect(isAllowed('http://any.example', ['https:'])).toBe(false)
})

test('the time of a widget', () => {
  expect(lengthOf({ live_span: '4h' }, 0)).toBe(4 * 3600e3)
  expect(lengthOf({ live_span: '1mo' }, 0)).toBe(30 * 86400e3)
  expect(lengthOf({ type: 'live', value: 17, unit: 'minute' }, 0)).toBe(17 * 60e3)
  expect(lengthOf({ live_span: 'alert' }, 0)).toBeUndefined()
  expect(rangeOf({ live_span: '5m' }, { from: 0, to: 9e6, live: true })).toEqual({ from: 9e6 - 300e3, to: 9e6, live: true })
  expect(rangeOf({ type: 'fixed', from: 10, to: 20 }, range)).toEqual({ from: 10e3, to: 20e3, live: false })
  expect(rangeOf({}, range)).toBeUndefined()
})

test('figures', () => {
  expect(figureOf(66312.4, '', { precision: 1, custom_unit: 'hits' })).toEqual(['66.3', 'k hits'])
  expect(figureOf(1.5833, '', { precision: 2, autoscale: false })).toEqual(['1.58', ''])
  expect(figureOf(1536, 'byte', {})).toEqual(['1.5', 'KiB'])
  expect(figureOf(1536, 'byte', { precision: 0 })).toEqual(['2', 'KiB'])
  expect(figureOf(12, 'request/second', {})).toEqual(['12', 'request/s'])
  expect(figureOf(null, 'byte', {})).toEqual(['no data', ''])
})

test('the first condition that a figure meets colours it', () => {
  const formats = [{ comparator: '>', value: 90, palette: 'white_on_red' }, { comparator: '>', value: 50, palette: 'yellow_on_white' }, { comparator: '<=', value: 0, palette: 'custom_bg', custom_bg_color: 'url(x)' }]
  expect(paintFor(95, formats)).toEqual({ background: 'var(--alert)', text: 'var(--on-accent)', letters: 'var(--alert)', sign: '✕' })
  expect(paintFor(60, formats)).toEqual({ text: 'var(--warn-text)', letters: 'var(--warn-text)', sign: '!' })
  expect(paintFor(10, formats)).toEqual({})
  expect(paintFor(-1, formats)).toEqual({ background: undefined, text: '#fff' })
  expect(paintFor(null, formats)).toEqual({})
})

test('requests of either form ask the same', () => {
  const old = questionOf({ q: 'avg:a{$env} by {host}', aggregator: 'max', limit: 5, order: 'asc' }, { env: 'env:prod' })!
  expect(old.question).toEqual({ queries: [{ name: 'query1', query: 'avg:a{env:prod} by {host}', aggregator: 'max' }], formulas: [{ formula: 'query1', limit: { count: 5, order: 'asc' } }] })
  const young = questionOf({ queries: [{ name: 'a', query: 'avg:a{*} by {host}', aggregator: 'percentile' }, { name: 'b', query: '' }] }, {})!
  expect(young.question).toEqual({ queries: [{ name: 'a', query: 'avg:a{*} by {host}', aggregator: 'avg' }], formulas: [{ formula: 'a' }] })
  expect(questionOf({ q: "top(avg:a{*} by {host}, 10, 'last', 'desc')" }, {})!.question.queries[0].aggregator).toBe('last')
  expect(questionOf({ q: ' ' }, {})).toBeNull()
  expect(foreign([{ queries: [{ name: 'a', data_source: 'logs' }] }])).toBe('logs')
  expect(foreign([{ log_query: {} }])).toBe('log')
  expect(foreign([{ q: 'avg:a{*}' }])).toBeUndefined()
})

test('answers are put side by side and sorted', () => {
  const answer = (values: (number | null)[], hosts: string[]) => [
    { name: 'host', type: 'group' as const, values: hosts.map((h) => [h]) }, { name: 'a', type: 'number' as const, values, meta: { unit: [{ name: 'byte' }, null] } },
  ]
  const part = (values: (number | null)[], hosts: string[], alias: string) => ({ answer: answer(values, hosts), formulas: [{ formula: 'a', alias }], queries: [{ name: 'a', query: 'avg:x{*}', aggregator: 'avg' }] })
  const both = [part([1, 3, 2], ['x', 'y', 'z'], 'first'), part([7, 5], ['z', 'w'], 'second')]
  const table = tableOf(both, {})
  expect(table.columns.map((c) => [c.name, c.unit])).toEqual([['first', 'byte'], ['second', 'byte']])
  expect(table.rows).toEqual([
    { tags: ['host:y'], cells: [3, null] }, { tags: ['host:z'], cells: [2, 7] }, { tags: ['host:x'], cells: [1, null] }, { tags: ['host:w'], cells: [null, 5] },
  ])
  const sorted = (sort: object) => tableOf(both, { sort }).rows.map((r) => r.tags[0].slice(5)).join('')
  expect(sorted({ count: 2, order_by: [{ type: 'formula', index: 1, order: 'asc' }] })).toBe('wz')
  expect(sorted({ order_by: [{ type: 'group', name: 'host', order: 'desc' }] })).toBe('zyxw')
})

test('changes in the order asked for', () => {
  const table = (of: Record<string, number>) => new Map(Object.entries(of).map(([k, v]) => [k, { tags: [k], v }]))
  const rows = (r: Record<string, string>) => changesOf(table({ a: 10, b: 5, c: 1 }), table({ a: 8, b: 0, d: 1 }), r)
  expect(rows({ order_dir: 'desc' }).map((x) => [x.tags[0], x.change, x.share])).toEqual([['b', 5, null], ['a', 2, 0.25]])
  expect(rows({ order_by: 'name', order_dir: 'asc' }).map((x) => x.tags[0])).toEqual(['a', 'b'])
  expect(rows({ change_type: 'relative', order_by: 'change', order_dir: 'desc' }).map((x) => x.tags[0])).toEqual(['a', 'b'])
})

test('runs of a check', () => {
  const run = (host: string, ...tags: string[]) => ({ check: 'db', host_name: host, tags, status: 0 }) as unknown as Check
  const all = [run('a', 'env:prod'), run('b', 'env:test'), { ...run('c', 'env:prod'), check: 'web' }]
  const hosts = (d: object) => runsOf(all, { check: 'db', ...d }).map((c) => c.host_name)
  expect(hosts({})).toEqual(['a', 'b'])
  expect(hosts({ tags: ['env:prod'] })).toEqual(['a'])
  expect(hosts({ group: 'host:b' })).toEqual(['b'])
  expect(hosts({ tags: ['*', 'env:*'] })).toEqual(['a', 'b'])
})

test('events are counted by kind', () => {
  const event = (time: number, alert_type: string) => ({ time, alert_type }) as EventItem
  expect(countsOf([event(0, 'error'), event(1, 'info'), event(9, 'error'), event(10, 'error')], { from: 0, to: 10 }, 2)).toEqual([{ alert: 1, nodata: 1 }, { alert: 1 }])
})

test('lines look as requests say', () => {
  const [bars, dashed] = askedBy([
    { q: 'sum:a{*}', display_type: 'bars', on_right_yaxis: true, metadata: [{ expression: 'sum:a{*}', alias_name: 'all' }] },
    { queries: [{ name: 'a', query: 'avg:b{*}' }], formulas: [{ formula: 'a', limit: { count: 3, order: 'asc' }, number_format: { unit: { unit_name: 'byte', per_unit_name: 'second' } } }], style: { line_type: 'dashed', line_width: 'thick', palette: 'red' } },
  ])
  expect(bars).toMatchObject({ query: 'sum:a{*}', style: 'bars', right: true, alias: 'all' })
  expect(dashed).toMatchObject({ query: "top(avg:b{*}, 3, 'mean', 'asc')", style: 'line', width: 3, dash: [6, 4], unit: 'byte/second' })
  expect(dashed.palette![0]).toBe('#d92d20')
  expect(thresholdsOf([{ value: '0 < y < 20', display_type: 'ok dashed', label: 'fine' }]).map((t) => [t.value, t.severity])).toEqual([[0, 'ok'], [20, 'ok']])
})

test('a widget asks in MetricsQL', () => {
  const request = { queries: [{ name: 'a', data_source: 'prometheus', query: 'rate(hits[5m])' }, { name: 'b', data_source: 'prometheus', query: 'up' }], formulas: [{ formula: 'b', alias: 'alive' }, { formula: ' a ', limit: { count: 3, order: 'asc' } }], display_type: 'area' }
  const asked = askedBy([request])
  expect(asked).toMatchObject([{ query: 'up', lang: 'metricsql', alias: 'alive', style: 'area' }, { query: 'bottomk_avg(3, rate(hits[5m]))', lang: 'metricsql' }])
  expect(explored(asked)).toEqual({ q: 'union(up, bottomk_avg(3, rate(hits[5m])))', lang: 'metricsql', style: 'area' })
  expect(explored(askedBy([{ q: 'avg:a{*}' }, request, { q: 'avg:b{*}' }]))).toEqual({ q: 'avg:a{*}, avg:b{*}', lang: null, style: null })
  expect(foreign([request], true)).toBeUndefined()
  expect(foreign([request])).toBe('prometheus')
  const graph = newGraph('Up', 'up', 'bars', 'metricsql')
  expect(graph.definition.requests).toEqual([{ queries: [{ data_source: 'prometheus', name: 'a', query: 'up' }], formulas: [{ formula: 'a' }], response_format: 'timeseries', display_type: 'bars' }])
  expect(metricsQLOf(graph)).toBe('up')
  expect(metricsQLOf({ definition: { type: 'timeseries', requests: [{ q: 'avg:a{*}' }, ...graph.definition.requests!] } })).toBe('avg({__name__="a"})\nup')
})

test('figures of series', () => {
  const row = (metric: string, tags: string[], values: (number | null)[]) => ({ metric, tags, expr: '', unit: 'byte', values })
  const frames = (...rows: ReturnType<typeof row>[]) => [{ grid: { start: 0, end: 2, step: 1 }, rows, warnings: [], stats: { series: 0, samples: 0 } }]
  const two = frames(row('a', ['host:x', 'z:1'], [1, 5, null]), row('a', ['host:y'], [2, 4, 9]), row('a', ['host:gone'], [null]))
  expect(figuresIn(two)).toEqual([
    { name: 'host', type: 'group', values: [['x'], ['y']] }, { name: 'z', type: 'group', values: [['1'], []] },
    { name: 'value', type: 'number', values: [5, 9], meta: { unit: [{ name: 'byte' }] } },
  ])
  const figures = (aggregator: string) => figuresIn(two, aggregator).find((c) => c.type === 'number')!.values
  expect(['avg', 'sum', 'min', 'max'].map(figures)).toEqual([[3, 5], [6, 15], [1, 2], [5, 9]])
  expect(figuresIn(two, 'last', { count: 1, order: 'asc' }).find((c) => c.type === 'number')!.values).toEqual([5])
  expect(figuresIn(frames(row('a', ['host:x'], [1]), row('b', ['host:x'], [2])))[0]).toEqual({ name: '__name__', type: 'group', values: [['a'], ['b']] })
  expect(figuresIn([])).toEqual([{ name: 'value', type: 'number', values: [], meta: { unit: null } }])
})
