// Making and editing a monitor, with the graph and its thresholds beside it.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Monitor } from '../model'
import { useData } from '../data'
import { algorithms, alertWindows, anomalyPartsOf, anomalyText, boundsOffered, directions, judged, seasonal, seasons, withOption, type AnomalyParts } from '../monitor/anomalies'
import { BacktestPanel } from '../monitor/backtest'
import { aggregators, comparators, fieldOf, groupKeys, metricsqlOf, nextWindows, partsOf, textOf, thresholdLines, windows, type Parts } from '../monitor/query'
import { JsonEditor } from '../monitor/json-editor'
import { MailPreviews } from '../monitor/mail-previews'
import { PastPanel } from '../monitor/past'
import { QueryBox } from '../query/query-box'
import { go, link, setParams } from '../route'
import { Button, Failure, Field, LinkButton, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { BandSentence, GraphView, useGraph } from '../parts/graph'

interface Form extends Parts {
  name: string
  message: string
  tags: string
  priority: string
  warning: string
  criticalRecovery: string
  warningRecovery: string
  noData: boolean
  noDataAfter: string
  renotify: string
  fullWindow: boolean
}

const fresh: Form = {
  name: '', message: '', tags: '', priority: '', aggregator: 'avg', window: 'last_5m', query: '', comparator: '>', critical: '',
  warning: '', criticalRecovery: '', warningRecovery: '', noData: false, noDataAfter: '10', renotify: '', fullWindow: false,
}

const text = (v: number | null | undefined) => (v === null || v === undefined ? '' : String(v))

function formOf(m: Monitor): Form | null {
  const parts = partsOf(m.query)
  const { thresholds: t = {}, ...o } = m.options
  return parts && metricsqlOf(parts.query) === null && (m.type === 'metric alert' || m.type === 'query alert') ? {
    ...parts,
    name: m.name, message: m.message, tags: (m.tags ?? []).join(', '), priority: text(m.priority),
    warning: text(t.warning), criticalRecovery: text(t.critical_recovery), warningRecovery: text(t.warning_recovery),
    noData: Boolean(o.notify_no_data), noDataAfter: text(o.no_data_timeframe) || '10', renotify: text(o.renotify_interval), fullWindow: Boolean(o.require_full_window),
  } : null
}

// documentOf is the form as the API takes it. Options it doesn't show stay.
function documentOf(f: Form, before?: Monitor): Partial<Monitor> {
  const number = (s: string) => (s.trim() === '' ? undefined : Number(s))
  const { no_data_timeframe: _after, renotify_interval: _again, ...kept } = before?.options ?? {}
  return {
    ...(before ? { id: before.id } : {}),
    name: f.name.trim() || undefined,
    type: before?.type ?? (anomalyPartsOf(f.query) ? 'query alert' : 'metric alert'),
    query: textOf(f),
    message: f.message,
    tags: f.tags.split(',').map((t) => t.trim()).filter(Boolean),
    priority: number(f.priority) ?? null,
    options: {
      ...kept,
      thresholds: {
        critical: number(f.critical), warning: number(f.warning), critical_recovery: number(f.criticalRecovery), warning_recovery: number(f.warningRecovery),
      } as Record<string, number>,
      notify_no_data: f.noData,
      ...(f.noData ? { no_data_timeframe: number(f.noDataAfter), on_missing_data: undefined } : {}),
      ...(f.renotify.trim() ? { renotify_interval: number(f.renotify) } : { renotify_occurrences: undefined, renotify_statuses: undefined }),
      require_full_window: f.fullWindow,
    },
  }
}

export function MonitorEditor({ id, params }: { id?: number; params: URLSearchParams }) {
  const monitor = useData(id ? `monitor ${id}` : null, () => api.monitor(id!))
  const crumbs: [string, string][] = [['Monitors', '/monitors'], ...(id ? [[monitor.data?.name ?? '…', `/monitors/${id}`] as [string, string]] : [])]
  const title = id ? 'Edit' : 'New monitor'
  if (id && !monitor.data) return <Page title={title} crumbs={crumbs} time>{monitor.error && <Failure error={monitor.error} retry={monitor.reload} />}</Page>
  const start = monitor.data ? formOf(monitor.data) : { ...fresh, query: params.get('q') ?? '' }
  const asJson = params.get('as') === 'json' || !start
  const swap = start && <Button label={asJson ? 'As a form' : 'As JSON'} onClick={() => setParams({ as: asJson ? null : 'json' })} />
  return (
    <Page title={title} crumbs={crumbs} time actions={swap || undefined}>
      {start && !asJson ? <Editor key={id} start={start} before={monitor.data} /> : <JsonOf id={id} before={monitor.data} />}
    </Page>
  )
}

// JsonOf waits for the monitor as somebody would write it.
function JsonOf({ id, before }: { id?: number; before?: Monitor }) {
  const doc = useData(id ? `export ${id}` : null, () => api.exportMonitor(id!))
  if (id && !doc.data) return doc.error ? <Failure error={doc.error} retry={doc.reload} /> : null
  const empty: Partial<Monitor> = { name: '', type: 'metric alert', query: 'avg(last_5m):avg:my_metric{*} by {host} > 800', message: '{{#is_alert}}{{value}} @me@example.com{{/is_alert}}', tags: [], options: { thresholds: { critical: 800 } } }
  return <JsonEditor key={id} before={before} start={doc.data ?? empty} />
}

function Editor({ start, before }: { start: Form; before?: Monitor }) {
  const [form, setForm] = useState(start)
  const [problem, setProblem] = useState<{ field: string; text: string } | null>(null)
  const [previewed, setPreviewed] = useState<Partial<Monitor> | null>(null)
  const [saving, setSaving] = useState(false)
  const graph = useGraph(form.query ? [{ query: form.query }] : [])
  const set = (change: Partial<Form>) => {
    setForm({ ...form, ...change })
    setProblem(null)
  }
  const anomalies = anomalyPartsOf(form.query)
  const ahead = /^\s*forecast\s*\(/.test(form.query)
  // What is asked for changes with what judges it.
  const rewrite = (p: AnomalyParts) => set({ query: anomalyText(p) })
  const watch = (query: string) => {
    const looksAhead = /^\s*forecast\s*\(/.test(query)
    const window = looksAhead === form.window.startsWith('next_') ? form.window : looksAhead ? 'next_1w' : 'last_5m'
    set({ query, window })
  }
  const judge = () => set({ query: judged(form.query), aggregator: 'avg', window: 'last_1h', comparator: '>=', critical: '0.6', warning: '', criticalRecovery: '0', warningRecovery: '' })
  const doc = documentOf(form, before)
  const keys = groupKeys(form.query)
  const wrong = (field: string) => (problem?.field === field ? problem.text : undefined)
  const known = ['name', 'query', 'message', 'tags', 'priority', ...['critical', 'warning', 'critical_recovery', 'warning_recovery'].map((t) => `options.thresholds.${t}`), 'options.no_data_timeframe', 'options.renotify_interval']
  const complete = form.query.trim() !== '' && form.critical.trim() !== ''

  const save = async (e: Event) => {
    e.preventDefault()
    if (!form.query.trim()) return setProblem({ field: 'query', text: 'Write the query to watch, such as avg:my_metric{*} by {host}.' })
    if (!form.critical.trim()) return setProblem({ field: 'options.thresholds.critical', text: 'Say at which value it alerts.' })
    setSaving(true)
    try {
      const saved = await api.saveMonitor(doc)
      go(link(`/monitors/${saved.id}`))
    } catch (cause) {
      setProblem(fieldOf((cause as Error).message))
    }
    setSaving(false)
  }
  const figure = (label: string, key: 'critical' | 'warning' | 'criticalRecovery' | 'warningRecovery', field: string, hint?: string) => (
    <Field label={label} hint={hint} error={wrong(`options.thresholds.${field}`)}>
      <input type="number" step="any" value={form[key]} onInput={(e) => set({ [key]: e.currentTarget.value })} />
    </Field>
  )

  return (
    <form class="spaced" onSubmit={save} noValidate>
      <div class="sticky-graph">
        <Panel flush title="What it watches">
          {form.query ? <GraphView graph={graph} label="The watched query" thresholds={thresholdLines(partsOf(textOf({ ...form, critical: form.critical || '0' })) && form, doc.options?.thresholds)} height={220} silent={graph.error?.offset !== undefined} onThreshold={(name, value) => set({ [name]: String(value) })} /> : <p class="graph-wait muted centre-text">The graph appears when the query is written</p>}
          <BandSentence drawn={graph.data} />
        </Panel>
      </div>
      <Panel title="1. Query">
        <div class="form">
          <div class="field wide">
            <span class="field-label">Watch</span>
            <QueryBox value={form.query} lang="datadog" error={graph.error} onCommit={watch} placeholder="avg:my_metric{*} by {host}" />
            {wrong('query') ? <span class="field-error" role="alert">{wrong('query')}</span> : <span class="field-hint">{keys.length ? `One state, and one mail, per ${keys.join(' and ')}.` : 'One state for all. Add “by {host}” for one per host.'}</span>}
          </div>
          <Field label="Take the"><select value={form.aggregator} onChange={(e) => set({ aggregator: e.currentTarget.value })}>{aggregators.map((a) => <option key={a}>{a}</option>)}</select></Field>
          <Field label={ahead ? 'Over the next' : 'Over the last'}>
            <select value={form.window} onChange={(e) => set({ window: e.currentTarget.value })}>
              {(ahead ? nextWindows : windows).map(([w, words]) => <option key={w} value={w}>{words}</option>)}
              {!(ahead ? nextWindows : windows).some(([w]) => w === form.window) && <option value={form.window}>{form.window}</option>}
            </select>
          </Field>
          <Field label="Bad is"><select value={form.comparator} onChange={(e) => set({ comparator: e.currentTarget.value })}>{comparators.map(([sign, words]) => <option key={sign} value={sign}>{words} ({sign})</option>)}</select></Field>
          {form.query.trim() !== '' && !anomalies && !/^\s*(forecast|outliers)\s*\(/.test(form.query) && (
            <div class="field wide"><div class="actions"><Button label="Alert on what is unusual" onClick={judge} /><span class="field-hint">instead of a fixed line: a band is learnt from the past</span></div></div>
          )}
        </div>
      </Panel>
      {anomalies && <AnomalyPanel parts={anomalies} onChange={rewrite} />}
      {anomalies && complete && graph.error === undefined && (
        <BacktestPanel monitor={doc} parts={anomalies} onPick={(bounds, window) => rewrite(withOption({ ...anomalies, bounds }, 'alert_window', window))} />
      )}
      <Panel title="2. Lines">
        <div class="form quarters">
          {figure('Alert at', 'critical', 'critical', anomalies ? 'share of points outside, 0 to 1' : undefined)}
          {figure('Warn at', 'warning', 'warning', 'empty: no warning')}
          {figure('Alert recovers at', 'criticalRecovery', 'critical_recovery', 'empty: at the alert line')}
          {figure('Warn recovers at', 'warningRecovery', 'warning_recovery', 'empty: at the warn line')}
          <div class="field">
            <label class="tick"><input type="checkbox" checked={form.noData} onChange={(e) => set({ noData: e.currentTarget.checked })} />Tell when data is missing</label>
          </div>
          {form.noData && <Field label="No Data after minutes" error={wrong('options.no_data_timeframe')}><input type="number" min="1" value={form.noDataAfter} onInput={(e) => set({ noDataAfter: e.currentTarget.value })} /></Field>}
          <Field label="Tell again after minutes" hint="empty: once per change" error={wrong('options.renotify_interval')}><input type="number" min="0" value={form.renotify} onInput={(e) => set({ renotify: e.currentTarget.value })} /></Field>
          <div class="field">
            <label class="tick"><input type="checkbox" checked={form.fullWindow} onChange={(e) => set({ fullWindow: e.currentTarget.checked })} />Wait for a full window</label>
          </div>
        </div>
      </Panel>
      <Panel title="3. Message">
        <div class="form">
          <Field label="Name" wide error={wrong('name')}><input value={form.name} placeholder={textOf(form)} onInput={(e) => set({ name: e.currentTarget.value })} /></Field>
          <Field label="Text" wide error={wrong('message')} hint={<>Written in Markdown. Name each receiver: <code>@person@example.com</code>.</>}>
            <textarea class="mono" rows={8} value={form.message} placeholder={'{{#is_alert}}{{host.name}} ({{host.ip}}) is at {{value}}. @me@example.com{{/is_alert}}\n{{#is_recovery}}Back to normal. @me@example.com{{/is_recovery}}'} onInput={(e) => set({ message: e.currentTarget.value })} />
          </Field>
          <div class="field wide"><Hints keys={keys} onPick={(piece) => set({ message: form.message + piece })} /></div>
          <div class="field description"><Field label="Tags, by comma" wide error={wrong('tags')}><input value={form.tags} placeholder="team:core, env:prod" onInput={(e) => set({ tags: e.currentTarget.value })} /></Field></div>
          <Field label="Priority" error={wrong('priority')}>
            <select value={form.priority} onChange={(e) => set({ priority: e.currentTarget.value })}>
              <option value="">none</option>
              {[1, 2, 3, 4, 5].map((p) => <option key={p} value={p}>P{p}</option>)}
            </select>
          </Field>
        </div>
      </Panel>
      {previewed && <MailPreviews monitor={previewed} />}
      {complete && !anomalies && !ahead && <PastPanel monitor={doc} />}
      {problem && !known.includes(problem.field) && <div class="failure" role="alert">{problem.field && <b>{problem.field}: </b>}{problem.text}</div>}
      <div class="actions save-bar">
        <Button type="submit" kind="primary" label={before ? 'Save' : 'Create monitor'} disabled={saving} />
        <Button icon="mail" label="Preview mails" disabled={!complete} onClick={() => setPreviewed(doc)} />
        <LinkButton kind="quiet" href={link(before ? `/monitors/${before.id}` : '/monitors')} label="Discard" />
      </div>
    </form>
  )
}

// AnomalyPanel is what an anomalies query says, as fields.
function AnomalyPanel({ parts, onChange }: { parts: AnomalyParts; onChange: (p: AnomalyParts) => void }) {
  const { options } = parts
  const option = (label: string, name: string, absent: string, choices: [string, string][], hint?: string) => {
    const value = options[name] ?? absent
    return (
      <Field label={label} hint={hint}>
        <select value={value} onChange={(e) => onChange(withOption(parts, name, e.currentTarget.value === absent ? '' : e.currentTarget.value))}>
          {choices.map(([v, words]) => <option key={v} value={v}>{words}</option>)}
          {!choices.some(([v]) => v === value) && <option value={value}>{value}</option>}
        </select>
      </Field>
    )
  }
  const below = options.direction === 'below'
  return (
    <Panel title="What is unusual">
      <div class="form quarters">
        <Field label="Compared with">
          <select value={parts.algorithm} onChange={(e) => onChange({ ...parts, algorithm: e.currentTarget.value })}>
            {algorithms.map(([name, words]) => <option key={name} value={name}>{words}</option>)}
            {!algorithms.some(([name]) => name === parts.algorithm) && <option value={parts.algorithm}>{parts.algorithm}</option>}
          </select>
        </Field>
        <Field label="Bounds" hint="standard deviations on each side">
          <select value={parts.bounds} onChange={(e) => onChange({ ...parts, bounds: Number(e.currentTarget.value) })}>
            {[...new Set([...boundsOffered, parts.bounds])].sort((a, b) => a - b).map((b) => <option key={b} value={b}>{b}</option>)}
          </select>
        </Field>
        {seasonal(parts.algorithm) && option('Season', 'seasonality', 'weekly', seasons.map((s) => [s, s]), 'needs three of them as history')}
        {option('Unusual is', 'direction', 'both', directions, below ? 'a band that reaches down to 0 can never be left' : undefined)}
        {option('Points of the last', 'alert_window', '', [['', "the query's window"], ...alertWindows])}
        {option('One point alone', 'severe', '', [['', 'is never enough'], ['6', 'beyond 6 deviations'], ['8', 'beyond 8 deviations'], ['10', 'beyond 10 deviations']])}
        <Field label="Ignored within" hint="of the expected value; empty: nothing">
          <input type="number" step="any" min="0" value={options.min_change ?? ''} onChange={(e) => onChange(withOption(parts, 'min_change', e.currentTarget.value))} />
        </Field>
      </div>
    </Panel>
  )
}

function Hints({ keys, onPick }: { keys: string[]; onPick: (piece: string) => void }) {
  const [all, setAll] = useState(false)
  const blocks = ['is_alert', 'is_warning', 'is_no_data', 'is_recovery', ...(all ? ['is_alert_to_warning', 'is_alert_recovery', 'is_warning_recovery', 'is_no_data_recovery', 'is_renotify'] : [])].map((b) => `{{#${b}}}\n\n{{/${b}}}`)
  const names = ['value', 'threshold', 'warn_threshold', 'comparator', ...keys.map((k) => `${k}.name`), ...(keys.includes('host') ? ['host.ip'] : []), ...(all ? ['first_triggered_at', 'last_triggered_at', 'triggered_duration_sec'] : [])].map((n) => `{{${n}}}`)
  return (
    <div class="actions hints">
      <span class="field-hint">Put in:</span>
      {[...names, ...blocks].map((piece) => <button key={piece} type="button" class="tag mono" onClick={() => onPick(piece)}>{piece.split('\n')[0]}</button>)}
      {!all && <button type="button" class="link" onClick={() => setAll(true)}>all</button>}
    </div>
  )
}
