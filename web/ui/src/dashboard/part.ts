// A request as the editor shows it: named queries and formulas over them,
// whichever of the two forms it came in.
import type { Lang } from '../model'
import type { CellFormula, Request } from './definition'
import { metricsQLSource } from './document'
import { metricsQL } from './forms'

export interface Part {
  queries: { name: string; query: string; aggregator?: string; [other: string]: unknown }[]
  formulas: CellFormula[]
  rest: Omit<Request, 'q' | 'queries' | 'formulas'> // all else that the request says
}

// What an older request says beside its query that a formula says today.
const ofFormula = ['aggregator', 'alias', 'limit', 'order', 'conditional_formats', 'cell_display_mode', 'metadata'] as const

export function partOf(r: Request): Part {
  const { q, queries, formulas, ...rest } = r
  if (typeof q !== 'string' && queries?.length) {
    const named = queries.map((one) => ({ ...one, query: one.query ?? '' }))
    return { queries: named, formulas: formulas?.length ? formulas : named.map((one) => ({ formula: one.name })), rest }
  }
  const metadata = (rest.metadata as { alias_name?: string }[] | undefined)?.[0]
  const formula: CellFormula = { formula: 'a' }
  if (rest.alias ?? metadata?.alias_name) formula.alias = rest.alias ?? metadata!.alias_name
  if (rest.limit) formula.limit = { count: rest.limit, order: rest.order ?? 'desc' }
  if (rest.conditional_formats?.length) formula.conditional_formats = rest.conditional_formats
  if (rest.cell_display_mode?.[0]) formula.cell_display_mode = rest.cell_display_mode[0]
  const left = { ...rest }
  for (const field of ofFormula) delete left[field]
  return { queries: [{ name: 'a', query: q ?? '', ...(rest.aggregator ? { aggregator: rest.aggregator } : {}) }], formulas: [formula], rest: left }
}

// requestOf is a part as a request with queries and formulas. A part that nobody
// changed goes back as it came: see WidgetEditor.
export function requestOf({ queries, formulas, rest }: Part, format: 'timeseries' | 'scalar'): Request {
  const kept = queries.filter((q) => q.query.trim())
  // A formula waits for its queries to be written.
  const empty = queries.filter((q) => !q.query.trim()).map((q) => q.name)
  const whole = formulas.filter((f) => f.formula.trim() && !(f.formula.match(/[A-Za-z_]\w*/g) ?? []).some((name) => empty.includes(name)))
  return {
    ...rest,
    queries: kept.map(({ aggregator, ...q }) => ({ data_source: 'metrics', ...q, ...(format === 'scalar' ? { aggregator: aggregator ?? usualAggregator(q.data_source) } : aggregator ? { aggregator } : {}) })),
    formulas: whole.length ? whole : kept.map((q) => ({ formula: q.name })),
    response_format: format,
  }
}

// usualAggregator makes one figure of a series where nobody said how.
export const usualAggregator = (source: unknown) => (source === metricsQLSource ? 'last' : 'avg')

export const languageOf = (p: Part): Lang => (p.queries.some((q) => q.data_source === metricsQLSource) ? 'metricsql' : 'datadog')

// inLanguage is a part that asks in a language, with the queries translated as far
// as they can be. Formulas over MetricsQL are the queries themselves, so where
// there is only one figure, there is only one query.
export function inLanguage(p: Part, lang: Lang, single = false): Part {
  if (lang === languageOf(p)) return p
  if (lang === 'datadog') return { ...p, queries: p.queries.map((q) => ({ ...q, data_source: 'metrics' })) }
  const queries = p.queries.slice(0, single ? 1 : undefined).map((q) => ({ ...q, data_source: metricsQLSource, query: metricsQL(q.query) ?? q.query }))
  return { ...p, queries, formulas: queries.map(({ name }, i) => p.formulas.find((f) => f.formula.trim() === name) ?? { ...p.formulas[i], formula: name }) }
}

// nextName is a name that no query has yet: a to z, then a1.
export function nextName(names: string[]): string {
  for (let i = 0; ; i++) {
    const name = String.fromCharCode(97 + (i % 26)) + (i < 26 ? '' : Math.floor(i / 26))
    if (!names.includes(name)) return name
  }
}

// withQuery adds a query, and a formula that is that query; where there is only
// one figure, the query becomes a part of its formula.
export function withQuery(p: Part, single = false): Part {
  const name = nextName(p.queries.map((q) => q.name))
  const source = languageOf(p) === 'metricsql' ? { data_source: metricsQLSource } : {}
  if (single) return { ...p, queries: [...p.queries, { name, query: '' }], formulas: p.formulas.map((f, i) => (i === 0 ? { ...f, formula: `${f.formula} / ${name}` } : f)) }
  return { ...p, queries: [...p.queries, { name, query: '', ...source }], formulas: [...p.formulas, { formula: name }] }
}

// withoutQuery takes a query out, and the formulas that are nothing but it.
export function withoutQuery(p: Part, index: number): Part {
  const { name } = p.queries[index]
  const formulas = p.formulas.filter((f) => f.formula.trim() !== name)
  return { ...p, queries: p.queries.filter((_, i) => i !== index), formulas: formulas.length ? formulas : p.queries.filter((_, i) => i !== index).map((q) => ({ formula: q.name })) }
}
