import { expect, test } from 'vitest'
import type { Frame } from '../model'
import { csvOf, hcl, imported, metricsQL, terraform } from './forms'

test.each([
  ['avg:system.load.1{*}', 'avg({__name__="system.load.1"})'],
  ['sum:m{host:a,!env:test} by {host, role}', 'sum({__name__="m",host="a",env!="test"}) by (host, role)'],
  ['avg:m{host:web-*,nice_tag}', 'avg({__name__="m",host=~"web-.*",nice_tag="true"})'],
  ['avg:m{a OR b}', null],
  ['avg:m{*}.rollup(sum, 60)', null],
  ['p95:m{*}', null],
])('%s in MetricsQL', (query, want) => {
  expect(metricsQL(query)).toBe(want)
})

test('Terraform gets the document, with its own templates kept apart', () => {
  expect(hcl({ a: 'cost ${x} %{y} "q"', 'b-c': [1, null, true], d: {}, e: [] })).toBe('{\n  a = "cost $${x} %%{y} \\"q\\""\n  "b-c" = [\n    1,\n    null,\n    true,\n  ]\n  d = {}\n  e = []\n}')
  const text = terraform({ id: 'abc', title: '1 Load & co', layout_type: 'ordered', widgets: [] })
  expect(text).toMatch(/^resource "datadog_dashboard_json" "dashboard_1_load_co" \{\n {2}dashboard = jsonencode\(\{\n/)
  expect(text).not.toContain('abc')
})

test('a graph as a table for spreadsheets', () => {
  const frame = (tags: string[], values: (number | null)[], start: number): Frame => ({
    grid: { start, end: start + 20000, step: 20000 }, rows: [{ metric: 'm', tags, expr: '', unit: '', values }], warnings: [], stats: { series: 1, samples: 2 },
  })
  expect(csvOf([frame(['host:a'], [1.5, null], 0), frame(['host:a', 'b'], [3, 4], 20000)])).toBe(
    'time,m host:a,"m host:a,b"\r\n1970-01-01T00:00:00.000Z,1.5,\r\n1970-01-01T00:00:20.000Z,,3\r\n1970-01-01T00:00:40.000Z,,4\r\n',
  )
})

test.each([
  ['{', /not JSON/],
  ['[]', /object/],
  ['{"layout_type": "ordered", "widgets": []}', /^title: /],
  ['{"title": "a", "layout_type": "grid", "widgets": []}', /^layout_type: "grid"/],
  ['{"title": "a", "layout_type": "free"}', /^widgets: /],
  ['{"title": "a", "layout_type": "free", "widgets": [{}]}', /^widgets\[0\]\.definition: /],
  ['{"title": "a", "layout_type": "free", "widgets": [{"definition": {"type": "group", "widgets": [{"definition": {}}]}}]}', /^widgets\[0\]\.definition\.widgets\[0\]\.definition\.type: /],
  ['{"title": "a", "layout_type": "free", "widgets": [{"definition": {"type": "note"}, "layout": {"x": 0, "y": -1}}]}', /^widgets\[0\]\.layout\.y: .*-1/],
  ['{"title": "a", "layout_type": "free", "widgets": [], "template_variables": [{}]}', /^template_variables\[0\]\.name: /],
])('what is wrong with %s is named', (text, want) => {
  expect(() => imported(text)).toThrow(want)
})

test('an export of Datadog is taken as it is, without its ids', () => {
  const doc = { id: 'x', title: 'T', author_handle: 'a', layout_type: 'ordered', reflow_type: 'fixed', widgets: [{ id: 5, definition: { type: 'sunburst', novel: 1 }, layout: { x: 0, y: 0, width: 4, height: 2, is_column_break: true } }], tags: ['team:a'] }
  expect(imported(JSON.stringify(doc))).toEqual({ title: 'T', layout_type: 'ordered', reflow_type: 'fixed', tags: ['team:a'], widgets: [{ definition: { type: 'sunburst', novel: 1 }, layout: { x: 0, y: 0, width: 4, height: 2, is_column_break: true } }] })
})

test('a timeboard of the older API becomes a dashboard', () => {
  expect(imported('{"dash": {"title": "Old", "graphs": [{"title": "G", "definition": {"viz": "timeseries", "requests": [{"q": "avg:m{*}"}]}}]}}')).toEqual({
    title: 'Old', description: null, layout_type: 'ordered', template_variables: null, widgets: [{ definition: { type: 'timeseries', title: 'G', requests: [{ q: 'avg:m{*}' }] } }],
  })
})
