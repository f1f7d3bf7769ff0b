// What groups were over a time: a lane per group, coloured by status.
import type { Period } from '../model'
import { showDuration, showTime } from '../time'

const classes: Record<string, string> = { Alert: 'alert', Warn: 'warn', 'No Data': 'nodata', OK: 'ok', Muted: 'quiet' }
const severity = ['Alert', 'Warn', 'No Data', 'OK', 'Skipped']
const worst = (periods: Period[]) => Math.min(...periods.map((p) => severity.indexOf(p.status)))
const most = 50

export interface LaneMark { at: number; status: string; label: string }

export function Lanes({ groups, from, to, marks = [], onPick }: {
  groups: Record<string, Period[]>
  from: number
  to: number
  marks?: LaneMark[] // mails, above the lanes
  onPick?: (at: number) => void
}) {
  const names = Object.keys(groups).sort((a, b) => worst(groups[a]) - worst(groups[b]) || (a < b ? -1 : 1))
  const place = (ms: number) => (100 * (ms - from)) / (to - from)
  return (
    <div class="lanes">
      {marks.length > 0 && (
        <div class="lane">
          <span class="lane-name muted">mails</span>
          <span class="lane-bar bare">
            {marks.map((m, i) => <button key={i} type="button" class={`lane-mark ${classes[m.status] ?? 'nodata'}`} style={{ left: `${place(m.at)}%` }} title={`${showTime(m.at)}: ${m.label}`} aria-label={`${showTime(m.at)}: ${m.label}`} onClick={() => onPick?.(m.at)} />)}
          </span>
        </div>
      )}
      {names.slice(0, most).map((name) => (
        <div key={name} class="lane">
          <span class="lane-name mono" title={name}>{name === '*' ? 'everything' : name}</span>
          <span class="lane-bar" role="img" aria-label={spoken(name, groups[name])}>
            {groups[name].map((p) => (
              <span
                key={p.from} class={`lane-part ${classes[p.status] ?? 'skipped'}`} title={`${p.status}, ${showTime(p.from)}, for ${showDuration(p.to - p.from)}`}
                style={{ left: `${place(p.from)}%`, width: `max(2px, ${place(p.to) - place(p.from)}%)` }}
              />
            ))}
          </span>
        </div>
      ))}
      {names.length > most && <p class="note-line">+{names.length - most} more groups, all milder</p>}
      <div class="lane"><span class="lane-name" /><span class="lane-ends muted small"><span>{showTime(from)}</span><span>{showTime(to)}</span></span></div>
    </div>
  )
}

function spoken(name: string, periods: Period[]): string {
  const sums = new Map<string, number>()
  for (const p of periods) sums.set(p.status, (sums.get(p.status) ?? 0) + p.to - p.from)
  return `${name === '*' ? 'Everything' : name}: ${[...sums].map(([status, ms]) => `${status} for ${showDuration(ms)}`).join(', ')}`
}
