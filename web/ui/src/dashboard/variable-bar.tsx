// The line of template variables above a dashboard: their values to choose, and
// choices kept under a name.
import { useState } from 'preact/hooks'
import { api } from '../api'
import { useData } from '../data'
import { Button, Dialog, Failure, Field } from '../parts/basics'
import { Icon } from '../parts/icon'
import { Dropdown } from '../parts/menu'
import { setParams } from '../route'
import type { Board } from './edits'
import { currentView, defaultsOf, paramsFor, valuesOfView, variablesOf, viewOf, viewsOf, type SavedView, type Values, type Variable } from './variables'

export function VariableBar({ board, values, params, onViews }: {
  board: Board
  values: Values
  params: URLSearchParams
  onViews?: (views: SavedView[]) => Promise<void> // keeps saved views; absent where nothing may change
}) {
  const variables = variablesOf(board)
  if (variables.length === 0) return null
  const choose = (next: Values) => setParams(paramsFor(board, next, params))
  return (
    <div class="variables" role="group" aria-label="Template variables">
      <Views board={board} values={values} choose={choose} onViews={onViews} />
      {variables.map((v) => <Chooser key={v.name} variable={v} chosen={values[v.name] ?? ['*']} onChoose={(chosen) => choose({ ...values, [v.name]: chosen })} />)}
    </div>
  )
}

const most = 200

function Chooser({ variable: v, chosen, onChoose }: { variable: Variable; chosen: string[]; onChoose: (chosen: string[]) => void }) {
  const text = chosen.join(', ')
  return (
    <Dropdown label={`${v.name}: ${text}`} kind="variable-button" text={<><span class="muted">${v.name}</span> <b class="variable-value">{text}</b></>}>
      {(close) => <ValueList variable={v} chosen={chosen} onChoose={onChoose} close={close} />}
    </Dropdown>
  )
}

function ValueList({ variable: v, chosen, onChoose, close }: { variable: Variable; chosen: string[]; onChoose: (chosen: string[]) => void; close: () => void }) {
  const [search, setSearch] = useState('')
  const listed = v.available_values?.length ? v.available_values : null
  const loaded = useData(!listed && v.prefix ? `values ${v.prefix}` : null, () => api.tagValues(v.prefix!))
  const all = listed ?? loaded.data ?? []
  const known = [...new Set([...chosen.filter((c) => c !== '*'), ...all])]
  const found = known.filter((value) => value.toLowerCase().includes(search.toLowerCase()))
  const typed = search.trim()
  const toggle = (value: string) => {
    const without = chosen.filter((c) => c !== value && c !== '*')
    const next = chosen.includes(value) ? without : [...without, value]
    onChoose(next.length ? next : ['*'])
  }
  const only = (value: string) => {
    onChoose([value])
    close()
  }
  const onKey = (e: KeyboardEvent) => {
    if (e.key !== 'Enter') return
    e.preventDefault()
    if (typed) only(found.includes(typed) || typed.includes('*') || found.length === 0 ? typed : found[0])
  }
  return (
    <div class="chooser">
      <input type="search" aria-label={`Find a value of ${v.name}`} placeholder={v.prefix ? `Value of ${v.prefix}` : 'Tag, such as env:prod'} value={search} onInput={(e) => setSearch(e.currentTarget.value)} onKeyDown={onKey} />
      <ul>
        {!typed && v.type !== 'group' && (
          <li>
            <label><input type="checkbox" checked={chosen.includes('*')} onChange={() => onChoose(['*'])} /> <span class="grow">* <span class="muted">any</span></span></label>
          </li>
        )}
        {found.slice(0, most).map((value) => (
          <li key={value}>
            <label><input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} /> <span class="grow">{value}</span></label>
            <button type="button" class="link only" onClick={() => only(value)} aria-label={`Only ${value}`}>only</button>
          </li>
        ))}
        {typed && !known.includes(typed) && <li><button type="button" class="link" onClick={() => only(typed)}>Take “{typed}”</button></li>}
      </ul>
      {found.length > most && <p class="muted small">+{found.length - most} more: type to find them</p>}
      {loaded.error && <Failure error={loaded.error} />}
      {!typed && !loaded.loading && known.length === 0 && <p class="muted small">{v.prefix ? `No series has a tag ${v.prefix} yet.` : 'Type a tag.'}</p>}
    </div>
  )
}

function Views({ board, values, choose, onViews }: { board: Board; values: Values; choose: (v: Values) => void; onViews?: (views: SavedView[]) => Promise<void> }) {
  const [saving, setSaving] = useState(false)
  const views = viewsOf(board)
  const current = currentView(board, values)
  const defaults = Object.fromEntries(variablesOf(board).map((v) => [v.name, defaultsOf(v)]))
  const isDefault = Object.entries(defaults).every(([name, d]) => d.join() === values[name]?.join())
  if (views.length === 0 && !onViews) return null
  return (
    <>
      <Dropdown label="Saved views" icon="views" text={current?.name ?? (isDefault ? 'Default view' : 'Own view')}>
        {(close) => (
          <div class="chooser">
            <ul>
              <li><button type="button" class="link grow" onClick={() => (choose(defaults), close())}>Default view</button>{isDefault && <Icon name="check" size={16} />}</li>
              {views.map((view) => (
                <li key={view.name}>
                  <button type="button" class="link grow" onClick={() => (choose(valuesOfView(board, view)), close())}>{view.name}</button>
                  {current?.name === view.name && <Icon name="check" size={16} />}
                  {onViews && <Button bare kind="quiet" icon="remove" label={`Delete the view ${view.name}`} onClick={() => void onViews(views.filter((old) => old !== view)).then(close)} />}
                </li>
              ))}
            </ul>
            {onViews && <Button icon="plus" label="Save this view" disabled={Boolean(current)} onClick={() => (close(), setSaving(true))} />}
          </div>
        )}
      </Dropdown>
      {saving && <SaveView values={values} taken={views.map((v) => v.name)} onClose={() => setSaving(false)} onSave={(view) => onViews!([...views.filter((old) => old.name !== view.name), view])} />}
    </>
  )
}

function SaveView({ values, taken, onClose, onSave }: { values: Values; taken: string[]; onClose: () => void; onSave: (view: SavedView) => Promise<void> }) {
  const [name, setName] = useState('')
  const [error, setError] = useState('')
  const save = (e: Event) => {
    e.preventDefault()
    onSave(viewOf(name.trim(), values)).then(onClose, (cause: Error) => setError(cause.message))
  }
  return (
    <Dialog title="Save this view" onClose={onClose}>
      <form class="spaced" onSubmit={save}>
        <p class="muted">{Object.entries(values).map(([n, chosen]) => `$${n}: ${chosen.join(', ')}`).join(' · ')}</p>
        <Field label="Name" wide error={error} hint={taken.includes(name.trim()) ? 'Replaces the view of that name.' : undefined}>
          <input required value={name} onInput={(e) => setName(e.currentTarget.value)} ref={(e) => e?.focus()} />
        </Field>
        <div class="actions end"><Button kind="primary" type="submit" label="Save view" /></div>
      </form>
    </Dialog>
  )
}
