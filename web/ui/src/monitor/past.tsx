// What a monitor would have sent, before it is saved: the same evaluation over
// what is stored.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Monitor } from '../model'
import { now } from '../clock'
import { useData } from '../data'
import { setRange } from '../range'
import { Failure, Moment, Panel, State } from '../parts/basics'
import { showDuration } from '../time'
import { plural } from '../units'
import { Lanes } from './lanes'

const spans: [words: string, days: number][] = [['1 day', 1], ['1 week', 7], ['1 month', 30]]
const listed = 12

export function PastPanel({ monitor }: { monitor: Partial<Monitor> }) {
  const [days, setDays] = useState(0)
  const [to, setTo] = useState(0)
  const key = days ? JSON.stringify([monitor, days, to]) : null
  const run = useData(key, (signal) => api.backtestMonitor(monitor, to - days * 86400e3, to, signal))
  const b = run.data
  const pick = (d: number) => {
    setTo(Math.floor(now() / 60e3) * 60e3)
    setDays(d)
  }
  const jump = (at: number) => setRange({ from: at - 30 * 60e3, to: at + 30 * 60e3, live: false })
  return (
    <Panel
      title="What it would have sent"
      loading={run.loading}
      actions={<div class="segments" role="group" aria-label="Time to look at">{spans.map(([words, d]) => <button key={d} type="button" aria-pressed={days === d} onClick={() => pick(d)}>{words}</button>)}</div>}
    >
      {run.error ? <Failure error={run.error} /> : !b ? <p class="muted">{run.loading ? 'Evaluating the past…' : 'Choose how far to look back.'}</p> : (
        <div class="spaced">
          <p>
            <b>{plural(b.mails.length + b.more, 'mail')}</b> in {spans.find(([, d]) => d === days)?.[0]}, from {plural(b.evaluations, 'evaluation')}
            {b.step > b.interval && <span class="muted">; looked at every {showDuration(b.step)} instead of every {showDuration(b.interval)}, to answer in time</span>}.
          </p>
          <Lanes groups={b.groups} from={b.from} to={b.to} marks={b.mails.map((m) => ({ at: m.at, status: m.status, label: m.subject }))} onPick={jump} />
          {b.mails.length > 0 && (
            <ul class="rows">
              {b.mails.slice(0, listed).map((m, i) => (
                <li key={i}>
                  <State state={m.status} />
                  <button type="button" class="link grow" onClick={() => jump(m.at)}>{m.subject}</button>
                  <span class="muted">{m.to.join(', ')}</span>
                  <span class="muted nowrap"><Moment ms={m.at} /></span>
                </li>
              ))}
            </ul>
          )}
          {b.mails.length + b.more > listed && <p class="note-line">+{b.mails.length + b.more - listed} more</p>}
        </div>
      )}
    </Panel>
  )
}
