// What an anomaly monitor would have done over the last 30 days, with its
// settings and with others, before it is saved.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Backtest, Monitor, PastAlert } from '../model'
import { now } from '../clock'
import { useData } from '../data'
import { setRange } from '../range'
import { Failure, Moment, Panel } from '../parts/basics'
import { showDuration, showTime } from '../time'
import { plural } from '../units'
import { advice, marked, tableOf, windowName, type AnomalyParts, type Word } from './anomalies'

const days = 30
const listed = 8

const keyOf = (a: PastAlert) => `${a.tags.join(',')} ${a.from}`

export function BacktestPanel({ monitor, parts, onPick }: { monitor: Partial<Monitor>; parts: AnomalyParts; onPick: (bounds: number, window: string) => void }) {
  const [marks, setMarks] = useState<Record<string, Word>>({})
  const [kept, setKept] = useState<Record<string, PastAlert>>({}) // of the marks: settings change, words stay
  const { query, options, type } = monitor
  const minute = Math.floor(now() / 60e3) * 60e3
  const [to] = useState(minute)
  const words = Object.entries(marks).map(([key, word]) => ({ from: kept[key].from, to: kept[key].to, real: word === 'real' }))
  const doc = { query, type: type ?? 'query alert', message: '', options: { thresholds: options?.thresholds, threshold_windows: options?.threshold_windows } } as Partial<Monitor>
  const run = useData(JSON.stringify([doc, words]), (signal) => api.backtestAnomalies(doc, to - days * 86400e3, to, words, signal))
  const b = run.data
  const mark = (a: PastAlert, word: Word) => {
    setKept({ ...kept, [keyOf(a)]: a })
    setMarks(marked(marks, keyOf(a), word))
  }
  const hint = b && advice(b, marks)
  return (
    <Panel title={`The last ${days} days with these settings`} loading={run.loading} label="Backtest">
      {run.error ? <Failure error={run.error} /> : b && (
        <div class="spaced">
          <p class="backtest-line">{b.line}</p>
          {b.notes.map((n) => <p key={n} class="muted">{n}</p>)}
          <Strip b={b} />
          <div class="columns even">
            <Alerts b={b} marks={marks} onMark={mark} />
            <div class="spaced">
              <Table b={b} parts={parts} onPick={onPick} />
              <p class="field-hint">{hint || 'Alerts with other bounds and windows. Mark alerts as real or noise, and the cheapest cell that keeps the real ones is suggested.'}</p>
              {hint && b.best >= 0 && <button type="button" class="button" onClick={() => onPick(b.table[b.best].bounds, windowName(b.table[b.best].window))}>Use it</button>}
            </div>
          </div>
        </div>
      )}
    </Panel>
  )
}

// jump shows the time about an alert in the graph above.
function jump(a: PastAlert): void {
  const margin = Math.max(30 * 60e3, a.to - a.from)
  setRange({ from: a.from - margin, to: a.to + margin, live: false })
}

function Strip({ b }: { b: Backtest }) {
  const place = (ms: number) => `${(100 * (ms - b.from)) / (b.to - b.from)}%`
  return (
    <div class="backtest-strip" role="group" aria-label={`${plural(b.count, 'alert')} over ${days} days`}>
      {b.alerts.map((a) => (
        <button
          key={keyOf(a)} type="button" class="backtest-mark" title={`${showTime(a.from)}, ${showDuration(a.to - a.from)}: show it in the graph`}
          aria-label={`Alert at ${showTime(a.from)}`} style={{ left: place(a.from), width: `max(3px, ${(100 * (a.to - a.from)) / (b.to - b.from)}%)` }} onClick={() => jump(a)}
        />
      ))}
      <span class="backtest-from muted small">{showTime(b.from)}</span>
      <span class="backtest-to muted small">{showTime(b.to)}</span>
    </div>
  )
}

function Alerts({ b, marks, onMark }: { b: Backtest; marks: Record<string, Word>; onMark: (a: PastAlert, word: Word) => void }) {
  const [all, setAll] = useState(false)
  if (b.alerts.length === 0) return <p class="muted">It would not have alerted.</p>
  const newest = [...b.alerts].reverse()
  return (
    <ul class="rows">
      {newest.slice(0, all ? 200 : listed).map((a) => (
        <li key={keyOf(a)}>
          <span class="grow">
            <button type="button" class="link" onClick={() => jump(a)}><Moment ms={a.from} /></button>
            <span class="muted"> {showDuration(a.to - a.from)}, up to {Math.abs(a.peak) < 100 ? `${Math.abs(a.peak).toFixed(1)} σ` : 'over 100 σ'} {a.peak < 0 ? 'below' : 'above'}{a.tags.length > 0 && ` · ${a.tags.join(', ')}`}</span>
          </span>
          <span class="segments" role="group" aria-label="Was it real?">
            {(['real', 'noise'] as const).map((w) => <button key={w} type="button" aria-pressed={marks[keyOf(a)] === w} onClick={() => onMark(a, w)}>{w}</button>)}
          </span>
        </li>
      ))}
      {newest.length > listed && !all && <li><button type="button" class="link" onClick={() => setAll(true)}>{newest.length - listed} more</button></li>}
    </ul>
  )
}

function Table({ b, parts, onPick }: { b: Backtest; parts: AnomalyParts; onPick: (bounds: number, window: string) => void }) {
  const { windows, rows } = tableOf(b, parts)
  return (
    <div class="scroll">
      <table class="backtest-table">
        <thead><tr><th>Bounds</th>{windows.map((w) => <th key={w} class="figure">{showDuration(w)}</th>)}</tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.bounds}>
              <th scope="row">{row.bounds}</th>
              {row.cells.map((c) => (
                <td key={c.index} class="figure">
                  <button
                    type="button" class={`backtest-cell ${c.best ? 'best' : ''}`} aria-pressed={c.current}
                    title={`Use bounds ${row.bounds} over ${showDuration(c.window)}`} onClick={() => onPick(row.bounds, windowName(c.window))}
                  >
                    {c.best && <span aria-label="suggested">★ </span>}{c.alerts}
                  </button>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
