// Fields that the forms of widgets share.
import { api } from '../api'
import type { Lang } from '../model'
import { useData } from '../data'
import { Button, Field } from '../parts/basics'
import { placeholders } from '../query/languages'
import { QueryBox } from '../query/query-box'
import { useRange } from '../range'
import type { ConditionalFormat } from './palette'

export function Choice<T extends string>({ label, value, options, onChange, hint }: { label: string; value: T | undefined; options: [T, string][]; onChange: (value: T) => void; hint?: string }) {
  const known = options.some(([v]) => v === value)
  return (
    <Field label={label} hint={hint}>
      <select value={value} onChange={(e) => onChange(e.currentTarget.value as T)}>
        {!known && value !== undefined && <option value={value}>{value}</option>}
        {options.map(([v, name]) => <option key={v} value={v}>{name}</option>)}
      </select>
    </Field>
  )
}

export function Text({ label, value, onInput, hint, wide, placeholder, list }: { label: string; value: string | undefined; onInput: (text: string) => void; hint?: string; wide?: boolean; placeholder?: string; list?: string[] }) {
  const id = list && `list-${label.replace(/\W/g, '-')}`
  return (
    <Field label={label} hint={hint} wide={wide}>
      <input value={value ?? ''} placeholder={placeholder} list={id} onInput={(e) => onInput(e.currentTarget.value)} />
      {list && <datalist id={id}>{list.map((v) => <option key={v} value={v} />)}</datalist>}
    </Field>
  )
}

export function Figure({ label, value, onInput, hint }: { label: string; value: number | undefined; onInput: (n: number | undefined) => void; hint?: string }) {
  return <Field label={label} hint={hint}><input type="number" value={value ?? ''} onInput={(e) => onInput(e.currentTarget.value === '' ? undefined : Number(e.currentTarget.value))} /></Field>
}

export function Tick({ label, value, onChange }: { label: string; value: boolean | undefined; onChange: (on: boolean) => void }) {
  return <label class="tick"><input type="checkbox" checked={value ?? false} onChange={(e) => onChange(e.currentTarget.checked)} /> {label}</label>
}

// QueryField is a query with what is wrong with it under the place where it is:
// it is tried on the last minutes, whatever the widget makes of it.
export function QueryField({ value, lang = 'datadog', label, onCommit }: { value: string; lang?: Lang; label: string; onCommit: (text: string) => void }) {
  const range = useRange()
  const histogram = lang === 'datadog' && value.trim().startsWith('histogram:')
  const plain = value.trim() !== '' && !/\$[A-Za-z_]/.test(value)
  const tried = useData<unknown>(plain ? `try ${lang} ${value}` : null, (signal) => (histogram ? api.spread(value, range.to - 300e3, range.to, {}, signal) : api.query(value, lang, range.to - 300e3, range.to, undefined, signal)))
  return <QueryBox value={value} lang={lang} placeholder={placeholders[lang]} label={label} error={tried.error?.offset === undefined ? undefined : tried.error} onCommit={onCommit} />
}

const comparators = ['>', '>=', '<', '<='].map((c): [string, string] => [c, c])
const paints: [string, string][] = [
  ['white_on_red', 'red'], ['white_on_yellow', 'yellow'], ['white_on_green', 'green'], ['red_on_white', 'red text'], ['yellow_on_white', 'yellow text'], ['green_on_white', 'green text'],
  ['black_on_light_red', 'light red'], ['black_on_light_yellow', 'light yellow'], ['black_on_light_green', 'light green'], ['white_on_gray', 'grey'],
]

// Formats are the conditions under which a figure is coloured; the first that it
// meets counts.
export function Formats({ formats = [], onChange }: { formats: ConditionalFormat[] | undefined; onChange: (formats: ConditionalFormat[]) => void }) {
  const put = (i: number, change: Partial<ConditionalFormat>) => onChange(formats.map((f, k) => (k === i ? { ...f, ...change } : f)))
  const select = (label: string, value: string, options: [string, string][], done: (v: string) => void) => (
    <select class="mini" aria-label={label} value={value} onChange={(e) => done(e.currentTarget.value)}>
      {!options.some(([v]) => v === value) && <option value={value}>{value.replace(/_/g, ' ')}</option>}
      {options.map(([v, name]) => <option key={v} value={v}>{name}</option>)}
    </select>
  )
  return (
    <div class="formats">
      {formats.map((f, i) => (
        <span key={i} class="format">
          {select('When the figure is', f.comparator, comparators, (comparator) => put(i, { comparator }))}
          <input class="mini" type="number" aria-label="than" value={f.value} onInput={(e) => put(i, { value: Number(e.currentTarget.value) })} />
          {select('it is shown in', f.palette, paints, (palette) => put(i, { palette }))}
          <Button bare kind="quiet" icon="remove" label="Remove condition" onClick={() => onChange(formats.filter((_, k) => k !== i))} />
        </span>
      ))}
      <button type="button" class="link small" onClick={() => onChange([...formats, { comparator: '>', value: 0, palette: 'white_on_red' }])}>Colour when…</button>
    </div>
  )
}
