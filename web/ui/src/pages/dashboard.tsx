// One dashboard: seen, and edited in place.
import { useEffect, useState } from 'preact/hooks'
import { api, type Dashboard, type Widget } from '../api'
import { useData } from '../data'
import { inOrder, laidOut, moved, variablesOf, widthOf, widths, withWidth } from '../dashboard/document'
import { WidgetView } from '../dashboard/widget'
import { WidgetEditor } from '../dashboard/widget-editor'
import { go, link, setParams } from '../route'
import { Button, Confirm, Empty, Failure, Field, Panel } from '../parts/basics'
import { Page } from '../parts/frame'

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
        <WidgetEditor widget={changing === null ? undefined : draft.widgets![changing]} onClose={() => (setAdding(false), setChanging(null))} onDone={(w) => put(w, changing)} />
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
