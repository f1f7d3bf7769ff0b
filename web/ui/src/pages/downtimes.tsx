// The list of downtimes.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Downtime, Period } from '../model'
import { now } from '../clock'
import { useData } from '../data'
import { link } from '../route'
import { Confirm, Empty, Failure, LinkButton, Moment, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { Lanes } from '../monitor/lanes'
import { monitorTabs } from './monitors'

export function Downtimes() {
  const list = useData('downtimes', api.downtimes, 10e3, ['monitors'])
  const [error, setError] = useState<Error | null>(null)
  const create = <LinkButton kind="primary" icon="plus" href={link('/downtimes/new')} label="New downtime" />
  const cancel = (id: number) => void api.cancelDowntime(id).then(list.reload, setError)
  const open = list.data?.filter((d) => !over(d)) ?? []
  const past = list.data?.filter(over).reverse() ?? []
  return (
    <Page title="Monitors" tabs={monitorTabs('downtimes')} actions={list.data?.length ? create : undefined}>
      {error && <div class="failure" role="alert">{error.message}</div>}
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && (
        <Panel>
          <Empty title="No downtimes" action={create}>During a downtime monitors go on being evaluated, and nobody is mailed. What is still bad when it ends is mailed then.</Empty>
        </Panel>
      )}
      {open.length > 0 && <Calendar list={open} />}
      {open.length > 0 && <Panel title="Active and scheduled" flush><Table list={open} cancel={cancel} /></Panel>}
      {past.length > 0 && <Panel title="Over or cancelled" flush><Table list={past.slice(0, 50)} /></Panel>}
    </Page>
  )
}

const days = 14

// Calendar is when the downtimes of the next two weeks are.
function Calendar({ list }: { list: Downtime[] }) {
  const calendar = useData('downtime calendar', () => api.downtimeCalendar(days), 60e3, ['monitors']).data
  if (!calendar) return null
  const { from, to, windows } = calendar
  const lanes = list.filter((d) => windows[d.id]).map((d): [string, Period[]] => [
    `${scopeOf(d)}${d.monitor_id ? `, monitor ${d.monitor_id}` : ''} · ${d.id}`,
    windows[d.id].map((w) => ({ status: 'Muted', from: Math.max(from, w.start), to: Math.min(to, w.end || to) })),
  ])
  if (lanes.length === 0) return null
  return <Panel title="The next two weeks"><div class="by-day"><Lanes groups={Object.fromEntries(lanes)} from={from} to={to} /></div></Panel>
}

const repeats = (d: Downtime) => Boolean(d.cron || d.rrule || d.recurrence || d.recurrences)

const over = (d: Downtime) => Boolean(d.canceled) || (!d.active && !repeats(d) && typeof d.end === 'number' && d.end * 1000 < now()) || (!d.active && typeof d.until === 'number' && d.until * 1000 < now())

function Table({ list, cancel }: { list: Downtime[]; cancel?: (id: number) => void }) {
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>State</th><th>Scope</th><th>When</th><th>Time zone</th><th>Message</th><th><span class="visually-hidden">Cancel</span></th></tr></thead>
        <tbody>
          {list.map((d) => (
            <tr key={d.id}>
              <td class="nowrap">{d.canceled ? <span class="muted">cancelled</span> : d.active ? <b class="accent-text">● active</b> : over(d) ? <span class="muted">over</span> : 'scheduled'}</td>
              <td>
                {scopeOf(d)}
                {d.monitor_id ? <> of <a href={link(`/monitors/${d.monitor_id}`)}>monitor {d.monitor_id}</a></> : null}
              </td>
              <td><When downtime={d} /></td>
              <td class="nowrap">{d.timezone ?? 'UTC'}</td>
              <td class="muted">{d.message}</td>
              <td class="figure">{cancel && <Confirm label="Cancel downtime" icon="remove" question={`Cancel the downtime of ${scopeOf(d)}? Monitors that are bad will be mailed.`} onConfirm={() => cancel(d.id)} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function scopeOf(d: Downtime): string {
  const scopes = [d.scope].flat().filter(Boolean)
  return scopes.length === 0 || scopes.join() === '*' ? 'everything' : scopes.join(', ')
}

function When({ downtime: d }: { downtime: Downtime }) {
  const window = d.active_child ?? d
  const rule = d.cron ?? d.rrule ?? (d.recurrence ? describe(d.recurrence) : '')
  const rules = d.recurrences?.map((r) => `${r.cron ?? r.rrule} for ${r.duration}`) ?? []
  return (
    <>
      {rules.map((r) => <div key={r} class="mono">{r}</div>)}
      {rule && <div class="mono">{rule}{d.duration ? ` for ${d.duration}${/^\d+$/.test(String(d.duration)) ? ' s' : ''}` : ''}</div>}
      {window.start ? <span class={rule || rules.length > 0 ? 'muted' : ''}>{(rule || rules.length > 0) && !d.active_child ? 'from ' : ''}<Moment ms={window.start * 1000} />{window.end ? <> to <Moment ms={window.end * 1000} /></> : rule || rules.length > 0 ? null : ', until cancelled'}</span> : null}
    </>
  )
}

function describe(r: NonNullable<Downtime['recurrence']>): string {
  if (r.type === 'rrule') return r.rrule ?? ''
  return `every ${r.period && r.period > 1 ? `${r.period} ${r.type}` : r.type.replace(/s$/, '')}${r.week_days?.length ? ` on ${r.week_days.join(', ')}` : ''}`
}
