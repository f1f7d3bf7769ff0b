// Dashboards as documents: what a widget asks, and what new ones are.
import type { Dashboard, Lang, Widget, WidgetRequest } from '../model'
import type { Look, Request, Style } from '../chart/lines'
import type { Threshold } from '../chart/scale'
import { lineColors } from './palette'

// metricsQLTypes are the types of widgets that may ask in MetricsQL.
export const metricsQLTypes = ['timeseries', 'query_value', 'toplist']

// metricsQLSource is what a query in MetricsQL has as its data_source.
export const metricsQLSource = 'prometheus'

export const asksMetricsQL = (r: WidgetRequest) => typeof r.q !== 'string' && r.queries?.some((q) => q.data_source === metricsQLSource) === true

// metricsQLFormulas are the formulas of a request in MetricsQL, each with the
// query that it names.
export function metricsQLFormulas<F extends Formula>(r: WidgetRequest & { formulas?: F[] }): { formula: F; query: NonNullable<WidgetRequest['queries']>[number] & { query: string } }[] {
  const queries = (r.queries ?? []).filter((q) => q.query?.trim() && q.data_source === metricsQLSource)
  const formulas = r.formulas?.length ? r.formulas : queries.map((q) => ({ formula: q.name }) as F)
  return formulas.flatMap((formula) => {
    const query = queries.find((q) => q.name === formula.formula.trim())
    return query ? [{ formula, query: { ...query, query: query.query! } }] : []
  })
}

const strokes: Record<string, number> = { thin: 1, thick: 3 }
const dashes: Record<string, number[]> = { dashed: [6, 4], dotted: [2, 3] }

// askedBy is the queries of a timeseries widget, in either form.
export function askedBy(requests: WidgetRequest[] | undefined, variables: Record<string, string> = {}): Request[] {
  return (requests ?? []).flatMap((r): Request[] => {
    const { palette, line_type: type, line_width: width } = (r.style ?? {}) as Record<string, string>
    const look: Look = {
      style: r.display_type === 'bars' || r.display_type === 'area' ? r.display_type : 'line',
      palette: lineColors(palette), width: strokes[width], dash: dashes[type], right: r.on_right_yaxis === true || undefined,
    }
    if (typeof r.q === 'string') {
      const alias = (r.metadata as { expression?: string; alias_name?: string }[] | undefined)?.find((m) => m.alias_name)?.alias_name
      return r.q.trim() ? [{ query: filled(r.q, variables), alias, ...look }] : []
    }
    if (asksMetricsQL(r)) {
      return metricsQLFormulas(r as WidgetRequest & { formulas?: Formula[] }).map(({ formula: { alias, limit, style, number_format: format }, query: { query } }, i) => ({
        query: limit?.count ? `${limit.order === 'asc' ? 'bottomk' : 'topk'}_avg(${limit.count}, ${query})` : query, lang: 'metricsql',
        alias, ...look, palette: turned(lineColors(style?.palette) ?? look.palette, i), unit: format && unitOf(format),
      }))
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

// foreign names the data that a widget asks for and that is not kept here, or that
// the widget can't ask for in MetricsQL.
export function foreign(requests: WidgetRequest[] | undefined, metricsQL = false): string | undefined {
  for (const r of requests ?? []) {
    for (const kind of ['log_query', 'rum_query', 'apm_query', 'network_query', 'security_query', 'audit_query', 'profile_metrics_query', 'process_query']) if (r[kind]) return kind.replace('_query', '').replace(/_/g, ' ')
    const other = r.queries?.find((q) => !isMetrics(q.data_source) && !(metricsQL && q.data_source === metricsQLSource))
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

export const newGraph = (title: string, query: string, style: Style = 'line', lang: Lang = 'datadog'): Widget => ({
  definition: {
    type: 'timeseries', title,
    requests: [lang === 'metricsql'
      ? { queries: [{ data_source: metricsQLSource, name: 'a', query }], formulas: [{ formula: 'a' }], response_format: 'timeseries', display_type: style }
      : { q: query, display_type: style }],
  },
})

// explored is what the explorer shows of questions: those in the language of the
// first.
export function explored(asked: Request[]): { q: string; lang: Lang | null; style: Style | null } {
  const { lang, style } = asked[0] ?? {}
  const texts = asked.filter((a) => a.lang === lang).map((a) => a.query)
  return { q: lang && texts.length > 1 ? `union(${texts.join(', ')})` : texts.join(', '), lang: lang ?? null, style: !style || style === 'line' ? null : style }
}
