// A graph of queries over the page's time range.
import { useMemo, useState } from 'preact/hooks'
import { api } from '../api'
import type { Period } from '../model'
import { moved, withBefore } from '../chart/before'
import { Chart } from '../chart/chart'
import { endOf, linesOf, summaryOf, type Line, type Request, type Summary } from '../chart/lines'
import type { Deploy, Happening } from '../chart/marks'
import type { Axis, Threshold } from '../chart/scale'
import { useData, type Loaded } from '../data'
import { useOverlay } from '../overlay'
import { SnapshotDialog } from '../dashboard/snapshot'
import { RangeOf, setRange, useRange } from '../range'
import { may, useSession } from '../session'
import { back } from '../route'
import type { Range } from '../time'
import { showValue, plural } from '../units'
import { Failure, Working } from './basics'
import { GraphMenu, tagsOfAll, type Picked } from './graph-menu'

export interface Drawn {
  requests: Request[] // what was asked
  times: number[]
  lines: Line[]
  warnings: string[]
  samples: number
  step: number // ms
  range: Range
}

export function useGraph(requests: Request[], range = useRange()): Loaded<Drawn> {
  const wanted = requests.filter((r) => r.query.trim())
  const compare = new URLSearchParams(location.search).get('compare') === 'before'
  const key = wanted.length ? JSON.stringify([wanted, range.from, range.to, compare]) : null
  return useData(key, async (signal) => {
    const ask = async (ago: number) => {
      const answers = await Promise.all(wanted.map((r) => api.query(r.query, r.lang ?? 'datadog', range.from - ago, range.to - ago, undefined, signal, r.style === 'bars')))
      return answers.flatMap((frames, i) => frames.map((frame) => ({ ...wanted[i], frame: ago ? moved(frame, ago) : frame })))
    }
    const [sources, before] = await Promise.all([ask(0), compare ? ask(range.to - range.from) : []])
    const drawn = before.length ? withBefore(linesOf(sources), linesOf(before)) : linesOf(sources)
    return {
      ...drawn,
      requests: wanted,
      warnings: [...new Set(sources.flatMap((s) => s.frame.warnings))],
      samples: sources.reduce((sum, s) => sum + s.frame.stats.samples, 0),
      step: sources[0]?.frame.grid.step ?? 0,
      range: { ...range, to: Math.max(range.to, endOf(drawn.times, drawn.lines) ?? 0) },
    }
  })
}

// BandSentence says what the band of a graph means, with its numbers.
export function BandSentence({ drawn }: { drawn?: Drawn }) {
  const summaries = [...new Set(drawn?.lines.map((l) => l.band?.summary).filter(Boolean))]
  if (summaries.length === 0) return null
  return <p class="band-sentence">{summaries[0]}{summaries.length > 1 && ` And so for ${summaries.length - 1} more, each by its own history.`}</p>
}

interface GraphProps {
  label: string
  thresholds?: Threshold[]
  deploys?: Deploy[]
  events?: Happening[] // beside those that the page lays over all graphs
  states?: Period[] // of a monitor
  axis?: Axis
  rightAxis?: Axis
  height?: number
  table?: boolean
  columns?: Column[] // of the table; absent: all
  names?: boolean // the lines' names in a row, instead of the table
  silent?: boolean // errors are shown elsewhere
  onThreshold?: (name: string, value: number) => void
}

export function Graph({ requests, ...props }: GraphProps & { requests: Request[] }) {
  return <GraphView graph={useGraph(requests)} {...props} />
}

export function GraphView({ graph, label, thresholds, deploys, events, states, axis, rightAxis, height = 220, table, columns, names, silent, onThreshold }: GraphProps & { graph: Loaded<Drawn> }) {
  const [focus, setFocus] = useState<number | null>(null)
  const [hidden, setHidden] = useState<Set<number>>(new Set())
  const [picked, setPicked] = useState<Picked | null>(null)
  const [sending, setSending] = useState<Range | null>(null)
  const mayEdit = may(useSession(), 'editor')
  const overlay = useOverlay()
  const happenings = useMemo(() => (events?.length ? [...events, ...overlay] : overlay), [events, overlay])
  const { data, error, loading } = graph
  const toggle = (i: number) => {
    const next = new Set(hidden)
    if (!next.delete(i)) next.add(i)
    setHidden(next)
  }
  const empty = data && data.lines.every((l) => l.values.every((v) => v === null || v === undefined))
  return (
    <div class={`graph ${loading && data ? 'stale' : ''}`}>
      <Working on={loading} what={data?.samples ? `reading ${Math.round(data.samples).toLocaleString('en')} samples` : 'still reading'} />
      {error && !silent && <Failure error={error} retry={error.status === 400 ? undefined : graph.reload} />}
      {data && !(error && !silent) ? (
        <div class="graph-area">
          <Chart
            times={data.times}
            lines={data.lines}
            range={data.range}
            label={`${label}. ${describe(data.lines)}`}
            thresholds={thresholds}
            deploys={deploys}
            events={happenings}
            states={states}
            axis={axis}
            rightAxis={rightAxis}
            height={height}
            focus={focus}
            hidden={hidden}
            onZoom={(from, to) => setRange({ from, to, live: false })}
            onMenu={(from, to, x, y) => setPicked({ range: { from, to, live: false }, x, y })}
            onBack={back}
            onThreshold={onThreshold}
          />
          {picked && <GraphMenu picked={picked} tags={tagsOfAll(data.lines)} onSend={mayEdit && data.requests.length ? setSending : undefined} onClose={() => setPicked(null)} />}
          {sending && <RangeOf range={sending}><SnapshotDialog title={label} requests={data.requests} thresholds={thresholds} onClose={() => setSending(null)} /></RangeOf>}
          {empty && <p class="graph-empty">No data in this time range</p>}
        </div>
      ) : (
        !error && <div class="graph-wait" style={{ height: `${height}px` }} />
      )}
      {data?.warnings.map((w) => <p key={w} class="note-line warn-text">{w}</p>)}
      {names && data && data.lines.length > 0 && <Names lines={data.lines} hidden={hidden} onFocus={setFocus} onToggle={toggle} />}
      {table && !names && data && data.lines.length > 0 && <Legend lines={data.lines} columns={columns} focus={focus} hidden={hidden} onFocus={setFocus} onToggle={toggle} />}
    </div>
  )
}

function describe(lines: Line[]): string {
  if (lines.length === 0) return 'No data.'
  const { last, min, max } = summaryOf(lines[0].values)
  const first = `${lines[0].label}: last ${showValue(last, lines[0].unit)}, from ${showValue(min, lines[0].unit)} to ${showValue(max, lines[0].unit)}.`
  return lines.length === 1 ? first : `${plural(lines.length, 'line')}. ${first}`
}

const most = 100

export type Column = keyof Summary
const allColumns: Column[] = ['avg', 'min', 'max', 'last', 'sum']

// Names tells the lines apart in one row, where a table has no room.
function Names({ lines, hidden, onFocus, onToggle }: { lines: Line[]; hidden: Set<number>; onFocus: (i: number | null) => void; onToggle: (i: number) => void }) {
  const few = 8
  return (
    <div class="legend-names">
      {lines.slice(0, few).map((line, i) => (
        <button key={i} type="button" class={`legend-name ${hidden.has(i) ? 'off' : ''}`} aria-pressed={!hidden.has(i)} title={hidden.has(i) ? 'Show this line' : 'Hide this line'} onMouseEnter={() => onFocus(i)} onMouseLeave={() => onFocus(null)} onClick={() => onToggle(i)}>
          <span class="swatch" style={{ background: line.color }} />
          <span>{line.label}</span>
        </button>
      ))}
      {lines.length > few && <span class="muted">+{lines.length - few} more</span>}
    </div>
  )
}

function Legend({ lines, columns = allColumns, focus, hidden, onFocus, onToggle }: { lines: Line[]; columns?: Column[]; focus: number | null; hidden: Set<number>; onFocus: (i: number | null) => void; onToggle: (i: number) => void }) {
  const rows = useMemo(
    () => lines.map((line, i) => ({ line, i, s: summaryOf(line.values) })).sort((a, b) => (b.s.avg ?? -Infinity) - (a.s.avg ?? -Infinity)),
    [lines],
  )
  return (
    <div class="scroll legend">
      <table>
        <thead>
          <tr>
            <th>Series</th>
            {columns.map((name) => <th key={name} class="figure">{name}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map(({ line, i, s }) => (
            <tr key={i} class={`${focus === i ? 'focus' : ''} ${hidden.has(i) ? 'off' : ''}`} onMouseEnter={() => onFocus(i)} onMouseLeave={() => onFocus(null)}>
              <td>
                <button type="button" class="legend-name" aria-pressed={!hidden.has(i)} title={hidden.has(i) ? 'Show this line' : 'Hide this line'} onClick={() => onToggle(i)}>
                  <span class="swatch" style={{ background: line.color }} />
                  {line.label}
                </button>
              </td>
              {columns.map((name) => <td key={name} class="figure">{showValue(s[name], line.unit)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && <p class="note-line">+{rows.length - most} more</p>}
    </div>
  )
}
