// How much groups changed, against an earlier time.
import { api, ApiError } from '../api'
import { useData } from '../data'
import { Empty } from '../parts/basics'
import { useRange } from '../range'
import { showNumber } from '../units'
import type { Request } from './definition'
import { foreign } from './document'
import { showFigure } from './figure'
import { GroupName } from './group-name'
import { byFigure, questionOf, tableOf } from './scalars'
import { WidgetPanel, type WidgetProps } from './widget-panel'

const hour = 3600e3
export const earlier: Record<string, [words: string, ms: number]> = {
  hour_before: ['an hour before', hour], day_before: ['a day before', 24 * hour], week_before: ['a week before', 7 * 24 * hour], month_before: ['four weeks before', 28 * 24 * hour],
}

// presentOf leaves the formula of the present: with queries and formulas, the past
// is one of them.
function presentOf(r: Request): Request {
  const past = r.formulas?.map((f) => /\b(hour_before|day_before|week_before|month_before)\(/.exec(f.formula)?.[1])
  const compared = past?.find(Boolean)
  return compared ? { ...r, compare_to: r.compare_to ?? compared, formulas: r.formulas!.filter((_, i) => !past![i]) } : r
}

export interface ChangeRow {
  tags: string[]
  present: number
  past: number
  change: number
  share: number | null // of the past; null: it was zero
}

// changesOf joins two tables on their groups, in the order asked for.
export function changesOf(present: Map<string, { tags: string[]; v: number }>, past: Map<string, { tags: string[]; v: number }>, r: Request): ChangeRow[] {
  const rows = [...present].flatMap(([key, { tags, v }]): ChangeRow[] => {
    const before = past.get(key)?.v
    return before === undefined ? [] : [{ tags, present: v, past: before, change: v - before, share: before === 0 ? null : (v - before) / Math.abs(before) }]
  })
  const side = r.order_dir === 'asc' ? 1 : -1
  const relative = r.change_type === 'relative'
  const of = (row: ChangeRow) => (r.order_by === 'present' ? row.present : r.order_by === 'past' ? row.past : relative ? row.share : row.change)
  return r.order_by === 'name' ? rows.sort((a, b) => (a.tags.join() < b.tags.join() ? -side : side)) : rows.sort((a, b) => byFigure(of(a), of(b), side))
}

export function Change(props: WidgetProps) {
  const { definition: d, variables } = props
  const range = useRange()
  const r = presentOf(d.requests?.[0] ?? {})
  const [words, back] = earlier[r.compare_to ?? ''] ?? earlier.hour_before
  const loaded = useData(JSON.stringify([r, variables, range.from, range.to]), async (signal) => {
    const other = foreign([r])
    if (other) throw new ApiError(`Whippet keeps metrics, and no ${other}: this widget has nothing to show`, 400)
    const asked = questionOf(r, variables)
    if (!asked) return undefined
    const answers = await Promise.all([0, back].map((ms) => api.scalars(asked.question, range.from - ms, range.to - ms, signal)))
    const tables = answers.map((answer) => tableOf([{ answer, formulas: asked.formulas, queries: asked.question.queries }], {}))
    const [present, past] = tables.map((t) => new Map(t.rows.flatMap(({ tags, cells }) => (cells[0] === null ? [] : [[tags.join(), { tags, v: cells[0] }] as const]))))
    return { rows: changesOf(present, past, r), column: tables[0].columns[0] }
  })
  const { rows = [], column } = loaded.data ?? {}
  const unit = column?.unit ?? ''
  const largest = Math.max(...rows.map((row) => Math.abs(r.change_type === 'relative' ? (row.share ?? 0) : row.change)), 0)
  return (
    <WidgetPanel {...props} loaded={loaded} flush title={column && `Change of ${column.name}`}>
      {loaded.data && rows.length === 0 && <Empty title="Nothing to compare in this time range">Only what was there {words} too is shown.</Empty>}
      {rows.length > 0 && (
        <div class="scroll">
          <table class="query-table">
            <thead><tr><th>Group</th>{r.show_present && <th class="figure">Now</th>}<th class="figure">Against {words}</th><th class="visually-hidden">Change as a bar</th></tr></thead>
            <tbody>
              {rows.slice(0, 100).map((row) => {
                const grew = row.change > 0
                const good = row.change === 0 ? '' : grew === (r.increase_good ?? false) ? 'ok' : 'alert'
                const part = largest ? Math.abs(r.change_type === 'relative' ? (row.share ?? 0) : row.change) / largest : 0
                return (
                  <tr key={row.tags.join()}>
                    <td><GroupName tags={row.tags} /></td>
                    {r.show_present && <td class="figure">{showFigure(row.present, unit)}</td>}
                    <td class={`figure nowrap change-${good}`} title={`${showFigure(row.past, unit)} ${words}, ${showFigure(row.present, unit)} now`}>
                      {row.change === 0 ? '' : grew ? '↑ ' : '↓ '}
                      {r.change_type === 'relative' ? (row.share === null ? 'from 0' : `${showNumber(Math.abs(row.share * 100))} %`) : showFigure(Math.abs(row.change), unit)}
                    </td>
                    <td class="change-track"><span class={`change-bar ${good} ${grew ? '' : 'down'}`} style={{ width: `${part * 50}%` }} /></td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
    </WidgetPanel>
  )
}
