import { useEffect, useState } from 'preact/hooks'
import { api, type ApiError, type Dashboard, type Widget } from '../api'
import { Page } from '../app'
import { useData, useRange, type RangeControl } from '../hooks'
import type { Threshold } from '../graph'
import { Empty, Failure, Panel, QueryGraph, TimeControl } from '../parts'
import { QueryEditor } from '../query-editor'
import { go, setParams, useRoute } from '../route'

export function DashboardPage({ id }: { id: string }) {
  const control = useRange()
  const { params } = useRoute()
  const editing = params.get('edit') === 'true'
  const loaded = useData(() => api.dashboard(id), [id])
  const [draft, setDraft] = useState<Dashboard>()
  const [problem, setProblem] = useState<ApiError>()
  useEffect(() => {
    if (loaded.data) setDraft(structuredClone(loaded.data))
  }, [loaded.data, editing])
  const board = editing ? draft : loaded.data

  const save = () => api.saveDashboard(draft!).then(() => (loaded.reload(), setParams({ edit: null })), setProblem)
  const remove = () => confirm(`Delete the dashboard "${board?.title}"?`) && api.deleteDashboard(id).then(() => go('/dashboards'), setProblem)
  const change = (widgets: Widget[]) => setDraft({ ...draft!, widgets })
  const swap = (i: number, j: number) => {
    const widgets = [...draft!.widgets]
    ;[widgets[i], widgets[j]] = [widgets[j], widgets[i]]
    change(widgets)
  }
  return (
    <Page title={board?.title ?? 'Dashboard'} bar={<>
      {editing ? <><button class="primary" onClick={save}>Save</button><button onClick={() => setParams({ edit: null })}>Cancel</button></>
        : <><button onClick={() => setParams({ edit: 'true' })}>Edit</button><button onClick={remove}>Delete</button></>}
      <TimeControl control={control} />
    </>}>
      <Failure error={loaded.error ?? problem} />
      {editing && draft && (
        <Panel>
          <div class="controls">
            <label class="grow">Title <input value={draft.title} onInput={(e) => setDraft({ ...draft, title: e.currentTarget.value })} /></label>
            <label class="grow">Description <input value={draft.description ?? ''} onInput={(e) => setDraft({ ...draft, description: e.currentTarget.value })} /></label>
          </div>
        </Panel>
      )}
      {board && !editing && board.description && <p class="meta">{board.description}</p>}
      {board && board.widgets.length === 0 && !editing && <Empty><p>Nothing is on this dashboard yet.</p><p><button onClick={() => setParams({ edit: 'true' })}>Add a graph</button></p></Empty>}
      <div class="board">
        {board?.widgets.map((w, i) => (
          <WidgetView key={w.id ?? i} widget={w} control={control} editor={editing ? {
            change: (next) => change(draft!.widgets.map((old, j) => (j === i ? next : old))),
            remove: () => change(draft!.widgets.filter((_, j) => j !== i)),
            earlier: i > 0 ? () => swap(i, i - 1) : undefined,
            later: i + 1 < draft!.widgets.length ? () => swap(i, i + 1) : undefined,
          } : undefined} />
        ))}
      </div>
      {editing && draft && (
        <button onClick={() => change([...draft.widgets, { definition: { type: 'timeseries', title: 'New graph', requests: [{ q: 'avg:whippet.process.rss_bytes{*}' }] } }])}>Add a graph</button>
      )}
    </Page>
  )
}

interface Editor {
  change: (w: Widget) => void
  remove: () => void
  earlier?: () => void
  later?: () => void
}

// queriesOf reads both forms of requests: q, and queries with formulas.
function queriesOf(w: Widget): string[] {
  return (w.definition.requests ?? []).flatMap((r) => {
    if (r.q) return [r.q]
    const byName = new Map((r.queries ?? []).map((q) => [q.name, q.query]))
    const formulas = r.formulas?.map((f) => f.formula) ?? [...byName.keys()]
    return formulas.map((f) => f.replace(/\b[A-Za-z_]\w*\b(?!\s*\()/g, (name) => (byName.has(name) ? (f.trim() === name ? byName.get(name)! : `(${byName.get(name)})`) : name)))
  })
}

// thresholdsOf reads markers such as "y > 800" or "y = 15".
function thresholdsOf(w: Widget): Threshold[] {
  return (w.definition.markers ?? []).flatMap((m) => {
    const found = /y\s*([<>=]+)\s*(-?[\d.]+)/.exec(m.value)
    if (!found) return []
    return [{ value: Number(found[2]), label: m.label ?? m.value, severity: /warn/.test(m.display_type ?? '') ? 'warn' as const : 'alert' as const, below: found[1].startsWith('<') }]
  })
}

function WidgetView({ widget, control, editor }: { widget: Widget; control: RangeControl; editor?: Editor }) {
  const d = widget.definition
  const queries = queriesOf(widget)
  const display = d.requests?.[0]?.display_type
  const title = d.title || queries[0] || d.type
  const query = d.requests?.[0]?.q
  const actions = editor ? <>
    <button disabled={!editor.earlier} onClick={editor.earlier} aria-label={`Move ${title} earlier`}>←</button>
    <button disabled={!editor.later} onClick={editor.later} aria-label={`Move ${title} later`}>→</button>
    <button onClick={editor.remove} aria-label={`Remove ${title}`}>Remove</button>
  </> : queries.length > 0 && <a href={`/metrics/explorer?q=${encodeURIComponent(queries.join(', '))}`}>Explore</a>
  return (
    <Panel title={editor ? <input aria-label="Title of the graph" value={d.title ?? ''} onInput={(e) => editor.change({ ...widget, definition: { ...d, title: e.currentTarget.value } })} /> : title} actions={actions}>
      {editor && query !== undefined && (
        <QueryEditor value={query} lang="datadog" label={`Query of ${title}`} onRun={(q) => editor.change({ ...widget, definition: { ...d, requests: [{ ...d.requests![0], q }, ...d.requests!.slice(1)] } })} />
      )}
      {d.type === 'timeseries' ? (
        <QueryGraph control={control} height={220} queries={queries.map((q) => ({ query: q }))} thresholds={thresholdsOf(widget)} explain
          kind={display === 'area' || display === 'bars' ? display : 'line'} />
      ) : d.type === 'note' ? <p class="note">{String(d.content ?? '')}</p> : (
        <Empty><p>A widget of type "{d.type}" is not shown yet. It is kept as it is.</p></Empty>
      )}
    </Panel>
  )
}
