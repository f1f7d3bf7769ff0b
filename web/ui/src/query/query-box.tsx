// A box to write a query in, with completion, and errors under the character
// where they are.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError, Lang, Metric } from '../api'
import { apply, contextAt, suggest, type Known, type Suggestion } from './complete'
import { knownMetrics, knownTags } from './metric-names'

export function QueryBox({ value, lang, onCommit, error, label = 'Query', placeholder = 'avg:system.load.1{*} by {host}' }: {
  value: string
  lang: Lang
  onCommit: (text: string) => void
  error?: ApiError
  label?: string
  placeholder?: string
}) {
  const area = useRef<HTMLTextAreaElement>(null)
  const [text, setText] = useState(value)
  const [list, setList] = useState<Suggestion[] | null>(null)
  const [chosen, setChosen] = useState(0)
  const [metrics, setMetrics] = useState<Metric[]>([])
  const [tags, setTags] = useState<Record<string, { tags: string[]; keys: string[] }>>({})

  // Another value from outside takes the place of what is being typed.
  const before = useRef(value)
  if (before.current !== value) {
    before.current = value
    setText(value)
  }

  const known = (metric: string): Known => ({ metrics, ...(tags[metric] ?? { tags: [], keys: [] }) })

  const look = (content: string) => {
    const context = contextAt(content, area.current?.selectionStart ?? content.length, lang)
    if (metrics.length === 0) void knownMetrics().then(setMetrics, () => undefined)
    if (context.metric && !tags[context.metric] && (context.kind === 'tag' || context.kind === 'key')) {
      void knownTags(context.metric).then((m) => {
        const found = { keys: m.tags.map((t) => t.key), tags: m.tags.flatMap((t) => t.values.map((v) => (v ? `${t.key}:${v}` : t.key))) }
        setTags((old) => ({ ...old, [context.metric]: found }))
      }, () => undefined)
    }
    setList(suggest(context, known(context.metric), lang))
    setChosen(0)
  }
  // What was read meanwhile joins the open list.
  useEffect(() => {
    if (list) look(text)
  }, [metrics, tags])

  const take = (s: Suggestion) => {
    const box = area.current!
    const done = apply(text, contextAt(text, box.selectionStart, lang), s)
    setText(done.text)
    box.focus()
    requestAnimationFrame(() => {
      box.setSelectionRange(done.cursor, done.cursor)
      look(done.text)
    })
  }
  const commit = () => {
    setList(null)
    onCommit(text.trim())
  }
  const onKeyDown = (e: KeyboardEvent) => {
    const open = list !== null && list.length > 0
    if (open && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) {
      e.preventDefault()
      setChosen((n) => (n + (e.key === 'ArrowDown' ? 1 : -1) + list.length + 1) % (list.length + 1))
    } else if (open && (e.key === 'Tab' || (e.key === 'Enter' && chosen > 0)) && !e.shiftKey) {
      e.preventDefault()
      take(list[Math.max(0, chosen - 1)])
    } else if (e.key === 'Escape' && open) {
      e.stopPropagation()
      setList(null)
    } else if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault()
      commit()
    }
  }

  const shown = error && text.trim() === value ? error : undefined
  const offset = shown?.offset
  return (
    <div class={`query ${shown ? 'wrong' : ''}`}>
      <div class="query-text">
        <pre aria-hidden="true">
          {offset === undefined ? text : <>{text.slice(0, offset)}<mark>{text.slice(offset, offset + 1) || ' '}</mark>{text.slice(offset + 1)}</>}
          {'\n'}
        </pre>
        <textarea
          ref={area}
          data-search
          rows={1}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          aria-label={label}
          aria-invalid={Boolean(shown)}
          aria-autocomplete="list"
          aria-controls={list?.length ? 'suggestions' : undefined}
          placeholder={placeholder}
          value={text}
          onInput={(e) => {
            setText(e.currentTarget.value)
            look(e.currentTarget.value)
          }}
          onClick={() => look(text)}
          onKeyDown={onKeyDown}
          onBlur={() => {
            setList(null)
            if (text.trim() !== value) onCommit(text.trim())
          }}
        />
      </div>
      {list && list.length > 0 && (
        <ul class="suggestions" id="suggestions" role="listbox" aria-label="Suggestions">
          {list.map((s, i) => (
            <li key={s.text + i} role="option" aria-selected={i === chosen - 1} class={i === chosen - 1 ? 'chosen' : ''} onMouseDown={(e) => (e.preventDefault(), take(s))}>
              <span>{s.text}</span>
              <small>{s.note}</small>
            </li>
          ))}
        </ul>
      )}
      {shown && <p class="query-error" role="alert">{offset !== undefined && <b>At character {offset + 1}: </b>}{shown.message}</p>}
    </div>
  )
}
