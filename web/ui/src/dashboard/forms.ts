// Dashboards and widgets in other forms: Terraform, MetricsQL, CSV; and documents
// of Datadog's, read.
import type { Frame, Widget } from '../model'
import type { Request } from '../chart/lines'
import { askedBy } from './document'
import { exported, unnumbered, type Board } from './edits'

export const shownJSON = (node: unknown): string => JSON.stringify(node, null, 2)

// terraform is a dashboard as a resource of Datadog's provider.
export function terraform(d: Board): string {
  return `resource "datadog_dashboard_json" "${identifier(d.title ?? 'dashboard')}" {\n  dashboard = jsonencode(${hcl(exported(d), 1)})\n}\n`
}

// boardOf is a dashboard that holds one widget alone, as Terraform has none
// without.
export const boardOf = (widget: Widget): Board => ({ title: widget.definition.title || widget.definition.type, layout_type: 'ordered', widgets: [{ ...unnumbered(widget), layout: undefined }] })

const identifier = (title: string) => title.toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '').replace(/^(?=\d|$)/, 'dashboard_')

// hcl writes a JSON value in Terraform's language.
export function hcl(node: unknown, depth = 0): string {
  const pad = '  '.repeat(depth + 1)
  const end = '  '.repeat(depth)
  if (Array.isArray(node)) return node.length ? `[\n${node.map((n) => `${pad}${hcl(n, depth + 1)},\n`).join('')}${end}]` : '[]'
  if (node && typeof node === 'object') {
    const fields = Object.entries(node).filter(([, v]) => v !== undefined)
    return fields.length ? `{\n${fields.map(([k, v]) => `${pad}${/^[A-Za-z_]\w*$/.test(k) ? k : quoted(k)} = ${hcl(v, depth + 1)}\n`).join('')}${end}}` : '{}'
  }
  return typeof node === 'string' ? quoted(node) : String(node)
}

// quoted is a text of Terraform's, in which "${" and "%{" begin templates.
const quoted = (text: string) => JSON.stringify(text).replace(/\$\{/g, '$$${').replace(/%\{/g, '%%{').replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`)

// metricsQL says a query of the Datadog language in MetricsQL; null where the
// two don't agree.
export function metricsQL(query: string): string | null {
  const term = /^\s*(avg|sum|min|max|count)\s*:\s*([\w.]+)\s*\{([^{}]*)\}\s*(?:by\s*\{([^{}]*)\})?\s*$/.exec(query)
  if (!term) return null
  const [, aggregator, metric, filter, by] = term
  const matchers = [`__name__="${metric}"`]
  for (const part of filter.split(',').map((p) => p.trim()).filter((p) => p && p !== '*')) {
    const tag = /^(!?)([A-Za-z_][\w.-]*)(?::([^\s()]+))?$/.exec(part)
    if (!tag) return null
    const [, not, key, value = 'true'] = tag
    const label = /^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key)
    matchers.push(value.includes('*')
      ? `${label}${not ? '!~' : '=~'}${JSON.stringify(value.split('*').map((t) => t.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*'))}`
      : `${label}${not ? '!=' : '='}${JSON.stringify(value)}`)
  }
  const keys = (by ?? '').split(',').map((k) => k.trim()).filter(Boolean)
  if (!keys.every((k) => /^[A-Za-z_]\w*$/.test(k))) return null
  return `${aggregator}({${matchers.join(',')}})${keys.length ? ` by (${keys.join(', ')})` : ''}`
}

// metricsQLOf is what a widget asks, in MetricsQL; null if any of it can't be said.
export function metricsQLOf(widget: Widget): string | null {
  const said = questionsOf(widget).map((a) => (a.lang === 'metricsql' ? a.query : metricsQL(a.query)))
  return said.length && said.every((q) => q !== null) ? said.join('\n') : null
}

// questionsOf are the queries of metrics in a widget.
export function questionsOf(widget: Widget): Request[] {
  const { requests } = widget.definition
  return Array.isArray(requests) ? askedBy(requests) : []
}

// csvOf is the data of a graph: a row for every time, a column for every series.
export function csvOf(frames: Frame[]): string {
  const columns = frames.flatMap((f) => f.rows.map((row) => ({ head: [row.expr || row.metric, row.tags.join(',')].filter(Boolean).join(' '), f, row })))
  const times = [...new Set(frames.flatMap((f) => range(f.grid.start, f.grid.end, f.grid.step)))].sort((a, b) => a - b)
  const lines = [['time', ...columns.map((c) => c.head)].map(cell).join(',')]
  for (const t of times) {
    const values = columns.map(({ f: { grid }, row }) => {
      const i = (t - grid.start) / grid.step
      return Number.isInteger(i) ? (row.values[i] ?? '') : ''
    })
    lines.push([new Date(t).toISOString(), ...values].join(','))
  }
  return lines.join('\r\n') + '\r\n'
}

function range(from: number, to: number, step: number): number[] {
  const out: number[] = []
  if (step > 0) for (let t = from; t <= to; t += step) out.push(t)
  return out
}

// cell quotes a text for a spreadsheet, which must not take it for a formula.
const cell = (text: string) => (/[",\r\n]/.test(text) || /^[=+\-@]/.test(text) ? `"${(/^[=+\-@]/.test(text) ? "'" : '') + text.replace(/"/g, '""')}"` : text)

// ImportError names the field that is wrong.
export class ImportError extends Error {}

const limit = 8 << 20 // bytes

// imported reads a dashboard as Datadog exports it, or as its older API has it.
export function imported(text: string): Board {
  if (text.length > limit) throw new ImportError('The document is larger than 8 MiB.')
  let doc: Record<string, unknown>
  try {
    doc = JSON.parse(text)
  } catch (cause) {
    throw new ImportError(`This is not JSON: ${(cause as Error).message}`)
  }
  if (!doc || typeof doc !== 'object' || Array.isArray(doc)) throw new ImportError('A dashboard is an object: {"title": …, "layout_type": …, "widgets": […]}.')
  if (doc.dash && typeof doc.dash === 'object') doc = doc.dash as Record<string, unknown>
  if (Array.isArray(doc.graphs)) doc = timeboard(doc)
  if (typeof doc.title !== 'string' || !doc.title.trim()) throw new ImportError('title: a dashboard needs one, a text')
  if (doc.layout_type !== 'ordered' && doc.layout_type !== 'free') throw new ImportError(`layout_type: ${JSON.stringify(doc.layout_type) ?? 'nothing'} is not one of "ordered", "free"`)
  if (!Array.isArray(doc.widgets)) throw new ImportError('widgets: a dashboard needs a list of them, which may be empty')
  checkWidgets(doc.widgets, 'widgets')
  if (doc.template_variables != null) {
    if (!Array.isArray(doc.template_variables)) throw new ImportError('template_variables: want a list')
    doc.template_variables.forEach((v, i) => {
      if (typeof v?.name !== 'string' || !v.name) throw new ImportError(`template_variables[${i}].name: a variable needs one`)
    })
  }
  return exported(doc as Board)
}

function checkWidgets(list: unknown[], at: string): void {
  list.forEach((w, i) => {
    const widget = w as { definition?: Record<string, unknown>; layout?: Record<string, unknown> | null }
    const field = `${at}[${i}]`
    if (!widget || typeof widget !== 'object' || !widget.definition || typeof widget.definition !== 'object') throw new ImportError(`${field}.definition: every widget needs one`)
    const { type, requests, widgets } = widget.definition
    if (typeof type !== 'string' || !type) throw new ImportError(`${field}.definition.type: every widget needs one, such as "timeseries"`)
    if (type === 'timeseries' && !Array.isArray(requests)) throw new ImportError(`${field}.definition.requests: a timeseries needs a list of requests`)
    if (widget.layout) for (const side of ['x', 'y', 'width', 'height']) {
      const n = widget.layout[side]
      if (typeof n !== 'number' || n < 0) throw new ImportError(`${field}.layout.${side}: want a number of 0 or more, not ${JSON.stringify(n) ?? 'nothing'}`)
    }
    if (type === 'group') {
      if (!Array.isArray(widgets)) throw new ImportError(`${field}.definition.widgets: a group needs a list of widgets`)
      if (at !== 'widgets') throw new ImportError(`${field}: a group can't hold a group`)
      checkWidgets(widgets, `${field}.definition.widgets`)
    }
  })
}

// timeboard is a dashboard of the API before this one: a list of graphs.
function timeboard(doc: Record<string, unknown>): Record<string, unknown> {
  const { graphs, template_variables } = doc as { graphs: { title?: string; definition?: { viz?: string } }[]; template_variables?: unknown }
  return {
    title: doc.title, description: doc.description ?? null, layout_type: 'ordered', template_variables: template_variables ?? null,
    widgets: graphs.map(({ title, definition: { viz, ...rest } = {} }) => ({ definition: { ...rest, type: viz ?? 'timeseries', title } })),
  }
}

// download gives the reader a file.
export function download(name: string, text: string, type: string): void {
  const anchor = document.createElement('a')
  anchor.href = URL.createObjectURL(new Blob([text], { type }))
  anchor.download = name
  anchor.click()
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10e3)
}

export const fileName = (title: string, end: string) => `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'dashboard'}.${end}`
