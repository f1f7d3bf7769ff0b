// Figures of widgets: a request in either form as a question for one value per
// group, and the answers as a table.
import { api, ApiError } from '../api'
import type { Frame, ScalarColumn, ScalarQuestion } from '../model'
import { useData, type Loaded } from '../data'
import type { Range } from '../time'
import type { CellFormula, Request, Variables } from './definition'
import { asksMetricsQL, filled, foreign, metricsQLFormulas, unitOf } from './document'
import type { ConditionalFormat } from './palette'

// Column is one figure of a table.
export interface Column {
  name: string
  mode: string // number, bar or trend
  formats: ConditionalFormat[]
  unit: string
}

export interface Table {
  keys: string[] // of the groups' tags
  columns: Column[]
  rows: TableRow[]
}

export interface TableRow {
  tags: string[] // "host:a"
  cells: (number | null)[] // one for each column
}

const aggregators = ['avg', 'mean', 'sum', 'min', 'max', 'last', 'l2norm', 'area']

// questionOf asks for a request's figures: a column for each formula.
export function questionOf(r: Request, variables: Variables): { question: ScalarQuestion; formulas: CellFormula[] } | null {
  if (typeof r.q === 'string' && r.q.trim()) {
    // What a query ranks by is also what its figures are.
    const ranked = /^\s*top\(.*,\s*'(\w+)'\s*,\s*'(?:asc|desc)'\s*\)\s*$/s.exec(r.q)?.[1]
    const by = r.aggregator ?? ranked ?? 'avg'
    const formula: CellFormula = {
      formula: 'query1', alias: r.alias, conditional_formats: r.conditional_formats, cell_display_mode: r.cell_display_mode?.[0],
      limit: r.limit ? { count: r.limit, order: r.order } : undefined,
    }
    return {
      question: { queries: [{ name: 'query1', query: filled(r.q, variables), aggregator: aggregators.includes(by) ? by : 'avg' }], formulas: [limited(formula)] },
      formulas: [formula],
    }
  }
  const queries = (r.queries ?? []).filter((q) => q.query)
  if (queries.length === 0) return null
  const formulas: CellFormula[] = r.formulas?.length ? r.formulas : queries.map((q) => ({ formula: q.name }))
  return {
    question: {
      queries: queries.map((q) => ({ name: q.name, query: filled(q.query!, variables), aggregator: aggregators.includes(String(q.aggregator)) ? String(q.aggregator) : 'avg' })),
      formulas: formulas.map(limited),
    },
    formulas: formulas.map((f) => ({ ...f, conditional_formats: f.conditional_formats ?? r.conditional_formats })),
  }
}

function limited({ formula, limit }: CellFormula): ScalarQuestion['formulas'][number] {
  return limit?.count ? { formula, limit: { count: limit.count, order: limit.order === 'asc' ? 'asc' : 'desc' } } : { formula }
}

interface Answer {
  answer: ScalarColumn[]
  formulas: CellFormula[]
  queries: { name: string; query: string }[]
}

// answersTo asks for a request's figures, in its language.
async function answersTo(r: Request, variables: Variables, range: Range, signal: AbortSignal): Promise<Answer[]> {
  if (asksMetricsQL(r)) {
    return Promise.all(metricsQLFormulas<CellFormula>(r).map(async ({ formula, query }) => {
      const frames = await api.query(query.query, 'metricsql', range.from, range.to, undefined, signal)
      return { answer: figuresIn(frames, query.aggregator, formula.limit), formulas: [{ ...formula, conditional_formats: formula.conditional_formats ?? r.conditional_formats }], queries: [query] }
    }))
  }
  const asked = questionOf(r, variables)
  return asked ? [{ answer: await api.scalars(asked.question, range.from, range.to, signal), formulas: asked.formulas, queries: asked.question.queries }] : []
}

const reducers: Record<string, (values: number[]) => number> = {
  avg: (v) => v.reduce((a, b) => a + b) / v.length,
  sum: (v) => v.reduce((a, b) => a + b),
  min: (v) => v.reduce((a, b) => Math.min(a, b)),
  max: (v) => v.reduce((a, b) => Math.max(a, b)),
}

// figuresIn makes one figure of each series: its last value, unless the
// aggregator says otherwise.
export function figuresIn(frames: Frame[], aggregator = 'last', limit?: CellFormula['limit']): ScalarColumn[] {
  const names = new Set(frames.flatMap((f) => f.rows.map((row) => row.metric)))
  const figures = frames.flatMap((f) => f.rows).flatMap(({ metric, tags, unit, values }) => {
    const present = values.filter((v) => v !== null)
    if (present.length === 0) return []
    return [{ tags: names.size > 1 && metric ? [`__name__:${metric}`, ...tags] : tags, unit, value: reducers[aggregator]?.(present) ?? present[present.length - 1] }]
  })
  const side = limit?.order === 'asc' ? 1 : -1
  const kept = limit?.count ? figures.sort((a, b) => (a.value - b.value) * side).slice(0, limit.count) : figures
  const keyOf = (tag: string) => tag.slice(0, tag.indexOf(':'))
  const keys = [...new Set(kept.flatMap((f) => f.tags.map(keyOf)))]
  return [
    ...keys.map((name): ScalarColumn => ({ name, type: 'group', values: kept.map((f) => f.tags.filter((t) => keyOf(t) === name).map((t) => t.slice(name.length + 1))) })),
    { name: 'value', type: 'number', values: kept.map((f) => f.value), meta: { unit: kept[0]?.unit ? [{ name: kept[0].unit }] : null } },
  ]
}

// tableOf puts the answers to requests side by side, and sorts and cuts them as
// the first request says.
export function tableOf(answers: Answer[], r: Request): Table {
  const keys: string[] = []
  const columns: Column[] = []
  const rows = new Map<string, TableRow>()
  for (const { answer, formulas, queries } of answers) {
    const groups = answer.filter((c) => c.type === 'group')
    const figures = answer.filter((c) => c.type === 'number')
    for (const g of groups) if (!keys.includes(g.name)) keys.push(g.name)
    const height = figures[0]?.values.length ?? 0
    for (let i = 0; i < height; i++) {
      const tags = groups.flatMap((g) => (g.values[i] as string[]).map((v) => `${g.name}:${v}`))
      const key = tags.join(',')
      if (!rows.has(key)) rows.set(key, { tags, cells: [] })
      figures.forEach((f, k) => (rows.get(key)!.cells[columns.length + k] = f.values[i] as number | null))
    }
    figures.forEach((f, k) => {
      const formula = formulas[k]
      columns.push({
        name: formula.alias || (queries.find((q) => q.name === formula.formula)?.query ?? formula.formula),
        mode: formula.cell_display_mode ?? 'number', formats: formula.conditional_formats ?? [],
        unit: (formula.number_format && unitOf(formula.number_format)) ?? (f.meta?.unit?.[0]?.name ?? ''),
      })
    })
  }
  const list = [...rows.values()].map(({ tags, cells }) => ({ tags, cells: columns.map((_, k) => cells[k] ?? null) }))
  const orders = r.sort?.order_by ?? []
  const limit = answers[0]?.formulas.findIndex((f) => f.limit?.order) ?? -1
  const by = orders.length ? orders : [{ type: 'formula', index: Math.max(0, limit), order: answers[0]?.formulas[Math.max(0, limit)]?.limit?.order ?? 'desc' }]
  list.sort((a, b) => {
    for (const { type, index = 0, name, order } of by) {
      const side = order === 'asc' ? 1 : -1
      const found = type === 'group' ? compare(valueOf(a.tags, name ?? keys[0]), valueOf(b.tags, name ?? keys[0])) * side : byFigure(a.cells[index], b.cells[index], side)
      if (found !== 0) return found
    }
    return compare(a.tags.join(), b.tags.join())
  })
  return { keys, columns, rows: r.sort?.count ? list.slice(0, r.sort.count) : list }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

// byFigure orders figures; those that are missing come last either way.
export function byFigure(a: number | null, b: number | null, side: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return (a - b) * side
}

// valueOf is what a group's tags say of a key.
export const valueOf = (tags: string[], key: string): string => tags.filter((t) => t.startsWith(key + ':')).map((t) => t.slice(key.length + 1)).join(', ')

// useTable loads the figures of requests.
export function useTable(requests: Request[] | undefined, variables: Variables, range: Range): Loaded<Table> {
  const list = requests ?? []
  return useData(JSON.stringify([list, variables, range.from, range.to]), async (signal) => {
    const other = foreign(list, true)
    if (other) throw new ApiError(`Whippet keeps metrics, and no ${other}: this widget has nothing to show`, 400)
    const answers = await Promise.all(list.map((r) => answersTo(r, variables, range, signal)))
    return tableOf(answers.flat(), list[0] ?? {})
  })
}
