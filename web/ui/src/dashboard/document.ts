// Dashboards as documents: what a widget asks, and edits that keep every field
// they don't know.
import type { Dashboard, Widget, WidgetRequest } from '../api'
import type { Look, Style } from '../chart/lines'
import type { Threshold } from '../chart/scale'
import { lineColors } from './palette'

export interface Asked extends Look {
  query: string
  alias?: string
}

const strokes: Record<string, number> = { thin: 1, thick: 3 }
const dashes: Record<string, number[]> = { dashed: [6, 4], dotted: [2, 3] }

// askedBy is the queries of a timeseries widget, in either form.
export function askedBy(requests: WidgetRequest[] | undefined, variables: Record<string, string> = {}): Asked[] {
  return (requests ?? []).flatMap((r): Asked[] => {
    const { palette, line_type: type, line_width: width } = (r.style ?? {}) as Record<string, string>
    const look: Look = {
      style: r.display_type === 'bars' || r.display_type === 'area' ? r.display_type : 'line',
      palette: lineColors(palette), width: strokes[width], dash: dashes[type], right: r.on_right_yaxis === true || undefined,
    }
    if (typeof r.q === 'string') {
      const alias = (r.metadata as { expression?: string; alias_name?: string }[] | undefined)?.find((m) => m.alias_name)?.alias_name
      return r.q.trim() ? [{ query: filled(r.q, variables), alias, ...look }] : []
    }
    const queries = (r.queries ?? []).filter((q) => q.query && isMetrics(q.data_source))
    const formulas: Formula[] = r.formulas?.length ? r.formulas : queries.map((q) => ({ formula: q.name }))
    return formulas.map(({ formula, alias, limit, style, number_format: format }, i) => {
      const text = filled(formulaText(formula, queries), variables)
      return {
        query: limit?.count ? `top(${text}, ${limit.count}, 'mean', '${limit.order === 'asc' ? 'asc' : 'desc'}')` : text,
        alias, ...look, palette: turned(lineColors(style?.palette) ?? look.palette, i), unit: format && unitOf(format),
      }
    })
  })
}

// turned begins a palette at its i-th colour.
const turned = (palette: string[] | undefined, i: number) => palette && [...palette.slice(i % palette.length), ...palette.slice(0, i % palette.length)]

export interface Formula {
  formula: string
  alias?: string
  limit?: { count?: number; order?: string }
  style?: { palette?: string }
  number_format?: NumberFormat
  [other: string]: unknown
}

export interface NumberFormat {
  unit?: { type?: string; unit_name?: string; per_unit_name?: string; label?: string }
}

// unitOf is the unit that a formula asks for; undefined: its metric's.
export function unitOf({ unit }: NumberFormat): string | undefined {
  if (unit?.label) return unit.label
  return unit?.unit_name && unit.unit_name + (unit.per_unit_name ? `/${unit.per_unit_name}` : '')
}

// isMetrics tells the data that is kept here from that of Datadog's other products.
export const isMetrics = (source: string | undefined) => !source || source === 'metrics' || source === 'cloud_cost'

// foreign names the data that a widget asks for and that is not kept here.
export function foreign(requests: WidgetRequest[] | undefined): string | undefined {
  for (const r of requests ?? []) {
    for (const kind of ['log_query', 'rum_query', 'apm_query', 'network_query', 'security_query', 'audit_query', 'profile_metrics_query', 'process_query']) if (r[kind]) return kind.replace('_query', '').replace(/_/g, ' ')
    const other = r.queries?.find((q) => !isMetrics(q.data_source))
    if (other) return other.data_source!.replace(/_/g, ' ')
  }
}

// formulaText puts the queries into a formula in the place of their names.
function formulaText(formula: string, queries: { name: string; query?: string }[]): string {
  const alone = queries.find((q) => q.name === formula.trim())
  if (alone) return alone.query!
  const byName = new Map(queries.map((q) => [q.name, q.query!]))
  const arithmetic = /[+\-*/]/.test(formula.replace(/'[^']*'/g, ''))
  return formula.replace(/'[^']*'|[A-Za-z_]\w*/g, (name) => {
    const query = byName.get(name)
    return query === undefined ? name : arithmetic ? `(${query})` : query
  })
}

// filled puts template variables into a query: "$env" is a whole tag, and
// "$env.value" its value.
export function filled(query: string, variables: Record<string, string>): string {
  return query.replace(/\$([A-Za-z_]\w*)(\.value)?/g, (text, name: string, value?: string) => {
    const tag = variables[name]
    if (tag === undefined) return text
    return value ? tag.slice(tag.indexOf(':') + 1) : tag
  })
}

// variablesOf is the tag that each template variable stands for: what the URL
// says, or its default.
export function variablesOf(d: Dashboard, params: URLSearchParams): Record<string, string> {
  const out: Record<string, string> = {}
  for (const v of d.template_variables ?? []) {
    const value = params.get(`tpl_var_${v.name}`) ?? v.defaults?.[0] ?? v.default ?? '*'
    out[v.name] = value === '*' || !v.prefix ? value : `${v.prefix}:${value}`
  }
  return out
}

// thresholdsOf reads markers: "y > 500", "y = 15", "0 < y < 20".
export function thresholdsOf(markers: Widget['definition']['markers']): Threshold[] {
  return (markers ?? []).flatMap(({ value, display_type = '', label }): Threshold[] => {
    const severity = display_type.includes('error') ? 'alert' : display_type.includes('warning') ? 'warn' : display_type.includes('ok') ? 'ok' : 'info'
    const side = (operator: string) => (operator.startsWith('>') ? 'above' : operator.startsWith('<') ? 'below' : undefined)
    const single = /^\s*y\s*(=|[<>]=?)\s*(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(value)
    if (single) return [{ value: Number(single[2]), label, severity, side: side(single[1]) }]
    const between = /^\s*(-?[\d.]+)\s*<=?\s*y\s*<=?\s*(-?[\d.]+)\s*$/.exec(value)
    if (between) return [{ value: Number(between[1]), severity }, { value: Number(between[2]), label, severity }]
    return []
  })
}

export const newDashboard = (title: string): Partial<Dashboard> => ({ title, layout_type: 'ordered', widgets: [] })

export const newGraph = (title: string, query: string, style: Style = 'line'): Widget => ({
  definition: { type: 'timeseries', title, requests: [{ q: query, display_type: style }] },
})

export function addGraph(d: Partial<Dashboard>, title: string, query: string, style: Style): Partial<Dashboard> {
  return laidOut({ ...d, widgets: [...(d.widgets ?? []), newGraph(title, query, style)] })
}

// Columns of a dashboard's grid, and of the widths that the editor offers.
export const columns = 12
export const widths: [columns: number, name: string][] = [[4, 'Third'], [6, 'Half'], [8, 'Two thirds'], [12, 'Full']]
const usual = 6
const rows = 3

// widthOf is how many of the twelve columns a widget takes.
export function widthOf(d: Partial<Dashboard>, w: Widget): number {
  if (w.definition.type === 'group') return columns
  if (!w.layout) return usual
  if (d.layout_type === 'free') return Math.max(3, Math.min(columns, Math.round((w.layout.width / 100) * columns)))
  return Math.max(1, Math.min(columns, w.layout.width))
}

// inOrder is the widgets as they are read: by row, then by column.
export function inOrder(widgets: Widget[]): Widget[] {
  if (!widgets.every((w) => w.layout)) return widgets
  return [...widgets].sort((a, b) => a.layout!.y - b.layout!.y || a.layout!.x - b.layout!.x)
}

// laidOut gives every widget of a fixed layout its place, in order. A layout
// that flows by itself has none.
export function laidOut(d: Partial<Dashboard>): Partial<Dashboard> {
  const widgets = d.widgets ?? []
  if (d.layout_type !== 'free' && !widgets.some((w) => w.layout)) return d
  let x = 0
  let y = 0
  let tallest = 0
  const placed = widgets.map((w) => {
    const width = d.layout_type === 'free' ? (w.layout?.width ?? 47) : widthOf(d, w)
    const height = w.layout?.height ?? (d.layout_type === 'free' ? 15 : rows)
    const full = d.layout_type === 'free' ? 100 : columns
    if (x + width > full) {
      x = 0
      y += tallest
      tallest = 0
    }
    const layout = { ...w.layout, x, y, width, height }
    x += width
    tallest = Math.max(tallest, height)
    return { ...w, layout }
  })
  return { ...d, widgets: placed, ...(d.layout_type === 'ordered' ? { reflow_type: 'fixed' } : {}) }
}

// withWidth makes a widget that many columns wide.
export function withWidth(d: Partial<Dashboard>, index: number, width: number): Partial<Dashboard> {
  const scale = d.layout_type === 'free' ? 100 / columns : 1
  const height = d.layout_type === 'free' ? 15 : rows
  const widgets = (d.widgets ?? []).map((w, i) => ({
    ...w,
    layout: { x: 0, y: 0, height, ...w.layout, width: i === index ? Math.floor(width * scale) : (w.layout?.width ?? usual * scale) },
  }))
  return laidOut({ ...d, widgets })
}

export function moved(d: Partial<Dashboard>, index: number, by: number): Partial<Dashboard> {
  const widgets = [...(d.widgets ?? [])]
  const to = index + by
  if (to < 0 || to >= widgets.length) return d
  ;[widgets[index], widgets[to]] = [widgets[to], widgets[index]]
  return laidOut({ ...d, widgets })
}
