import { useState } from 'preact/hooks'
import { api, type ApiError, type Dashboard, type Lang } from '../api'
import { Page } from '../app'
import { useData, useRange } from '../hooks'
import { Panel, QueryGraph, TimeControl } from '../parts'
import { QueryEditor } from '../query-editor'
import { go, setParams, useRoute } from '../route'

const first = 'avg:whippet.process.rss_bytes{*}'

export function ExplorerPage() {
  const control = useRange()
  const { params } = useRoute()
  const lang = (params.get('lang') ?? 'datadog') as Lang
  const query = params.get('q') ?? (lang === 'datadog' ? first : 'whippet_process_rss_bytes')
  const kind = (params.get('kind') ?? 'line') as 'line' | 'area' | 'bars'
  const [error, setError] = useState<ApiError>()
  return (
    <Page title="Metrics explorer" bar={<TimeControl control={control} />}>
      <Panel>
        <QueryEditor value={query} lang={lang} error={error} onRun={(q) => setParams({ q })} onLang={(l) => setParams({ lang: l === 'datadog' ? null : l, q: null })} />
      </Panel>
      <Panel title={query} class="wide" actions={<>
        <select aria-label="Drawn as" value={kind} onChange={(e) => setParams({ kind: e.currentTarget.value }, true)}>
          <option value="line">Lines</option><option value="area">Areas</option><option value="bars">Bars</option>
        </select>
        {lang === 'datadog' && <SaveTo query={query} kind={kind} />}
        <a class="button" href={`/monitors/new?q=${encodeURIComponent(query)}`} hidden={lang !== 'datadog'}>Make a monitor</a>
      </>}>
        <QueryGraph control={control} height={420} kind={kind} legend explain onError={setError} queries={[{ query, lang }]} />
      </Panel>
    </Page>
  )
}

function SaveTo({ query, kind }: { query: string; kind: string }) {
  const dashboards = useData(() => api.dashboards(), [])
  const [problem, setProblem] = useState('')
  const save = async (id: string) => {
    const widget = { definition: { type: 'timeseries', title: query, requests: [{ q: query, display_type: kind }] } }
    try {
      const saved = id === 'new'
        ? await api.saveDashboard({ title: 'New dashboard', layout_type: 'ordered', widgets: [widget] })
        : await api.dashboard(id).then((d: Dashboard) => api.saveDashboard({ ...d, widgets: [...d.widgets, widget] }))
      go(saved.url)
    } catch (cause) {
      setProblem((cause as Error).message)
    }
  }
  return (
    <>
      <select aria-label="Save to a dashboard" value="" onChange={(e) => e.currentTarget.value && save(e.currentTarget.value)}>
        <option value="">Save to…</option>
        <option value="new">A new dashboard</option>
        {(dashboards.data ?? []).map((d) => <option value={d.id}>{d.title}</option>)}
      </select>
      {problem && <em role="alert">{problem}</em>}
    </>
  )
}
