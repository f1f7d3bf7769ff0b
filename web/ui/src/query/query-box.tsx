// A box to write a query in, with completion, and errors under the character
// where they are.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api, type ApiError } from '../api'
import type { Lang } from '../model'
import { apply, bytesOf, charAt, type Suggestion } from './complete'

const most = 12

export function QueryBox({ value, lang, onCommit, error, label = 'Query', placeholder = 'avg:system.load.1{*} by {host}' }: {
  value: string
  lang: Lang
  onCommit: (text: string) => void
  error?: ApiError
  label?: string
  placeholder?: string
}) {
  const area = useRef<HTMLTextAreaElement>(null)
  const asked = useRef<AbortController | null>(null)
  const [text, setText] = useState(value)
  const [found, setFound] = useState<{ of: string; list: Suggestion[] } | null>(null)
  const [chosen, setChosen] = useState(0)

  // Another value from outside takes the place of what is being typed.
  const before = useRef(value)
  if (before.current !== value) {
    before.current = value
    setText(value)
  }
  useEffect(() => () => asked.current?.abort(), [])

  const close = () => {
    asked.current?.abort()
    setFound(null)
  }
  const look = (content: string) => {
    asked.current?.abort()
    const control = new AbortController()
    asked.current = control
    setChosen(0)
    const before = content.slice(0, area.current?.selectionStart ?? content.length)
    api.complete(content, bytesOf(before), lang, control.signal).then((found) => {
      if (control.signal.aborted) return
      const written = (s: Suggestion) => before.slice(charAt(content, s.from)) === s.insert
      setFound({ of: content, list: found.filter((s) => !written(s)).slice(0, most) })
    }, () => undefined) // a box without suggestions is a box still
  }

  const take = (s: Suggestion) => {
    const box = area.current!
    const done = apply(text, box.selectionStart, s)
    setText(done.text)
    box.focus()
    requestAnimationFrame(() => {
      box.setSelectionRange(done.cursor, done.cursor)
      look(done.text)
    })
  }
  const commit = () => {
    close()
    onCommit(text.trim())
  }
  const list = found?.list
  const onKeyDown = (e: KeyboardEvent) => {
    const open = list?.length && found!.of === text // what was found for an older text is shown, not taken
    if (open && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) {
      e.preventDefault()
      setChosen((n) => (n + (e.key === 'ArrowDown' ? 1 : -1) + list!.length + 1) % (list!.length + 1))
    } else if (open && (e.key === 'Tab' || (e.key === 'Enter' && chosen > 0)) && !e.shiftKey) {
      e.preventDefault()
      take(list![Math.max(0, chosen - 1)])
    } else if (e.key === 'Escape' && open) {
      e.stopPropagation()
      close()
    } else if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault()
      commit()
    }
  }

  const shown = error && text.trim() === value ? error : undefined
  const offset = shown?.offset === undefined ? undefined : charAt(text, shown.offset)
  const end = offset === undefined ? 0 : offset + (/^[A-Za-z0-9_.]+/.exec(text.slice(offset))?.[0].length ?? 1) // of the word that is wrong
  return (
    <div class={`query ${shown ? 'wrong' : ''}`}>
      <div class="query-text">
        <pre aria-hidden="true">
          {offset === undefined ? text : <>{text.slice(0, offset)}<mark>{text.slice(offset, end) || ' '}</mark>{text.slice(end)}</>}
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
          aria-activedescendant={list?.length && chosen > 0 ? `suggestion-${chosen - 1}` : undefined}
          placeholder={placeholder}
          value={text}
          onInput={(e) => {
            setText(e.currentTarget.value)
            look(e.currentTarget.value)
          }}
          onClick={() => look(text)}
          onKeyDown={onKeyDown}
          onBlur={() => {
            close()
            if (text.trim() !== value) onCommit(text.trim())
          }}
        />
      </div>
      {list && list.length > 0 && (
        <ul class="suggestions" id="suggestions" role="listbox" aria-label="Suggestions">
          {list.map((s, i) => (
            <li key={s.kind + s.text} id={`suggestion-${i}`} role="option" aria-selected={i === chosen - 1} class={i === chosen - 1 ? 'chosen' : ''} onMouseDown={(e) => (e.preventDefault(), take(s))}>
              <span>{s.text}</span>
              <small>{s.note ?? s.kind}</small>
            </li>
          ))}
        </ul>
      )}
      {shown && <p class="query-error" role="alert">{offset !== undefined && <b>At character {offset + 1}: </b>}{shown.message.replace(/^query: (at position \d+: )?/, '')}</p>}
    </div>
  )
}
