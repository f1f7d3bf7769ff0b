// A monitor as its JSON: for every kind of query, and every option.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Monitor } from '../model'
import { fieldOf } from './query'
import { MailPreviews } from './mail-previews'
import { PastPanel } from './past'
import { go, link } from '../route'
import { Button, LinkButton, Panel } from '../parts/basics'

const samples: [name: string, doc: Partial<Monitor>][] = [
  ['Metric', { type: 'metric alert', query: 'avg(last_5m):avg:system.load.1{*} by {host} > 4', options: { thresholds: { critical: 4, warning: 3 } } }],
  ['Change', { type: 'query alert', query: 'pct_change(avg(last_5m),last_1h):avg:my_metric{*} by {host} > 50', options: { thresholds: { critical: 50 } } }],
  ['MetricsQL', { type: 'query alert', query: 'max(last_5m):metricsql(sum(rate(http_requests[1m])) by (job)) > 100', options: { thresholds: { critical: 100 } } }],
  ['Service check', { type: 'service check', query: '"postgres.can_connect".over("*").by("host").last(4).count_by_status()', options: { thresholds: { ok: 1, warning: 2, critical: 3 } } }],
  ['Host', { type: 'service check', query: '"datadog.agent.up".over("*").by("host").last(2).count_by_status()', options: { notify_no_data: true, no_data_timeframe: 2 } }],
  ['Event', { type: 'event-v2 alert', query: 'events("source:deploy status:error").rollup("count").by("service").last("15m") > 3', options: { thresholds: { critical: 3 } } }],
  ['Composite', { type: 'composite', query: '1 && 2', options: {} }],
]

const shown = (doc: unknown) => JSON.stringify(doc, null, 2)

export function JsonEditor({ before, start }: { before?: Monitor; start: Partial<Monitor> }) {
  const [text, setText] = useState(shown(start))
  const [problem, setProblem] = useState('')
  const [tried, setTried] = useState<Partial<Monitor> | null>(null)
  const parsed = (): Partial<Monitor> | null => {
    try {
      const doc = JSON.parse(text) as Partial<Monitor>
      setProblem('')
      return doc
    } catch (cause) {
      setProblem(`This is not JSON: ${(cause as Error).message}`)
      return null
    }
  }
  const save = async (e: Event) => {
    e.preventDefault()
    const doc = parsed()
    if (!doc) return
    try {
      const saved = await api.saveMonitor(before ? { ...doc, id: before.id } : doc)
      go(link(`/monitors/${saved.id}`))
    } catch (cause) {
      const { field, text } = fieldOf((cause as Error).message)
      setProblem(field ? `${field}: ${text}` : text)
    }
  }
  const sample = (doc: Partial<Monitor>) => setText(shown({ name: '', message: '{{#is_alert}}{{value}} @me@example.com{{/is_alert}}', tags: [], ...doc }))
  return (
    <form class="spaced" onSubmit={save}>
      <Panel title="The monitor as JSON" actions={!before && <div class="actions">{samples.map(([name, doc]) => <button key={name} type="button" class="tag" onClick={() => sample(doc)}>{name}</button>)}</div>}>
        <label class="visually-hidden" for="monitor-json">JSON</label>
        <textarea id="monitor-json" class="mono code-area" rows={24} spellcheck={false} value={text} onInput={(e) => { setText(e.currentTarget.value); setProblem('') }} />
        {problem && <p class="field-error" role="alert">{problem}</p>}
      </Panel>
      {tried && <><MailPreviews monitor={tried} /><PastPanel monitor={tried} /></>}
      <div class="actions save-bar">
        <Button type="submit" kind="primary" label={before ? 'Save' : 'Create monitor'} />
        <Button icon="mail" label="Preview mails and past" onClick={() => setTried(parsed())} />
        <LinkButton kind="quiet" href={link(before ? `/monitors/${before.id}` : '/monitors')} label="Discard" />
      </div>
    </form>
  )
}
