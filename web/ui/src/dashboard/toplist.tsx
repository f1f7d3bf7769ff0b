// The groups with the most, or the least, as bars.
import { useRange } from '../range'
import { Empty } from '../parts/basics'
import { plural } from '../units'
import { showFigure } from './figure'
import { lineColors, paintFor } from './palette'
import { useTable, type TableRow } from './scalars'
import { GroupName } from './group-name'
import { linksOf } from './custom-links'
import { WidgetPanel, type WidgetProps } from './widget-panel'

const most = 100

export function Toplist(props: WidgetProps) {
  const { definition: d, variables } = props
  const range = useRange()
  const table = useTable(d.requests?.slice(0, 1), variables, range)
  const column = table.data?.columns[0]
  const rows = (table.data?.rows ?? []).filter((r) => r.cells[0] !== null)
  const largest = Math.max(...rows.map((r) => Math.abs(r.cells[0]!)), 0)
  const color = lineColors(d.requests?.[0]?.style?.palette)?.[0]
  return (
    <WidgetPanel {...props} loaded={table} title={column?.name}>
      {table.data && rows.length === 0 && <Empty title="No data in this time range" />}
      <ol class="toplist">
        {rows.slice(0, most).map((row) => {
          const v = row.cells[0]!
          const paint = paintFor(v, column!.formats)
          const bar = `color-mix(in srgb, ${paint.background ?? paint.text ?? color ?? 'var(--accent)'} 38%, transparent)`
          return (
            <li key={row.tags.join()}>
              <span class="toplist-figure" style={{ color: paint.letters ?? paint.text }}>{showFigure(v, column!.unit)}{paint.sign && <span aria-hidden="true"> {paint.sign}</span>}</span>
              <span class="toplist-bar">
                <span style={{ width: `${largest ? Math.max(0.5, (Math.abs(v) / largest) * 100) : 0}%`, background: bar }} />
                <span class="toplist-name"><Name row={row} {...props} /></span>
              </span>
            </li>
          )
        })}
      </ol>
      {rows.length > most && <p class="note-line">+{plural(rows.length - most, 'group')}</p>}
    </WidgetPanel>
  )
}

function Name({ row, definition, variables }: WidgetProps & { row: TableRow }) {
  const links = linksOf(definition.custom_links, variables, useRange(), row.tags)
  return <><GroupName tags={row.tags} />{links.map((l) => <a key={l.label} class="row-link" href={l.href} rel="noreferrer">{l.label}</a>)}</>
}
