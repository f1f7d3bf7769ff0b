import { useEffect, useState } from 'preact/hooks'
import { api, type ApiError, type Monitor } from '../api'
import { Page } from '../app'
import { useData, useRange } from '../hooks'
import { comparatorOf, explain, innerQuery, thresholdsOf } from '../monitor-query'
import { Failure, Field, Panel, QueryGraph, TimeControl } from '../parts'
import { QueryEditor } from '../query-editor'
import { go, useRoute } from '../route'
import { Preview } from './monitor'

const windows = ['1m', '5m', '10m', '15m', '30m', '1h', '2h', '4h', '1d']

interface Form {
  name: string
  aggregator: string
  window: string
  query: string
  comparator: string
  critical: string
  warning: string
  criticalRecovery: string
  warningRecovery: string
  noData: boolean
  noDataMinutes: string
  renotify: string
  message: string
  tags: string
}

const blank: Form = {
  name: '', aggregator: 'avg', window: '5m', query: 'avg:whippet.process.rss_bytes{*}', comparator: '>', critical: '', warning: '', criticalRecovery: '', warningRecovery: '',
  noData: false, noDataMinutes: '10', renotify: '', tags: '',
  message: '{{#is_alert}}{{value}} is above {{threshold}}{{/is_alert}}\n{{#is_warning}}{{value}} is above {{warn_threshold}}{{/is_warning}}\n{{#is_recovery}}It is well again.{{/is_recovery}}\n@you@example.com',
}

const text = (v: unknown) => (v === null || v === undefined ? '' : String(v))

function formOf(m: Monitor): Form {
  const head = /^\s*(\w+)\(last_(\w+)\):/.exec(m.query)
  const t = m.options.thresholds ?? {}
  return {
    name: m.name, aggregator: head?.[1] ?? 'avg', window: head?.[2] ?? '5m', query: innerQuery(m.query), comparator: comparatorOf(m.query),
    critical: text(t.critical), warning: text(t.warning), criticalRecovery: text(t.critical_recovery), warningRecovery: text(t.warning_recovery),
    noData: Boolean(m.options.notify_no_data), noDataMinutes: text(m.options.no_data_timeframe ?? 10), renotify: text(m.options.renotify_interval || ''),
    message: m.message, tags: (m.tags ?? []).join(', '),
  }
}

const numberOf = (s: string) => (s.trim() === '' ? undefined : Number(s))

// monitorOf writes the form as the API's document, over what was there before.
function monitorOf(f: Form, before?: Monitor): Partial<Monitor> {
  return {
    ...(before ? { id: before.id } : {}),
    name: f.name,
    type: before?.type ?? 'metric alert',
    query: `${f.aggregator}(last_${f.window}):${f.query} ${f.comparator} ${f.critical}`,
    message: f.message,
    tags: f.tags.split(',').map((t) => t.trim()).filter(Boolean),
    options: {
      ...before?.options,
      thresholds: {
        critical: numberOf(f.critical) ?? null, warning: numberOf(f.warning) ?? null,
        critical_recovery: numberOf(f.criticalRecovery) ?? null, warning_recovery: numberOf(f.warningRecovery) ?? null,
      },
      notify_no_data: f.noData,
      no_data_timeframe: f.noData ? (numberOf(f.noDataMinutes) ?? 10) : (before?.options.no_data_timeframe ?? null),
      renotify_interval: numberOf(f.renotify) ?? null,
    },
  }
}

// withoutNulls leaves out what is not set, as the API wants new monitors.
function withoutNulls<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, (_k, v) => (v === null ? undefined : v)))
}

const variables = '{{value}} {{threshold}} {{warn_threshold}} {{host.name}} {{host.ip}} {{#is_alert}} {{#is_warning}} {{#is_no_data}} {{#is_recovery}} {{#is_renotify}} @person@example.com'

export function MonitorEditPage({ id }: { id?: number }) {
  const control = useRange()
  const { params } = useRoute()
  const loaded = useData(async () => (id ? api.monitor(id) : undefined), [id])
  const [form, setForm] = useState<Form>({ ...blank, query: params.get('q') ?? blank.query })
  const [problem, setProblem] = useState<ApiError>()
  const [graphError, setGraphError] = useState<ApiError>()
  useEffect(() => {
    if (loaded.data) setForm(formOf(loaded.data))
  }, [loaded.data])
  const set = (changes: Partial<Form>) => {
    setProblem(undefined)
    setForm({ ...form, ...changes })
  }
  const input = (key: keyof Form, type: 'text' | 'number' | 'datetime-local' = 'text') => (
    <input type={type as 'text'} name={key} value={String(form[key])} onInput={(e) => set({ [key]: e.currentTarget.value } as Partial<Form>)} {...(type === 'number' ? { step: 'any' } : {})} />
  )
  const doc = withoutNulls(monitorOf(form, loaded.data))
  const wrong = (...words: string[]) => (problem && words.some((w) => problem.message.includes(w)) ? problem.message : undefined)
  const fieldError = {
    critical: wrong('thresholds.critical') && !wrong('critical_recovery') ? problem!.message : undefined,
    warning: wrong('thresholds.warning') && !wrong('warning_recovery') ? problem!.message : undefined,
    recovery: wrong('_recovery'),
    message: wrong('message'),
    query: wrong('query'),
  }
  const placed = Object.values(fieldError).some(Boolean)
  const save = () => api.saveMonitor(doc).then((m) => go(`/monitors/${m.id}`), setProblem)
  return (
    <Page title={id ? `Edit ${loaded.data?.name ?? 'monitor'}` : 'New monitor'} bar={<><button class="primary" onClick={save}>Save</button><a class="button" href={id ? `/monitors/${id}` : '/monitors'}>Cancel</a><TimeControl control={control} /></>}>
      <Failure error={loaded.error} />
      {problem && !placed && <Failure error={problem} />}
      <Panel title="What to watch">
        <QueryEditor value={form.query} lang="datadog" label="Query to watch" error={graphError} onRun={(query) => set({ query })} />
        {fieldError.query && <p class="failure" role="alert">{fieldError.query}</p>}
        <QueryGraph control={control} height={260} onError={setGraphError} queries={[{ query: form.query }]} thresholds={thresholdsOf(doc as Monitor)} />
      </Panel>
      <Panel title="When it is bad">
        <div class="form">
          <Field label="Over time"><select value={form.aggregator} onChange={(e) => set({ aggregator: e.currentTarget.value })}>{['avg', 'max', 'min', 'sum', 'last'].map((a) => <option value={a}>{a}</option>)}</select></Field>
          <Field label="Of the last"><select value={form.window} onChange={(e) => set({ window: e.currentTarget.value })}>{[...new Set([...windows, form.window])].map((w) => <option value={w}>{w}</option>)}</select></Field>
          <Field label="Is"><select value={form.comparator} onChange={(e) => set({ comparator: e.currentTarget.value })}><option value=">">above</option><option value=">=">at or above</option><option value="<">below</option><option value="<=">at or below</option></select></Field>
          <Field label="Alert threshold" error={fieldError.critical}>{input('critical', 'number')}</Field>
          <Field label="Warning threshold" hint="may be empty" error={fieldError.warning}>{input('warning', 'number')}</Field>
          <Field label="Alert recovers at" hint="empty: at the threshold" error={fieldError.recovery}>{input('criticalRecovery', 'number')}</Field>
          <Field label="Warning recovers at" hint="empty: at the threshold">{input('warningRecovery', 'number')}</Field>
          <Field label="Missing data"><select value={form.noData ? 'yes' : 'no'} onChange={(e) => set({ noData: e.currentTarget.value === 'yes' })}><option value="no">say nothing</option><option value="yes">No Data</option></select></Field>
          {form.noData && <Field label="After minutes">{input('noDataMinutes', 'number')}</Field>}
          <Field label="Mail again after minutes" hint="empty: never">{input('renotify', 'number')}</Field>
        </div>
        <p class="sentence">{explain(doc as Monitor)}</p>
      </Panel>
      <Panel title="What to say, and to whom">
        <div class="form wide">
          <Field label="Name">{input('name')}</Field>
          <Field label="Message" hint={`Markdown. Variables: ${variables}`} error={fieldError.message}>
            <textarea name="message" rows={7} value={form.message} onInput={(e) => set({ message: e.currentTarget.value })} />
          </Field>
          <Field label="Tags" hint="separated by commas">{input('tags')}</Field>
        </div>
      </Panel>
      <Preview monitor={doc} />
    </Page>
  )
}
