// Lines over time, with what happened meanwhile.
import { useMemo } from 'preact/hooks'
import { api, ApiError } from '../api'
import type { Period } from '../model'
import type { Axis } from '../chart/scale'
import { useData } from '../data'
import { BandSentence, GraphView, useGraph, type Column } from '../parts/graph'
import { Failure } from '../parts/basics'
import { happeningOf } from '../overlay'
import { useRange } from '../range'
import { link } from '../route'
import type { YAxis } from './definition'
import { askedBy, explored, filled, foreign, thresholdsOf } from './document'
import { WidgetPanel, type WidgetProps } from './widget-panel'

const kinds: Record<string, Axis['kind']> = { log: 'log', sqrt: 'sqrt', pow: 'square' }

// axisOf reads an axis as widgets write it: its ends are texts, or "auto".
export function axisOf(y: YAxis | undefined): Axis | undefined {
  if (!y) return undefined
  const end = (text: string | undefined) => (text === undefined || text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text))
  return { kind: kinds[y.scale ?? ''], min: end(y.min), max: end(y.max), zero: y.include_zero, label: y.label || undefined }
}

const columnNames: Record<string, Column> = { value: 'last', avg: 'avg', sum: 'sum', min: 'min', max: 'max' }

export function Timeseries(props: WidgetProps) {
  const { definition: d, variables, height = 230 } = props
  const asked = askedBy(d.requests, variables)
  const graph = useGraph(asked)
  const range = useRange()
  const search = (d.events ?? []).map((e) => `(${filled(e.q, variables)})`).join(' OR ')
  const events = useData(search ? `events ${search} ${range.from} ${range.to}` : null, () => api.events(range.from, range.to, search), 0, range.live ? ['events'] : [])
  const happenings = useMemo(() => events.data?.map(happeningOf), [events.data])
  const states = useStates(d.monitors)
  const name = asked.map((a) => a.query).join(', ')
  const other = foreign(d.requests, true)
  const columns = d.legend_columns?.flatMap((c) => columnNames[c] ?? [])
  return (
    <WidgetPanel
      {...props}
      flush
      title={name}
      links={<a class="small" href={link('/metrics/explorer', explored(asked))}>Explore</a>}
    >
      {other && <Failure error={new ApiError(`Whippet keeps metrics, and no ${other}${asked.length ? ': that part is not drawn' : ': this widget has nothing to show'}`, 400)} />}
      {asked.length > 0 && (
        <GraphView
          graph={graph}
          label={d.title || name}
          thresholds={thresholdsOf(d.markers)}
          events={happenings}
          states={states}
          axis={axisOf(d.yaxis)}
          rightAxis={axisOf(d.right_yaxis)}
          height={height}
          table={d.show_legend === true}
          names={d.show_legend === true && d.legend_layout === 'horizontal'}
          columns={columns?.length ? columns : undefined}
        />
      )}
      <BandSentence drawn={graph.data} />
    </WidgetPanel>
  )
}

const worst = ['Alert', 'Warn', 'No Data', 'OK']

// useStates is what monitors were over the range: at each moment the worst state
// of any of their groups.
export function useStates(monitors: number[] | undefined): Period[] | undefined {
  const range = useRange()
  const loaded = useData(monitors?.length ? `states ${monitors} ${range.from} ${range.to}` : null, async (signal) => {
    const lines = await Promise.all(monitors!.map((id) => api.timeline(id, range.from, range.to, signal)))
    return lines.flatMap((l) => Object.values(l.groups).flat()).sort((a, b) => worst.indexOf(b.status) - worst.indexOf(a.status))
  })
  return loaded.data
}
