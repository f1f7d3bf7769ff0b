import { useState } from 'preact/hooks'
import { api, type ApiError, type Downtime } from '../api'
import { Page } from '../app'
import { useData, useTick } from '../hooks'
import { Empty, Failure, Field, Panel, Tags } from '../parts'
import { showTime } from '../time'

const zones = () => (Intl as unknown as { supportedValuesOf(kind: string): string[] }).supportedValuesOf('timeZone')

type Kind = 'nights' | 'weekends' | 'once' | 'cron' | 'rrule'

interface Form {
  kind: Kind
  scope: string
  zone: string
  message: string
  start: string // local date and time
  end: string
  cron: string
  duration: string
  rrule: string
}

const local = (ms: number) => {
  const d = new Date(ms - new Date(ms).getTimezoneOffset() * 60e3)
  return d.toISOString().slice(0, 16)
}

function documentOf(f: Form): Partial<Downtime> {
  const doc: Partial<Downtime> = { scope: f.scope.split(',').map((s) => s.trim()).filter(Boolean), timezone: f.zone, message: f.message }
  switch (f.kind) {
    case 'nights':
      return { ...doc, cron: '0 19 * * MON-FRI', duration: '14h' }
    case 'weekends':
      return { ...doc, cron: '0 0 * * SAT,SUN', duration: '24h' }
    case 'cron':
      return { ...doc, cron: f.cron, duration: f.duration }
    case 'rrule':
      return { ...doc, start: seconds(f.start), end: seconds(f.end), recurrence: { type: 'rrule', rrule: f.rrule } }
    case 'once':
      return { ...doc, start: seconds(f.start), end: seconds(f.end) }
  }
}

const seconds = (text: string) => Math.floor(new Date(text).getTime() / 1000)

export function DowntimesPage() {
  const tick = useTick(15e3)
  const loaded = useData(() => api.downtimes(), [tick])
  const [creating, setCreating] = useState(false)
  const [problem, setProblem] = useState<ApiError>()
  const list = loaded.data ?? []
  const cancel = (d: Downtime) => confirm('Cancel this downtime?') && api.cancelDowntime(d.id).then(loaded.reload, setProblem)
  return (
    <Page title="Downtimes" bar={<><a class="button" href="/monitors">Monitors</a><button class="primary" onClick={() => setCreating(!creating)}>{creating ? 'Close' : 'New downtime'}</button></>}>
      <Failure error={loaded.error ?? problem} />
      {creating && <Create done={() => (setCreating(false), loaded.reload())} />}
      <Panel>
        {loaded.data && list.length === 0 ? <Empty><p>While a downtime is active, monitors go on and nothing is mailed.</p><p><button onClick={() => setCreating(true)}>Schedule one</button></p></Empty> : (
          <table class="list">
            <thead><tr><th>State</th><th>Scope</th><th>When</th><th>Zone</th><th>Message</th><th /></tr></thead>
            <tbody>
              {list.map((d) => (
                <tr>
                  <td>{d.canceled ? 'cancelled' : d.active ? <span class="state warn"><i>▲</i> active</span> : 'scheduled'}</td>
                  <td><Tags tags={Array.isArray(d.scope) ? d.scope : [d.scope]} />{d.monitor_id ? <a href={`/monitors/${d.monitor_id}`}> monitor {d.monitor_id}</a> : null}</td>
                  <td>{when(d)}</td>
                  <td>{d.timezone}</td>
                  <td>{d.message}</td>
                  <td>{!d.canceled && <button onClick={() => cancel(d)}>Cancel</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </Page>
  )
}

function when(d: Downtime): string {
  if (d.cron) return `${d.cron} for ${d.duration}`
  const span = `${d.start ? showTime(d.start * 1000) : 'now'} to ${d.end ? showTime(d.end * 1000) : 'cancelled'}`
  if (d.recurrence?.rrule) return `${d.recurrence.rrule}, first ${span}`
  if (d.recurrence) return `every ${d.recurrence.period ?? 1} ${d.recurrence.type} ${(d.recurrence.week_days ?? []).join(', ')}, first ${span}`
  return span
}

function Create({ done }: { done: () => void }) {
  const [form, setForm] = useState<Form>({
    kind: 'nights', scope: '*', zone: Intl.DateTimeFormat().resolvedOptions().timeZone, message: '', start: local(Date.now()), end: local(Date.now() + 3600e3),
    cron: '0 19 * * MON-FRI', duration: '14h', rrule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR',
  })
  const [problem, setProblem] = useState<ApiError>()
  const set = (changes: Partial<Form>) => setForm({ ...form, ...changes })
  const doc = documentOf(form)
  const preview = useData(() => api.previewDowntime(doc), [JSON.stringify(doc)])
  const input = (key: keyof Form, type: 'text' | 'number' | 'datetime-local' = 'text') => <input type={type as 'text'} name={key} value={form[key]} onInput={(e) => set({ [key]: e.currentTarget.value } as Partial<Form>)} />
  return (
    <Panel title="New downtime">
      <div class="form">
        <Field label="When"><select value={form.kind} onChange={(e) => set({ kind: e.currentTarget.value as Kind })}>
          <option value="nights">Weekdays, 19:00 to 9:00</option><option value="weekends">Weekends</option><option value="once">Once</option><option value="cron">By a cron expression</option><option value="rrule">By an RRULE</option>
        </select></Field>
        <Field label="Time zone"><select value={form.zone} onChange={(e) => set({ zone: e.currentTarget.value })}>{[...new Set([form.zone, 'UTC', ...zones()])].map((z) => <option value={z}>{z}</option>)}</select></Field>
        <Field label="Scope" hint="tags, all of which must hold; * for everything">{input('scope')}</Field>
        {(form.kind === 'once' || form.kind === 'rrule') && <><Field label="From">{input('start', 'datetime-local')}</Field><Field label="To">{input('end', 'datetime-local')}</Field></>}
        {form.kind === 'cron' && <><Field label="Cron expression">{input('cron')}</Field><Field label="For" hint="such as 14h or 90m">{input('duration')}</Field></>}
        {form.kind === 'rrule' && <Field label="RRULE">{input('rrule')}</Field>}
        <Field label="Message" hint="@addresses are told when it is scheduled, starts and ends">{input('message')}</Field>
      </div>
      <Failure error={problem ?? preview.error} />
      {preview.data && !preview.error && (
        <p class="sentence">{preview.data.length === 0 ? 'It never happens.' : <>Next: {preview.data.slice(0, 5).map((o) => <span class="tag">{showTime(o.start)} to {showTime(o.end)}</span>)} (your time)</>}</p>
      )}
      <button class="primary" onClick={() => api.createDowntime(doc).then(done, setProblem)}>Schedule</button>
    </Panel>
  )
}
