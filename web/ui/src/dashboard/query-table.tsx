// Groups as rows, figures as columns.
import { useState } from 'preact/hooks'
import { useGraph } from '../parts/graph'
import { useRange } from '../range'
import { Empty } from '../parts/basics'
import { link } from '../route'
import { plural } from '../units'
import type { Variables } from './definition'
import { askedBy } from './document'
import { showFigure } from './figure'
import { paintFor } from './palette'
import { byFigure, useTable, valueOf, type Column, type Table, type TableRow } from './scalars'
import { Sparkline } from './sparkline'
import { linksOf } from './custom-links'
import { WidgetPanel, type WidgetProps } from './widget-panel'

const most = 200
const searchFrom = 12 // rows from which a table is worth searching

interface Order { column: number | string; side: number } // a figure's place, or a key

export function QueryTable(props: WidgetProps) {
  const { definition: d, variables } = props
  const range = useRange()
  const loaded = useTable(d.requests, variables, range)
  const [order, setOrder] = useState<Order | null>(null)
  const [text, setText] = useState('')
  const table = loaded.data
  const rows = table ? sorted(table, order).filter((r) => r.tags.join(' ').toLowerCase().includes(text.toLowerCase())) : []
  const trends = useTrends(props, table)
  const links = (row: TableRow) => linksOf(d.custom_links, variables, range, row.tags)
  const search = table && d.has_search_bar !== 'never' && (d.has_search_bar === 'always' || table.rows.length >= searchFrom)
  const head = (column: number | string, name: string, figure?: boolean) => {
    const side = order?.column === column ? order.side : 0
    return (
      <th key={column} class={figure ? 'figure' : ''} aria-sort={side > 0 ? 'ascending' : side < 0 ? 'descending' : undefined}>
        <button type="button" class="sorter" title={name} onClick={() => setOrder({ column, side: side ? -side : figure ? -1 : 1 })}>{name}{side > 0 ? ' ↑' : side < 0 ? ' ↓' : ''}</button>
      </th>
    )
  }
  return (
    <WidgetPanel {...props} loaded={loaded} flush title={table?.columns.map((c) => c.name).join(', ')}>
      {search && <input class="table-search" type="search" aria-label="Find rows" placeholder="Find rows" value={text} onInput={(e) => setText(e.currentTarget.value)} />}
      {table && rows.length === 0 && <Empty title={text ? `No row matches “${text}”` : 'No data in this time range'} />}
      {table && rows.length > 0 && (
        <div class="scroll">
          <table class="query-table">
            <thead><tr>{table.keys.map((k) => head(k, k))}{table.columns.map((c, i) => head(i, c.name, true))}</tr></thead>
            <tbody>
              {rows.slice(0, most).map((row) => (
                <tr key={row.tags.join()}>
                  {table.keys.map((k, i) => <td key={k}>{keyCell(k, valueOf(row.tags, k))}{i === 0 && links(row).map((l) => <a key={l.label} class="row-link" href={l.href} rel="noreferrer">{l.label}</a>)}</td>)}
                  {table.columns.map((c, i) => <Cell key={i} column={c} value={row.cells[i]} largest={largest(table, i)} trend={trends?.(i, row.tags)} />)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > most && <p class="note-line">+{plural(rows.length - most, 'row')}</p>}
    </WidgetPanel>
  )
}

const keyCell = (key: string, value: string) => (value === '' ? <span class="muted">–</span> : key === 'host' ? <a href={link(`/infrastructure/${encodeURIComponent(value)}`)}>{value}</a> : value)

const largest = (table: Table, column: number) => Math.max(...table.rows.map((r) => Math.abs(r.cells[column] ?? 0)))

function sorted(table: Table, order: Order | null): TableRow[] {
  if (!order) return table.rows
  const { column, side } = order
  return [...table.rows].sort((a, b) =>
    typeof column === 'number' ? byFigure(a.cells[column], b.cells[column], side) : valueOf(a.tags, column).localeCompare(valueOf(b.tags, column), 'en', { numeric: true }) * side)
}

function Cell({ column, value, largest, trend }: { column: Column; value: number | null; largest: number; trend?: (number | null | undefined)[] }) {
  const paint = paintFor(value, column.formats)
  return (
    <td class="figure cell-figure" style={{ background: paint.background, color: paint.text }}>
      {column.mode === 'bar' && value !== null && largest > 0 && <span class="cell-bar" style={{ width: `${(Math.abs(value) / largest) * 100}%` }} />}
      {column.mode === 'trend' && trend && <span class="cell-trend"><Sparkline values={trend} /></span>}
      <span class="cell-text">{value === null ? '–' : showFigure(value, column.unit)}{paint.sign && <span aria-hidden="true"> {paint.sign}</span>}</span>
    </td>
  )
}

// useTrends reads how the figures of columns shown as trends went.
function useTrends({ definition: d, variables }: { definition: WidgetProps['definition']; variables: Variables }, table: Table | undefined) {
  const wanted = table?.columns.some((c) => c.mode === 'trend') ?? false
  // A column's lines have its place as alias.
  const asked = wanted ? askedBy(d.requests, variables).map((a, i) => ({ ...a, alias: `${i} ` })) : []
  const graph = useGraph(asked)
  if (!wanted || !graph.data) return undefined
  const byGroup = new Map(graph.data.lines.map((l) => [`${parseInt(l.label, 10)} ${[...l.tags].sort().join()}`, l.values]))
  return (column: number, tags: string[]) => byGroup.get(`${column} ${[...tags].sort().join()}`)
}
