// One dashboard: seen, and edited in place.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api'
import type { Dashboard, Widget } from '../model'
import { useData } from '../data'
import { Conflict, CopyBoardAs, ImportDialog, Leaving } from '../dashboard/dialogs'
import { added, allWidgets, duplicated, exported, groupOf, inReadingOrder, movedTo, removedAt, replacedAt, swapped, widgetAt, type Board, type Path } from '../dashboard/edits'
import { download, fileName, shownJSON } from '../dashboard/forms'
import { FullScreen } from '../dashboard/full-screen'
import { Grid, type Slot } from '../dashboard/grid'
import { GroupHead } from '../dashboard/group-head'
import { useHistory } from '../dashboard/history'
import { ShareButton } from '../dashboard/share'
import { TV } from '../dashboard/tv'
import { VariableBar } from '../dashboard/variable-bar'
import { VariablesDialog } from '../dashboard/variables-dialog'
import { chosenIn, filled, variablesOf, withVariables, type SavedView } from '../dashboard/variables'
import { WidgetView } from '../dashboard/widget'
import { WidgetEditor } from '../dashboard/widget-editor'
import { WidgetMenu } from '../dashboard/widget-tools'
import { go, link, setParams, useHold } from '../route'
import { refreshes } from '../range'
import { may, useSession } from '../session'
import { Button, Dialog, Empty, Failure, Field, Panel } from '../parts/basics'
import { Menu, type Item } from '../parts/menu'
import { Page } from '../parts/frame'

const crumbs: [string, string][] = [['Dashboards', '/dashboards']]
const builtin = /^builtin-/

export function DashboardPage({ id, params }: { id: string; params: URLSearchParams }) {
  const board = useData(`dashboard ${id}`, () => (builtin.test(id) ? api.preset(id) : api.dashboard(id)), 0, ['dashboards'])
  if (board.error && !board.data) {
    return <Page title="Dashboard" crumbs={crumbs}><Failure error={board.error} retry={board.error.status === 404 ? undefined : board.reload} /></Page>
  }
  if (!board.data) return <Page title="…" crumbs={crumbs} time>{null}</Page>
  return <Shown loaded={board.data} reload={board.reload} params={params} />
}

// Open is the dialog on top, if any.
type Open = { kind: 'add'; group: number | null } | { kind: 'change'; path: Path } | { kind: 'variables' | 'import' | 'as' | 'delete' } | { kind: 'conflict'; theirs: Dashboard } | { kind: 'leave'; leave: () => void }

function Shown({ loaded, reload, params }: { loaded: Dashboard; reload: () => void; params: URLSearchParams }) {
  const session = useSession()
  const [base, setBase] = useState(loaded) // as it was last saved
  const history = useHistory<Board>(loaded)
  const board = history.now
  const dirty = board !== base
  const writable = !base.is_read_only && may(session, 'editor')
  const editing = writable && (params.has('edit') || dirty)
  const [open, setOpen] = useState<Open | null>(null)
  const [error, setError] = useState<Error | null>(null)
  const [said, setSaid] = useState({ text: '', seen: false })
  const say = (text: string) => setSaid({ text, seen: false }) // to those who don't see it
  const tell = (text: string) => setSaid({ text, seen: true })
  const [collapsed, setCollapsed] = useState<Set<number>>(new Set())
  const { id } = base
  const variables = variablesOf(board)
  const values = useMemo(() => chosenIn(board, params), [board, params])

  const load = (next: Dashboard) => {
    setBase(next)
    history.reset(next)
  }
  // Others save too: what they did is shown, unless it would undo what is here.
  const theirs = loaded.modified_at !== base.modified_at
  useEffect(() => {
    if (!dirty && theirs) load(loaded)
  }, [loaded])
  useHold(dirty, (leave) => setOpen({ kind: 'leave', leave }))

  const attempt = async (what: () => Promise<void>) => {
    try {
      await what()
      setError(null)
    } catch (cause) {
      setError(cause as Error)
    }
  }
  const keep = async (doc: Board) => {
    const saved = await api.saveDashboard(inReadingOrder(doc))
    load(saved)
    reload()
    setParams({ edit: null })
    tell('Saved')
  }
  const save = () => attempt(async () => {
    const theirs = await api.dashboard(id)
    if (theirs.modified_at !== base.modified_at) setOpen({ kind: 'conflict', theirs })
    else await keep(board)
  })
  const clone = (doc: Board) => attempt(async () => {
    const made = await api.saveDashboard({ ...exported(inReadingOrder(doc)), title: `${doc.title} (copy)` })
    load(loaded)
    setTimeout(() => go(link(made.url))) // once nothing holds the view
  })
  const discard = () => {
    history.reset(base)
    setParams({ edit: null })
  }
  const remove = () => attempt(async () => {
    await api.deleteDashboard(id)
    history.reset(base)
    setTimeout(() => go(link('/dashboards')))
  })
  // Saved views belong to no edit: they are kept at once.
  const keepViews = async (views: SavedView[]) => {
    const saved = await api.saveDashboard({ ...(await api.dashboard(id)), template_variable_presets: views })
    setBase(saved)
    reload()
    if (dirty) history.set({ ...board, template_variable_presets: views })
    else history.reset(saved)
  }

  useEffect(() => {
    if (!editing) return
    const onKey = (e: KeyboardEvent) => {
      if (!(e.ctrlKey || e.metaKey) || (e.target as Element).closest?.('input, textarea, select, dialog')) return
      const key = e.key.toLowerCase()
      if (key === 'z') e.shiftKey ? history.redo() : history.undo()
      else if (key === 'y') history.redo()
      else if (key === 's') void save()
      else return
      e.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })

  useEffect(() => {
    if (!said.seen) return
    const timer = setTimeout(() => setSaid({ text: '', seen: false }), 4000)
    return () => clearTimeout(timer)
  }, [said])

  const full = allWidgets(board).find(({ widget, path }) => keyOf(widget, path) === params.get('fullscreen_widget'))
  const tv = params.get('tv_mode') === 'true'

  // deedsFor is what may be done to a widget; outside of editing, it begins it.
  const deedsFor = (path: Path) => {
    if (!writable) return undefined
    const groups = (board.widgets ?? []).flatMap((w, i) => (w.definition.type === 'group' && i !== groupOf(path) ? [{ label: `Move into ${w.definition.title || 'group'}`, do: () => history.set(movedTo(board, path, i, { x: 0, y: 999 }).board) }] : []))
    const out = groupOf(path) === null ? [] : [{ label: 'Move out of the group', do: () => history.set(movedTo(board, path, null, { x: 0, y: 999 }).board) }]
    const begin = (act: () => void) => () => {
      if (!editing) setParams({ edit: '1' })
      act()
    }
    return {
      edit: begin(() => setOpen({ kind: 'change', path })),
      duplicate: begin(() => history.set(duplicated(board, path))),
      remove: () => history.set(removedAt(board, path)),
      moves: [
        { label: 'Move before', do: () => history.set(swapped(board, path, -1)) },
        { label: 'Move after', do: () => history.set(swapped(board, path, 1)) },
        ...groups, ...out,
      ],
    }
  }

  const draw = (widget: Widget, { path, grip }: Slot) => {
    if (widget.definition.type === 'group') {
      return (
        <GroupHead
          widget={filled(widget, variables, values)}
          grip={grip}
          open={!collapsed.has(path[0])}
          onToggle={() => setCollapsed((old) => toggled(old, path[0]))}
          editing={editing ? {
            rename: (title) => history.set(replacedAt(board, path, { ...widget, definition: { ...widget.definition, title } }), `title ${path[0]}`),
            add: () => setOpen({ kind: 'add', group: path[0] }),
            remove: () => history.set(removedAt(board, path)),
          } : undefined}
        />
      )
    }
    const shown = filled(widget, variables, values)
    const deeds = deedsFor(path)
    const tools = tv ? <></> : (
      <>
        {grip}
        {editing && <Button bare kind="quiet" icon="edit" label="Edit widget" onClick={deeds!.edit} />}
        <WidgetMenu widget={widget} filled={shown} boardID={id} editing={editing} deeds={deeds} tell={tell} onFull={() => setParams({ fullscreen_widget: keyOf(widget, path) })} />
      </>
    )
    return <WidgetView widget={shown} variables={{}} tools={tools} />
  }

  if (tv) {
    return <TV board={board} onEnd={() => setParams({ tv_mode: null })}>{(rowPixels) => <div class={builtin.test(id) ? 'board-builtin' : ''}><Grid board={board} draw={draw} rowPixels={rowPixels} /></div>}</TV>
  }
  const refresh = Number(params.get('refresh'))
  const more: (Item | null | false)[] = [
    { label: 'TV mode', icon: 'screen', do: () => setParams({ tv_mode: 'true' }) },
    null,
    ...[0, ...refreshes].map((seconds): Item => ({ label: seconds ? `Refresh every ${seconds < 60 ? `${seconds} s` : `${seconds / 60} min`}` : 'Refresh as data comes', icon: (refreshes.includes(refresh) ? refresh : 0) === seconds ? 'check' : undefined, do: () => setParams({ refresh: seconds ? String(seconds) : null }) })),
    null,
    may(session, 'editor') && { label: 'Clone', icon: 'copy', do: () => void clone(board) },
    { label: 'Export as JSON', icon: 'download', do: () => download(fileName(board.title ?? '', 'json'), shownJSON(exported(inReadingOrder(board))), 'application/json') },
    { label: 'Copy as JSON, Terraform', icon: 'copy', do: () => setOpen({ kind: 'as' }) },
    writable && { label: 'Import JSON', icon: 'upload', do: () => setOpen({ kind: 'import' }) },
    writable && null,
    writable && { label: 'Delete dashboard', icon: 'remove', danger: true, do: () => setOpen({ kind: 'delete' }) },
  ]
  const add = <Button kind="primary" icon="plus" label="Add widget" onClick={() => setOpen({ kind: 'add', group: null })} />
  const edit = <Button icon="edit" label="Edit" onClick={() => setParams({ edit: '1' })} />
  const close = () => setOpen(null)

  return (
    <Page
      title={board.title ?? ''}
      crumbs={crumbs}
      time
      actions={editing ? (
        <>
          <Button bare kind="quiet" icon="undo" label="Undo" disabled={!history.canUndo} onClick={history.undo} />
          <Button bare kind="quiet" icon="redo" label="Redo" disabled={!history.canRedo} onClick={history.redo} />
          <Button label="Discard" kind="quiet" onClick={discard} />
          <Button kind="primary" label="Save" onClick={save} />
        </>
      ) : (
        <>
          {!builtin.test(id) && <ShareButton board={base} />}
          {writable ? edit : base.is_read_only && may(session, 'editor') ? <Button icon="copy" label="Clone to change" onClick={() => void clone(board)} /> : null}
          <Menu label="More for this dashboard" items={more} />
        </>
      )}
    >
      <p class={`announced ${said.seen ? 'toast' : 'visually-hidden'}`} role="status">{said.text}</p>
      {error && <div class="failure" role="alert">{error.message}</div>}
      {dirty && theirs && <p class="note-line warn-text" role="status">Somebody else saved this dashboard meanwhile. You are asked what to keep when you save.</p>}
      {editing && (
        <Panel>
          <div class="form">
            <Field label="Title"><input value={board.title} onInput={(e) => history.set({ ...board, title: e.currentTarget.value }, 'title')} /></Field>
            <div class="field description"><Field label="Description" wide><input value={board.description ?? ''} onInput={(e) => history.set({ ...board, description: e.currentTarget.value || null }, 'description')} /></Field></div>
          </div>
          <div class="actions edit-tools">
            {add}
            {board.layout_type !== 'free' && <Button icon="plus" label="Add group" onClick={() => history.set(added(board, { definition: { type: 'group', layout_type: 'ordered', title: 'New group', widgets: [] } }))} />}
            <Button icon="edit" label="Template variables" onClick={() => setOpen({ kind: 'variables' })} />
            <Button icon="upload" label="Import JSON" kind="quiet" onClick={() => setOpen({ kind: 'import' })} />
          </div>
        </Panel>
      )}
      {!editing && board.description && <p class="muted board-description">{board.description}</p>}
      <VariableBar board={board} values={values} params={params} onViews={writable ? keepViews : undefined} />
      {board.widgets!.length === 0
        ? <Panel><Empty title="No widgets on this dashboard yet" action={editing ? add : writable ? edit : undefined}>{editing ? 'Add one; drag its head to move it, and its corner to resize it.' : undefined}</Empty></Panel>
        : <div class={builtin.test(id) ? 'board-builtin' : ''}><Grid board={board} draw={draw} editing={editing ? { commit: (next) => history.set(next), say } : undefined} collapsed={collapsed} /></div>}

      {full && <FullScreen title={full.widget.definition.title || 'Graph'} onClose={() => setParams({ fullscreen_widget: null })}><WidgetView widget={withLegend(filled(full.widget, variables, values))} variables={{}} tools={<></>} /></FullScreen>}
      {(open?.kind === 'add' || open?.kind === 'change') && (
        <WidgetEditor
          widget={open.kind === 'change' ? widgetAt(board, open.path) : undefined}
          fill={(w) => filled(w, variables, values)}
          onClose={close}
          onDone={(w) => {
            history.set(open.kind === 'change' ? replacedAt(board, open.path, w) : added(board, w, open.group))
            close()
          }}
        />
      )}
      {open?.kind === 'variables' && <VariablesDialog board={board} onClose={close} onDone={(next, renamed) => (history.set(withVariables(board, next, renamed)), close())} />}
      {open?.kind === 'import' && <ImportDialog onClose={close} onBoard={(next) => (history.set({ ...base, ...next }), setParams({ edit: '1' }))} />}
      {open?.kind === 'as' && <CopyBoardAs board={inReadingOrder(board)} onClose={close} />}
      {open?.kind === 'conflict' && <Conflict theirs={open.theirs} onClose={close} onOverwrite={() => (close(), void attempt(() => keep(board)))} onCopy={() => (close(), void clone(board))} onTheirs={() => (close(), load(open.theirs), setParams({ edit: null }))} />}
      {open?.kind === 'leave' && <Leaving onStay={close} onLeave={() => (history.reset(base), close(), open.leave())} />}
      {open?.kind === 'delete' && (
        <Dialog title="Delete dashboard" onClose={close}>
          <p>Delete “{base.title}”? For 30 days it can be brought back.</p>
          <div class="actions end">
            <Button label="Keep" onClick={close} />
            <Button kind="danger" icon="remove" label="Delete" onClick={() => void remove()} />
          </div>
        </Dialog>
      )}
    </Page>
  )
}

// keyOf names a widget in the URL: by its number, or by its place.
const keyOf = (widget: Widget, path: Path) => String(widget.id ?? path.join('.'))

// withLegend is a widget that tells its lines apart, where there is room for it.
const withLegend = (widget: Widget): Widget => ({ ...widget, definition: { ...widget.definition, show_legend: true, legend_layout: 'vertical' } })

function toggled(set: Set<number>, n: number): Set<number> {
  const next = new Set(set)
  if (!next.delete(n)) next.add(n)
  return next
}
