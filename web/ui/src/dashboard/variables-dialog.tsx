// The dialog that adds, renames, orders and removes template variables.
import { useState } from 'preact/hooks'
import { knownMetrics, knownTags } from '../query/metric-names'
import { useData } from '../data'
import { Button, Dialog, Field } from '../parts/basics'
import { variablesOf, type Variable } from './variables'
import type { Board } from './edits'

interface Row {
  was: string // the name before; "" of a new one
  variable: Variable
  defaults: string
  available: string
}

const listed = (values: string[] | null | undefined) => (values ?? []).join(', ')
const split = (text: string) => text.split(',').map((t) => t.trim()).filter(Boolean)

// likelyKeys are tag keys to choose from: those of the first few metrics.
async function likelyKeys(): Promise<string[]> {
  const metrics = await knownMetrics()
  const step = Math.max(1, Math.floor(metrics.length / 8))
  const details = await Promise.all(metrics.filter((_, i) => i % step === 0).slice(0, 8).map((m) => knownTags(m.name)))
  return [...new Set(details.flatMap((d) => d.tags.map((t) => t.key)))].sort()
}

export function VariablesDialog({ board, onClose, onDone }: { board: Board; onClose: () => void; onDone: (variables: Variable[], renamed: Record<string, string>) => void }) {
  const [rows, setRows] = useState<Row[]>(() => {
    const present = variablesOf(board)
    const list = present.length ? present : [{ name: 'host', prefix: 'host', defaults: ['*'], available_values: [] }]
    return list.map((v) => ({ was: present.length ? v.name : '', variable: v, defaults: listed(v.defaults?.length ? v.defaults : v.default ? [v.default] : ['*']), available: listed(v.available_values) }))
  })
  const [problem, setProblem] = useState('')
  const keys = useData('tag keys', likelyKeys)
  const put = (i: number, change: Partial<Row>) => setRows(rows.map((r, k) => (k === i ? { ...r, ...change } : r)))
  const move = (i: number, by: number) => {
    const next = [...rows]
    ;[next[i], next[i + by]] = [next[i + by], next[i]]
    setRows(next)
  }
  const done = (e: Event) => {
    e.preventDefault()
    const names = rows.map((r) => r.variable.name.trim())
    const wrong = names.find((n) => !/^[A-Za-z_][\w-]*$/.test(n))
    if (wrong !== undefined) return setProblem(`Name “${wrong}”: begin with a letter; letters, figures, _ and - may follow`)
    const twice = names.find((n, i) => names.indexOf(n) !== i)
    if (twice) return setProblem(`Name “${twice}”: another variable has it`)
    const variables = rows.map(({ variable: { default: _, ...v }, defaults, available }): Variable => ({
      ...v, name: v.name.trim(), prefix: v.prefix?.trim() || null, defaults: split(defaults).length ? split(defaults) : ['*'], available_values: split(available),
    }))
    onDone(variables, Object.fromEntries(rows.flatMap((r, i) => (r.was ? [[r.was, names[i]]] : []))))
  }
  return (
    <Dialog title="Template variables" onClose={onClose}>
      <form class="spaced" onSubmit={done}>
        <p class="muted">In a query, <code>$name</code> stands for the tag that the reader chooses, and <code>$name.value</code> for its value.</p>
        <datalist id="tag-keys">{(keys.data ?? []).map((k) => <option key={k} value={k} />)}</datalist>
        {rows.map((row, i) => (
          <fieldset key={i} class="variable-row">
            <legend class="visually-hidden">Variable {row.variable.name}</legend>
            <div class="form">
              <Field label="Name"><input required value={row.variable.name} onInput={(e) => put(i, { variable: { ...row.variable, name: e.currentTarget.value } })} /></Field>
              <Field label="Tag"><input list="tag-keys" value={row.variable.prefix ?? ''} placeholder="whole tags" onInput={(e) => put(i, { variable: { ...row.variable, prefix: e.currentTarget.value } })} /></Field>
              <Field label="At first"><input value={row.defaults} placeholder="*" onInput={(e) => put(i, { defaults: e.currentTarget.value })} /></Field>
              <div class="field values"><Field label="Values to choose from" wide><input value={row.available} placeholder="all that are there" onInput={(e) => put(i, { available: e.currentTarget.value })} /></Field></div>
              <div class="field end-field variable-tools">
                <Button bare kind="quiet" icon="up" label={`Move ${row.variable.name} up`} disabled={i === 0} onClick={() => move(i, -1)} />
                <Button bare kind="quiet" icon="down" label={`Move ${row.variable.name} down`} disabled={i === rows.length - 1} onClick={() => move(i, 1)} />
                <Button bare kind="quiet" icon="remove" label={`Remove ${row.variable.name}`} onClick={() => setRows(rows.filter((_, k) => k !== i))} />
              </div>
            </div>
          </fieldset>
        ))}
        {rows.length === 0 && <p class="muted">No variables.</p>}
        {problem && <p class="field-error" role="alert">{problem}</p>}
        <div class="actions">
          <Button icon="plus" kind="quiet" label="Add variable" onClick={() => setRows([...rows, { was: '', variable: { name: '', prefix: '' }, defaults: '*', available: '' }])} />
          <span class="grow" />
          <Button kind="primary" type="submit" label="Done" />
        </div>
      </form>
    </Dialog>
  )
}
