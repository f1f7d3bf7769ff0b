// How values lie: over time as a heat map, or together as bars.
import { api, ApiError } from '../api'
import type { Spread } from '../model'
import { Heat } from '../chart/heat'
import { useData, type Loaded } from '../data'
import { Empty } from '../parts/basics'
import { setRange, useRange } from '../range'
import { back } from '../route'
import { useTheme } from '../theme'
import { showNumber, showValue } from '../units'
import type { Request, Variables } from './definition'
import { askedBy, filled, foreign, thresholdsOf } from './document'
import { lineColors, rampColors } from './palette'
import { axisOf } from './timeseries'
import { WidgetPanel, type WidgetProps } from './widget-panel'

// spreadQuery is what a request of either kind spreads.
export function spreadQuery(r: Request | undefined, variables: Variables): string {
  if (!r) return ''
  const single = r.query as { query?: string } | undefined // request_type: histogram
  return typeof single?.query === 'string' ? filled(single.query, variables) : (askedBy([r], variables)[0]?.query ?? '')
}

function useSpread({ definition: d, variables }: WidgetProps, options: { scale?: string; together?: boolean; buckets?: number }): Loaded<Spread> & { query: string } {
  const range = useRange()
  const r = d.requests?.[0]
  const query = spreadQuery(r, variables)
  const other = foreign(r && [r])
  const loaded = useData(query || other ? JSON.stringify([query, other, options, range.from, range.to]) : null, async (signal) => {
    if (other) throw new ApiError(`Whippet keeps metrics, and no ${other}: this widget has nothing to show`, 400)
    return api.spread(query, range.from, range.to, options, signal)
  })
  return { ...loaded, query }
}

export function HeatMap(props: WidgetProps) {
  const { definition: d, height = 230 } = props
  const range = useRange()
  const axis = axisOf(d.yaxis)
  const spread = useSpread(props, { scale: axis?.kind === 'log' ? 'log' : undefined })
  const palette = d.requests?.[0]?.style?.palette
  const data = spread.data
  return (
    <WidgetPanel {...props} loaded={spread} flush title={spread.query}>
      {data && (data.all.count === 0 ? <Empty title="No data in this time range" /> : (
        <div class="graph">
          <div class="graph-area">
            <Heat spread={data} range={range} axis={axis} color={lineColors(palette)?.[0] ?? rampColors(palette, false)?.[3]} label={`${d.title || spread.query}. ${inWords(data)}`} height={height} onZoom={(from, to) => setRange({ from, to, live: false })} onBack={back} />
          </div>
          {d.show_legend && <Figures spread={data} />}
        </div>
      ))}
      {data?.warnings.map((w) => <p key={w} class="note-line warn-text">{w}</p>)}
    </WidgetPanel>
  )
}

const names = ['avg', 'min', 'p50', 'p75', 'p90', 'p95', 'p99', 'max']
const marked = ['p50', 'p75', 'p90', 'p95', 'p99']

const inWords = ({ all, unit }: Spread) => `${Math.round(all.count).toLocaleString('en')} values: ${names.map((n, i) => `${n} ${showValue(all.figures[i], unit)}`).join(', ')}.`

function Figures({ spread: { all, unit } }: { spread: Spread }) {
  return <dl class="spread-figures">{names.map((n, i) => <div key={n}><dt>{n}</dt><dd>{showValue(all.figures[i], unit)}</dd></div>)}<div><dt>count</dt><dd>{showNumber(all.count)}</dd></div></dl>
}

export function Distribution(props: WidgetProps) {
  const { definition: d } = props
  const axis = axisOf(d.xaxis)
  const buckets = Number(d.xaxis?.num_buckets)
  const spread = useSpread(props, { scale: axis?.kind === 'log' ? 'log' : undefined, together: true, buckets: buckets >= 1 && buckets <= 200 ? buckets : 60 })
  const theme = useTheme()
  const palette = d.requests?.[0]?.style?.palette
  const color = lineColors(palette)?.[0] ?? (theme === 'dark' ? '#7c9cff' : '#4c78e0')
  const data = spread.data
  return (
    <WidgetPanel {...props} loaded={spread} title={spread.query}>
      {data && (data.all.count === 0 ? <Empty title="No data in this time range" /> : (
        <Bars spread={data} color={color} log={axis?.kind === 'log'} min={axis?.min} max={axis?.max} markers={thresholdsOf(d.markers?.map((m) => ({ ...m, value: m.value.replace(/\bx\b/, 'y') })))} />
      ))}
      {data && d.show_legend && data.all.count > 0 && <Figures spread={data} />}
    </WidgetPanel>
  )
}

function Bars({ spread, color, log, min, max, markers }: { spread: Spread; color: string; log: boolean; min?: number; max?: number; markers: { value: number; label?: string; severity: string }[] }) {
  const { bounds, unit, all } = spread
  const counts = spread.counts[0] ?? []
  const shown = counts.map((n, i) => ({ n, from: bounds[i], to: bounds[i + 1] })).filter((b) => (min === undefined || b.to > min) && (max === undefined || b.from < max))
  const most = Math.max(...shown.map((b) => b.n), 0)
  const [low, high] = [shown[0]?.from ?? 0, shown[shown.length - 1]?.to ?? 1]
  const at = (v: number) => (log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low)) * 100
  const inside = (v: number) => at(v) >= 0 && at(v) <= 100
  // Labels that would lie on one another are left out.
  const lines = marked.map((name) => ({ name, at: at(all.figures[names.indexOf(name)]), v: all.figures[names.indexOf(name)] })).filter((l) => l.at >= 0 && l.at <= 100)
  const labelled = lines.filter((l, i) => i === 0 || l.at - lines[i - 1].at > 5)
  return (
    <figure class="histogram" aria-label={inWords(spread)}>
      <div class="histogram-plot">
        <div class="histogram-bars">
          {shown.map((b) => (
            <span key={b.from} class="histogram-slot" title={`${Math.round(b.n).toLocaleString('en')} from ${showNumber(b.from, unit)} to ${showValue(b.to, unit)}`}>
              <span style={{ height: `${b.n > 0 && most ? Math.max(1, (b.n / most) * 100) : 0}%`, background: color }} />
            </span>
          ))}
        </div>
        {lines.map((l) => <span key={l.name} class="histogram-line" style={{ left: `${l.at}%` }} title={`${l.name}: ${showValue(l.v, unit)}`}>{labelled.includes(l) && <small>{l.name}</small>}</span>)}
        {markers.filter((m) => inside(m.value)).map((m) => <span key={m.value} class={`histogram-line ${m.severity}`} style={{ left: `${at(m.value)}%` }}><small>{m.label}</small></span>)}
      </div>
      <figcaption>{[0, 0.25, 0.5, 0.75, 1].map((part) => <span key={part}>{showNumber(log ? low * (high / low) ** part : low + part * (high - low), unit)}</span>)}</figcaption>
    </figure>
  )
}
