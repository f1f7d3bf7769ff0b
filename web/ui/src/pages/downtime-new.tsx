// Making a downtime, with its next windows shown before it is saved.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api'
import { useData } from '../data'
import { documentOf, repeats, type DowntimeForm } from '../monitor/downtime-form'
import { fieldOf } from '../monitor/query'
import { go, link } from '../route'
import { Button, Field, LinkButton, Panel } from '../parts/basics'
import { Page, useStatus } from '../parts/frame'
import { now } from '../clock'
import { zoneName } from '../time'

const pad = (n: number) => String(n).padStart(2, '0')
const local = (ms: number) => {
  const d = new Date(ms)
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`
}

export function DowntimeNew({ params }: { params: URLSearchParams }) {
  const status = useStatus()
  const monitors = useData('monitors', api.monitors)
  const scope = params.get('scope')
  const [form, setForm] = useState<DowntimeForm>(() => ({
    repeat: 'once', zone: zoneName(), startTime: '19:00', endTime: '09:00', start: local(now()), end: local(now() + 3600e3),
    cron: '0 19 * * MON-FRI', rrule: 'FREQ=WEEKLY;BYDAY=SA,SU', duration: '14h', scope: scope && scope !== '*' ? scope : '', monitorId: params.get('monitor_id') ?? '', message: '',
  }))
  const [problem, setProblem] = useState<{ field: string; text: string } | null>(null)
  const set = (change: Partial<DowntimeForm>) => {
    setForm({ ...form, ...change })
    setProblem(null)
  }
  const doc = documentOf(form)
  // The preview waits until the typing rests.
  const [rested, setRested] = useState(doc)
  const key = JSON.stringify(doc)
  useEffect(() => {
    const timer = setTimeout(() => setRested(doc), 400)
    return () => clearTimeout(timer)
  }, [key])
  const preview = useData(rested && `preview ${JSON.stringify({ ...rested, message: '' })}`, () => api.previewDowntime(rested!))
  const error = problem ?? (preview.error ? fieldOf(preview.error.message) : null)
  const wrong = (...fields: string[]) => (error && fields.includes(error.field) ? error.text : undefined)
  const known = ['start', 'end', 'cron', 'rrule', 'duration', 'timezone', 'scope', 'monitor_id', 'message']
  const zones = 'supportedValuesOf' in Intl ? Intl.supportedValuesOf('timeZone') : [zoneName()]

  const save = async (e: Event) => {
    e.preventDefault()
    if (!doc) return setProblem({ field: '', text: 'The schedule is not complete.' })
    try {
      await api.createDowntime(doc)
      go(link('/downtimes'))
    } catch (cause) {
      setProblem(fieldOf((cause as Error).message))
    }
  }

  return (
    <Page title="New downtime" crumbs={[['Downtimes', '/downtimes']]}>
      <form class="columns" onSubmit={save} noValidate>
        <div class="spaced">
          <Panel title="When">
            <div class="spaced">
              <div class="actions" role="group" aria-label="Repeats">
                {repeats.map(([r, name, what]) => (
                  <button key={r} type="button" class="button" title={what} aria-pressed={form.repeat === r} onClick={() => set({ repeat: r })}>{name}</button>
                ))}
              </div>
              <p class="muted">{repeats.find(([r]) => r === form.repeat)![2]}</p>
              <div class="form">
                {form.repeat === 'once' && (
                  <>
                    <Field label="Start" error={wrong('start')}><input type="datetime-local" value={form.start} onInput={(e) => set({ start: e.currentTarget.value })} /></Field>
                    <Field label="End" error={wrong('end')} hint="empty: until cancelled"><input type="datetime-local" value={form.end} onInput={(e) => set({ end: e.currentTarget.value })} /></Field>
                  </>
                )}
                {(form.repeat === 'weeknights' || form.repeat === 'offhours') && (
                  <>
                    <Field label="From" error={wrong('cron')}><input type="time" value={form.startTime} onInput={(e) => set({ startTime: e.currentTarget.value })} /></Field>
                    <Field label="To, the next day" error={wrong('duration')}><input type="time" value={form.endTime} onInput={(e) => set({ endTime: e.currentTarget.value })} /></Field>
                  </>
                )}
                {form.repeat === 'cron' && <Field label="Cron expression" error={wrong('cron')} hint="minute hour day month weekday"><input class="mono" value={form.cron} onInput={(e) => set({ cron: e.currentTarget.value })} /></Field>}
                {form.repeat === 'rrule' && (
                  <>
                    <Field label="RRULE" error={wrong('rrule')}><input class="mono" value={form.rrule} onInput={(e) => set({ rrule: e.currentTarget.value })} /></Field>
                    <Field label="First start" error={wrong('start')}><input type="datetime-local" value={form.start} onInput={(e) => set({ start: e.currentTarget.value })} /></Field>
                  </>
                )}
                {(form.repeat === 'cron' || form.repeat === 'rrule') && <Field label="Length" error={wrong('duration')} hint="such as 14h, 90m, 2d"><input value={form.duration} onInput={(e) => set({ duration: e.currentTarget.value })} /></Field>}
                <Field label="Time zone" error={wrong('timezone')} hint="Clock times hold over daylight saving changes">
                  <select value={form.zone} onChange={(e) => set({ zone: e.currentTarget.value })}>
                    {[...new Set(['UTC', ...(status ? [status.zone] : []), form.zone, ...zones])].filter((z) => z !== 'Local').map((z) => <option key={z}>{z}</option>)}
                  </select>
                </Field>
              </div>
            </div>
          </Panel>
          <Panel title="What">
            <div class="form">
              <div class="field description"><Field label="Scope" wide error={wrong('scope')} hint="Tags such as env:staging, or env:(a OR b) AND !role:db. Empty: everything"><input class="mono" value={form.scope} placeholder="everything" onInput={(e) => set({ scope: e.currentTarget.value })} /></Field></div>
              <Field label="Monitor" error={wrong('monitor_id')}>
                <select value={form.monitorId} onChange={(e) => set({ monitorId: e.currentTarget.value })}>
                  <option value="">all</option>
                  {monitors.data?.map((m) => <option key={m.id} value={m.id}>{m.name}</option>)}
                </select>
              </Field>
              <Field label="Message" wide error={wrong('message')} hint="Addresses such as @me@example.com are told when it is scheduled, starts, ends and is cancelled"><textarea rows={3} value={form.message} onInput={(e) => set({ message: e.currentTarget.value })} /></Field>
            </div>
          </Panel>
          {error && !known.includes(error.field) && <div class="failure" role="alert">{error.field && <b>{error.field}: </b>}{error.text}</div>}
          <div class="actions save-bar">
            <Button type="submit" kind="primary" label="Schedule" />
            <LinkButton kind="quiet" href={link('/downtimes')} label="Discard" />
          </div>
        </div>
        <Panel title="Next windows" loading={preview.loading}>
          {!doc ? <p class="muted">Complete the schedule to see them.</p> : preview.data && (
            <ol class="windows">
              {preview.data.map((w) => (
                <li key={w.start}>{inZone(w.start, form.zone)} {w.end ? <>to {inZone(w.end, form.zone)}</> : 'until cancelled'}</li>
              ))}
              {preview.data.length === 0 && <li class="muted">None: the schedule is over.</li>}
            </ol>
          )}
          <p class="field-hint">in {form.zone}</p>
        </Panel>
      </form>
    </Page>
  )
}

const inZone = (ms: number, zone: string) =>
  new Date(ms).toLocaleString('en-US', { timeZone: zone, weekday: 'short', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
