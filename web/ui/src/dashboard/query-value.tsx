// One figure, large, with how it went behind it.
import { useGraph } from '../parts/graph'
import { useRange } from '../range'
import { Sparkline } from './sparkline'
import { askedBy } from './document'
import { figureOf } from './figure'
import { paintFor } from './palette'
import { useTable } from './scalars'
import { WidgetPanel, type WidgetProps } from './widget-panel'

export function QueryValue(props: WidgetProps) {
  const { definition: d, variables } = props
  const range = useRange()
  const table = useTable(d.requests?.slice(0, 1), variables, range)
  const behind = d.timeseries_background
  const graph = useGraph(behind ? askedBy(d.requests?.slice(0, 1), variables) : [], range)
  const column = table.data?.columns[0]
  const value = table.data?.rows.find((r) => r.cells[0] !== null)?.cells[0] ?? null
  const paint = paintFor(value, column?.formats)
  const [number, unit] = figureOf(value, column?.unit ?? '', d)
  return (
    <WidgetPanel {...props} loaded={table} flush title={column?.name}>
      <div class={`big-value ${d.text_align ?? 'center'} ${value === null ? 'none' : ''}`} style={{ background: paint.background, color: paint.text }}>
        {behind && graph.data?.lines[0] && <Sparkline values={graph.data.lines[0].values} bars={behind.type === 'bars'} color={paint.background ? 'currentColor' : paint.text} />}
        {table.data && (
          <p class="big-number" style={{ '--letters': Math.max(4, number.length + unit.length * 0.5) }}>
            {paint.sign && <span class="visually-hidden">{paint.sign === '✓' ? 'good: ' : 'out of bounds: '}</span>}
            {number}{unit && <small> {unit}</small>}
          </p>
        )}
      </div>
    </WidgetPanel>
  )
}
