// One dashboard: seen, and edited in place.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, type Dashboard, type Widget } from '../api'
import { useData } from '../data'
import { askedBy, inOrder, laidOut, moved, newGraph, thresholdsOf, variablesOf, widthOf, widths, withWidth } from '../dashboard/document'
import { ServiceSummary, TopologyMap } from '../dashboard/apm-widgets'
import { QueryBox } from '../query/query-box'
import { go, link, setParams } from '../route'
import { Button, Confirm, Dialog, Empty, Failure, Field, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { Graph, GraphView, useGraph } from '../parts/graph'
import type { Style } from '../chart/lines'

export function DashboardPage({ id, params }: { id: string; params: URLSearchParams }) {
  const board = useData(`dashboard ${id}`, () => api.dashboard(id))
  const [draft, setDraft] = useState<Partial<Dashboard> | null>(null)
  const [error, setError] = useState<Error | null>(null)
  const [adding, setAdding] = useState(false)
  const [changing, setChanging] = useState<number | null>(null)
  const editing = params.has('edit')

  useEffect(() => {
    setDraft(editing && board.data ? { ...board.data, widgets: inOrder(board.data.widgets) } : null)
  }, [editing, board.data])

  if (board.error && !board.data) {
    return <Page title="Dashboard" crumbs={[['Dashboards', '/dashboards']]}><Failure error={board.error} retry={board.error.status === 404 ? undefined : board.reload} /></Page>
  }
  if (!board.data) return <Page title="…" crumbs={[['Dashboards', '/dashboards']]} time>{null}</Page>
  const shown = draft ?? { ...board.data, widgets: inOrder(board.data.widgets) }
  const variables = variablesOf(board.data, params)

  const save = async () => {
    try {
      await api.saveDashboard(laidOut(draft!))
      setError(null)
      setParams({ edit: null })
      board.reload()
    } catch (cause) {
      setError(cause as Error)
    }
  }
  const remove = async () => {
    try {
      await api.deleteDashboard(id)
      go(link('/dashboards'))
    } catch (cause) {
      setError(cause as Error)
    }
  }
  const put = (widget: Widget, index: number | null) => {
    const widgets = [...(draft!.widgets ?? [])]
    if (index === null) widgets.push(widget)
    else widgets[index] = widget
    setDraft(laidOut({ ...draft, widgets }))
    setAdding(false)
    setChanging(null)
  }

  return (
    <Page
      title={shown.title ?? ''}
      crumbs={[['Dashboards', '/dashboards']]}
      time
      actions={draft ? (
        <>
          <Button icon="plus" label="Add graph" onClick={() => setAdding(true)} />
          <Button label="Discard" kind="quiet" onClick={() => setParams({ edit: null })} />
          <Button kind="primary" label="Save" onClick={save} />
        </>
      ) : (
        <Button icon="edit" label="Edit" onClick={() => setParams({ edit: '1' })} />
      )}
    >
      {error && <div class="failure" role="alert">{error.message}</div>}
      {draft && (
        <Panel>
          <div class="form">
            <Field label="Title"><input value={draft.title} onInput={(e) => setDraft({ ...draft, title: e.currentTarget.value })} /></Field>
            <div class="field description"><Field label="Description" wide><input value={draft.description ?? ''} onInput={(e) => setDraft({ ...draft, description: e.currentTarget.value || null })} /></Field></div>
            <div class="field end-field"><Confirm icon="remove" label="Delete dashboard" question={`Delete “${board.data.title}” for good?`} onConfirm={remove} /></div>
          </div>
        </Panel>
      )}
      {!draft && shown.description && <p class="muted">{shown.description}</p>}
      <Variables board={board.data} params={params} />
      {shown.widgets!.length === 0 ? (
        <Panel><Empty title="No graphs on this dashboard yet" action={draft ? <Button kind="primary" icon="plus" label="Add graph" onClick={() => setAdding(true)} /> : <Button kind="primary" icon="edit" label="Edit" onClick={() => setParams({ edit: '1' })} />} /></Panel>
      ) : (
        <div class="grid12">
          {shown.widgets!.map((w, i) => (
            <div key={w.id ?? `new ${i}`} class="cell" style={{ '--span': widthOf(shown, w) }}>
              <WidgetView
                widget={w}
                variables={variables}
                tools={draft && (
                  <>
                    <select aria-label="Width" value={nearestWidth(widthOf(draft, w))} onChange={(e) => setDraft(withWidth(draft, i, Number(e.currentTarget.value)))}>
                      {widths.map(([n, name]) => <option key={n} value={n}>{name}</option>)}
                    </select>
                    <Button bare kind="quiet" icon="up" label="Move before" disabled={i === 0} onClick={() => setDraft(moved(draft, i, -1))} />
                    <Button bare kind="quiet" icon="down" label="Move after" disabled={i === shown.widgets!.length - 1} onClick={() => setDraft(moved(draft, i, 1))} />
                    {w.definition.type === 'timeseries' && <Button bare kind="quiet" icon="edit" label="Edit graph" onClick={() => setChanging(i)} />}
                    <Button bare kind="quiet" icon="remove" label="Remove" onClick={() => setDraft(laidOut({ ...draft, widgets: draft.widgets!.filter((_, k) => k !== i) }))} />
                  </>
                )}
              />
            </div>
          ))}
        </div>
      )}
      {(adding || changing !== null) && draft && (
        <GraphDialog widget={changing === null ? undefined : draft.widgets![changing]} onClose={() => (setAdding(false), setChanging(null))} onDone={(w) => put(w, changing)} />
      )}
    </Page>
  )
}

const nearestWidth = (width: number) => widths.reduce((best, [n]) => (Math.abs(n - width) < Math.abs(best - width) ? n : best), 12)

function Variables({ board, params }: { board: Dashboard; params: URLSearchParams }) {
  if (!board.template_variables?.length) return null
  return (
    <div class="actions">
      {board.template_variables.map((v) => (
        <label key={v.name} class="inline">
          <span class="muted">${v.name}</span>
          <input class="variable" value={params.get(`tpl_var_${v.name}`) ?? v.defaults?.[0] ?? v.default ?? '*'} onChange={(e) => setParams({ [`tpl_var_${v.name}`]: e.currentTarget.value || null })} />
        </label>
      ))}
    </div>
  )
}

function WidgetView({ widget, variables, tools }: { widget: Widget; variables: Record<string, string>; tools?: ComponentChildren }) {
  const { definition } = widget
  const { type, title } = definition
  switch (type) {
    case 'timeseries': {
      const asked = askedBy(definition.requests, variables)
      const explore = asked.map((a) => a.query).join(', ')
      return (
        <Panel flush title={title || explore} actions={tools ?? <a class="small" href={link('/metrics/explorer', { q: explore, style: asked[0]?.style === 'line' ? null : asked[0]?.style })}>Explore</a>}>
          <Graph label={title || explore} requests={asked} thresholds={thresholdsOf(definition.markers)} height={230} />
        </Panel>
      )
    }
    case 'trace_service':
      return <ServiceSummary definition={definition} tools={tools} />
    case 'topology_map':
    case 'servicemap':
      return <TopologyMap definition={definition} tools={tools} />
    case 'note':
      return <Panel actions={tools}><p class="note-text">{definition.content}</p></Panel>
    case 'group':
      return (
        <section class="widget-group" aria-label={title}>
          <header class="panel-head"><h2>{title}</h2>{tools && <div class="actions">{tools}</div>}</header>
          <div class="grid12">
            {inOrder(definition.widgets ?? []).map((w, i) => (
              <div key={w.id ?? i} class="cell" style={{ '--span': widthOf({ layout_type: 'ordered' }, w) }}><WidgetView widget={w} variables={variables} /></div>
            ))}
          </div>
        </section>
      )
    default:
      return (
        <Panel title={title} actions={tools}>
          <Empty title={`A widget of type ${type} is not shown yet`}>It is kept as it is when the dashboard is saved.</Empty>
        </Panel>
      )
  }
}

const styles: [Style, string][] = [['line', 'Lines'], ['area', 'Areas'], ['bars', 'Bars']]

// GraphDialog writes one graph, with the picture of it. A request in the form of
// queries and formulas stays in that form unless its query is changed.
function GraphDialog({ widget, onClose, onDone }: { widget?: Widget; onClose: () => void; onDone: (w: Widget) => void }) {
  const before = askedBy(widget?.definition.requests)
  const [title, setTitle] = useState(widget?.definition.title ?? '')
  const [queries, setQueries] = useState<string[]>(before.length ? before.map((a) => a.query) : [''])
  const [style, setStyle] = useState<Style>(before[0]?.style ?? 'line')
  const asked = queries.filter((q) => q.trim())
  const graph = useGraph(asked.map((query) => ({ query, style })))
  const done = () => {
    const fresh = newGraph(title.trim() || asked.join(', '), asked[0] ?? '', style)
    if (!widget) return onDone({ ...fresh, definition: { ...fresh.definition, requests: asked.map((q) => ({ q, display_type: style })) } })
    const same = asked.length === before.length && asked.every((q, i) => q === before[i].query)
    const requests = same ? widget.definition.requests!.map((r) => ({ ...r, display_type: style })) : asked.map((q) => ({ q, display_type: style }))
    onDone({ ...widget, definition: { ...widget.definition, title: title.trim(), requests } })
  }
  return (
    <Dialog title={widget ? 'Edit graph' : 'Add graph'} onClose={onClose}>
      <div class="spaced">
        <Field label="Title" wide><input value={title} placeholder={asked.join(', ')} onInput={(e) => setTitle(e.currentTarget.value)} /></Field>
        {queries.map((q, i) => (
          <div key={i} class="actions nowrap-row">
            <QueryBox value={q} lang="datadog" error={graph.error} onCommit={(text) => setQueries(queries.map((old, k) => (k === i ? text : old)))} />
            {queries.length > 1 && <Button bare kind="quiet" icon="remove" label="Remove query" onClick={() => setQueries(queries.filter((_, k) => k !== i))} />}
          </div>
        ))}
        <div class="actions">
          <Button icon="plus" kind="quiet" label="Another query" onClick={() => setQueries([...queries, ''])} />
          <div class="segments" role="group" aria-label="Drawn as">
            {styles.map(([s, name]) => <button key={s} type="button" aria-pressed={s === style} onClick={() => setStyle(s)}>{name}</button>)}
          </div>
        </div>
        {asked.length > 0 && <GraphView graph={graph} label="Preview" height={180} silent={graph.error?.offset !== undefined} />}
        <div class="actions end"><Button kind="primary" label={widget ? 'Done' : 'Add'} disabled={asked.length === 0} onClick={done} /></div>
      </div>
    </Dialog>
  )
}
