// The dashboards: all, by list, one's favourites, and those just deleted.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Dashboard, DashboardList } from '../model'
import { useData } from '../data'
import { BuiltIn } from '../dashboard/builtin'
import { ImportDialog } from '../dashboard/dialogs'
import { newDashboard } from '../dashboard/document'
import { go, link, setParams } from '../route'
import { may, useSession } from '../session'
import { plural } from '../units'
import { Button, Confirm, Dialog, Empty, Failure, Field, Moment, Panel, SearchField } from '../parts/basics'
import { Page } from '../parts/frame'
import { Icon } from '../parts/icon'

// Which dashboards are shown: 'all', 'favourites', 'builtin', 'deleted', or a
// list's id.
type Place = string

export function Dashboards({ params }: { params: URLSearchParams }) {
  const boards = useData('dashboards', api.dashboards, 0, ['dashboards'])
  const lists = useData('dashboard lists', api.lists, 0, ['dashboards'])
  const favourites = useData('favourites', api.favourites, 0, ['dashboards'])
  const deleted = useData('deleted dashboards', api.deletedDashboards, 0, ['dashboards'])
  const editor = may(useSession(), 'editor')
  const [naming, setNaming] = useState(false)
  const place: Place = params.get('list') ?? 'all'
  const list = lists.data?.find((l) => String(l.id) === place)
  const presets = useData('presets', api.presets, 60e3)
  const create = editor && (
    <>
      <Button icon="upload" label="Import" onClick={() => setParams({ import: '1' })} />
      <Button kind="primary" icon="plus" label="New dashboard" onClick={() => setParams({ new: '1' })} />
    </>
  )
  const all = boards.data ?? []
  const places: [Place, string, number | undefined][] = [
    ['all', 'All', boards.data?.length],
    ['favourites', 'Favourites', boards.data && favourites.data ? all.filter((d) => favourites.data!.includes(d.id)).length : undefined],
    ...(presets.data?.length ? [['builtin', 'Built-in', presets.data.length] as [Place, string, number]] : []),
    ...(lists.data ?? []).map((l): [Place, string, number] => [String(l.id), l.name, l.dashboard_count]),
  ]
  const none = boards.data?.length === 0 && !deleted.data?.length
  return (
    <Page title="Dashboards" actions={none ? undefined : create || undefined}>
      {boards.error && !boards.data && <Failure error={boards.error} retry={boards.reload} />}
      {none ? (
        <>
          <Panel>
            <Empty title="No dashboards yet" action={create ? <div class="actions">{create}</div> : undefined}>A dashboard keeps graphs together. Scripts and Terraform make them by POST /api/v1/dashboard.</Empty>
          </Panel>
          {presets.data && presets.data.length > 0 && <BuiltIn boards={presets.data} />}
        </>
      ) : (
        <div class="boards">
          <nav class="board-lists" aria-label="Lists of dashboards">
            {places.map(([p, name, n]) => <PlaceLink key={p} place={p} name={name} count={n} here={p === place} />)}
            {editor && <button type="button" class="board-list new" onClick={() => setNaming(true)}><Icon name="plus" size={16} /><span>New list</span></button>}
            {(deleted.data?.length ?? 0) > 0 && <PlaceLink place="deleted" name="Recently deleted" count={deleted.data!.length} here={place === 'deleted'} apart />}
          </nav>
          {place === 'builtin' ? (
            <BuiltIn boards={presets.data ?? []} />
          ) : place === 'deleted' ? (
            <Deleted boards={deleted.data ?? []} editor={editor} changed={() => (deleted.reload(), boards.reload())} />
          ) : (
            boards.data && favourites.data && lists.data && (
              <Boards
                key={place}
                all={all}
                place={place}
                list={list}
                lists={lists.data}
                favourites={favourites.data}
                editor={editor}
                search={params.get('search') ?? ''}
                loading={boards.loading}
                changed={() => (boards.reload(), lists.reload(), favourites.reload(), deleted.reload())}
              />
            )
          )}
        </div>
      )}
      {params.has('import') && <ImportDialog onClose={() => setParams({ import: null }, true)} />}
      {params.has('new') && <NewDialog onClose={() => setParams({ new: null }, true)} />}
      {naming && <NameDialog title="New list" save={(name) => api.saveList(name)} onClose={() => setNaming(false)} onDone={(made) => (setNaming(false), lists.reload(), setParams({ list: String(made.id) }))} />}
    </Page>
  )
}

function PlaceLink({ place, name, count, here, apart }: { place: Place; name: string; count?: number; here: boolean; apart?: boolean }) {
  return (
    <a href={link('/dashboards', { list: place === 'all' ? null : place })} class={`board-list ${here ? 'here' : ''} ${apart ? 'apart' : ''}`} aria-current={here ? 'page' : undefined}>
      <span>{name}</span>
      {count !== undefined && <span class="muted">{count}</span>}
    </a>
  )
}

// Boards is the table of a place, with what can be done to those picked.
function Boards({ all, place, list, lists, favourites, editor, search, loading, changed }: {
  all: Dashboard[]
  place: Place
  list?: DashboardList
  lists: DashboardList[]
  favourites: string[]
  editor: boolean
  search: string
  loading: boolean
  changed: () => void
}) {
  const listed = useData(list ? `list ${list.id} ${list.dashboard_count}` : null, () => api.listed(list!.id), 0, ['dashboards'])
  const [picked, setPicked] = useState<Set<string>>(new Set())
  const [error, setError] = useState<Error | null>(null)
  const [renaming, setRenaming] = useState(false)
  if (place !== 'all' && place !== 'favourites' && !list) return <Panel><Empty title="There is no such list" /></Panel>
  const here = place === 'all' ? all : place === 'favourites' ? all.filter((d) => favourites.includes(d.id)) : all.filter((d) => listed.data?.includes(d.id))
  const found = here.filter((d) => `${d.title} ${d.description ?? ''}`.toLowerCase().includes(search.toLowerCase()))
  const chosen = here.filter((d) => picked.has(d.id))
  const act = async (work: Promise<unknown>) => {
    try {
      await work
      setError(null)
      setPicked(new Set())
      listed.reload()
      changed()
    } catch (cause) {
      setError(cause as Error)
    }
  }
  const pick = (id: string, on: boolean) => {
    const next = new Set(picked)
    if (on) next.add(id)
    else next.delete(id)
    setPicked(next)
  }
  const star = (d: Dashboard) => void act(api.setFavourite(d.id, !favourites.includes(d.id)))
  return (
    <div class="spaced">
      {error && <div class="failure" role="alert">{error.message}</div>}
      <Panel
        flush
        loading={loading}
        title={list ? list.name : place === 'favourites' ? 'Favourites' : 'All dashboards'}
        actions={
          <>
            {list && editor && chosen.length === 0 && (
              <>
                <Button bare kind="quiet" icon="edit" label="Rename list" onClick={() => setRenaming(true)} />
                <Confirm icon="remove" label="Delete list" question={`Delete the list “${list.name}”? Its dashboards stay.`} onConfirm={() => void act(api.deleteList(list.id)).then(() => setParams({ list: null }))} />
              </>
            )}
            {here.length > 0 && <SearchField value={search} label="Find a dashboard" onInput={(text) => setParams({ search: text || null }, true)} />}
          </>
        }
      >
        {chosen.length > 0 && (
          <div class="picked">
            <span>{plural(chosen.length, 'dashboard')}</span>
            {lists.length > 0 && (
              <select aria-label="Add to a list" value="" onChange={(e) => e.currentTarget.value && void act(api.addToList(Number(e.currentTarget.value), chosen))}>
                <option value="">Add to list…</option>
                {lists.filter((l) => l.id !== list?.id).map((l) => <option key={l.id} value={l.id}>{l.name}</option>)}
              </select>
            )}
            {list && <Button label="Remove from list" onClick={() => void act(api.removeFromList(list.id, chosen))} />}
            <Confirm icon="remove" label="Delete" question={`Delete ${chosen.length === 1 ? `“${chosen[0].title}”` : plural(chosen.length, 'dashboard')}? For 30 days you can bring them back.`} onConfirm={() => void act(api.deleteDashboards(chosen.map((d) => d.id)))} />
          </div>
        )}
        {found.length > 0 && (
          <div class="scroll">
            <table class="board-table">
              <thead><tr>{editor && <th><span class="visually-hidden">Pick</span></th>}<th><span class="visually-hidden">Favourite</span></th><th>Title</th><th>Description</th><th>Changed</th></tr></thead>
              <tbody>
                {found.map((d) => (
                  <tr key={d.id} class={picked.has(d.id) ? 'focus' : ''}>
                    {editor && <td class="narrow"><input type="checkbox" aria-label={`Pick ${d.title}`} checked={picked.has(d.id)} onChange={(e) => pick(d.id, e.currentTarget.checked)} /></td>}
                    <td class="narrow">
                      <button type="button" class={`star ${favourites.includes(d.id) ? 'on' : ''}`} aria-pressed={favourites.includes(d.id)} aria-label={`Favourite: ${d.title}`} title={favourites.includes(d.id) ? 'Take out of your favourites' : 'Add to your favourites'} onClick={() => star(d)}><Icon name="star" size={16} /></button>
                    </td>
                    <td><a href={link(d.url)}>{d.title}</a>{d.is_shared && <span class="tag shared-tag" title="Anybody with its link sees it">Shared</span>}</td>
                    <td class="muted">{d.description}</td>
                    <td class="nowrap">{d.modified_at && <Moment ms={Date.parse(d.modified_at)} ago />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {found.length === 0 && here.length > 0 && <Empty title={`No dashboard matches “${search}”`} />}
        {here.length === 0 && place === 'favourites' && <Empty title="No favourites yet">Press the star beside a dashboard to keep it at hand.</Empty>}
        {here.length === 0 && list && listed.data && <Empty title="This list is empty">Pick dashboards under All and add them to it.</Empty>}
        {here.length === 0 && place === 'all' && <Empty title="No dashboards left">What was deleted lately can be brought back.</Empty>}
      </Panel>
      {renaming && list && <NameDialog title="Rename list" name={list.name} save={(name) => api.saveList(name, list.id)} onClose={() => setRenaming(false)} onDone={() => (setRenaming(false), changed())} />}
    </div>
  )
}

// Deleted lists what can be brought back.
function Deleted({ boards, editor, changed }: { boards: { id: string; title: string; at: number; by?: string; until: number }[]; editor: boolean; changed: () => void }) {
  const [error, setError] = useState<Error | null>(null)
  const restore = (id: string) => void api.restoreDashboards([id]).then(changed, setError)
  return (
    <div class="spaced">
      {error && <div class="failure" role="alert">{error.message}</div>}
      <Panel flush title="Recently deleted">
        {boards.length === 0 ? <Empty title="Nothing was deleted within the last 30 days" /> : (
          <div class="scroll">
            <table>
              <thead><tr><th>Title</th><th>Deleted</th><th>By</th><th>Gone for good</th><th><span class="visually-hidden">Bring back</span></th></tr></thead>
              <tbody>
                {boards.map((d) => (
                  <tr key={d.id}>
                    <td>{d.title}</td>
                    <td class="nowrap"><Moment ms={d.at} ago /></td>
                    <td class="muted">{d.by === 'local' ? '' : d.by}</td>
                    <td class="nowrap muted"><Moment ms={d.until} ago /></td>
                    <td class="figure">{editor && <Button label="Bring back" onClick={() => restore(d.id)} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </div>
  )
}

// NameDialog asks for the name of a list.
function NameDialog({ title, name = '', save, onClose, onDone }: { title: string; name?: string; save: (name: string) => Promise<DashboardList>; onClose: () => void; onDone: (made: DashboardList) => void }) {
  const [text, setText] = useState(name)
  const [error, setError] = useState<Error | null>(null)
  const submit = (e: Event) => {
    e.preventDefault()
    save(text.trim()).then(onDone, setError)
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field label="Name" wide error={error?.message}>
          <input required maxLength={300} value={text} onInput={(e) => setText(e.currentTarget.value)} ref={(e) => e?.focus()} />
        </Field>
        <div class="actions end field wide"><Button kind="primary" type="submit" label="Save" /></div>
      </form>
    </Dialog>
  )
}

function NewDialog({ onClose }: { onClose: () => void }) {
  const [title, setTitle] = useState('')
  const [error, setError] = useState<Error | null>(null)
  const create = async (e: Event) => {
    e.preventDefault()
    try {
      const made = await api.saveDashboard(newDashboard(title.trim()))
      go(link(made.url, { edit: '1' }), true)
    } catch (cause) {
      setError(cause as Error)
    }
  }
  return (
    <Dialog title="New dashboard" onClose={onClose}>
      <form class="form" onSubmit={create}>
        <Field label="Title" wide error={error?.message}>
          <input required value={title} onInput={(e) => setTitle(e.currentTarget.value)} ref={(e) => e?.focus()} />
        </Field>
        <div class="actions end field wide"><Button kind="primary" type="submit" label="Create" /></div>
      </form>
    </Dialog>
  )
}
