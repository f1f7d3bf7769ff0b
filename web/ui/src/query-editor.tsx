// QueryEditor is the query box: completion for metrics, tags and functions, and
// the error under the character where it is.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api, type ApiError, type Lang } from './api'
import { aggregators, contextAt, functions, matching, methods } from './complete'

interface Props {
  value: string
  lang: Lang
  onRun: (query: string) => void
  onLang?: (lang: Lang) => void
  error?: ApiError
  label?: string
}

const week = 7 * 86400e3

export function QueryEditor({ value, lang, onRun, onLang, error, label = 'Query' }: Props) {
  const [text, setText] = useState(value)
  const [choices, setChoices] = useState<string[]>([])
  const [picked, setPicked] = useState(0)
  const box = useRef<HTMLTextAreaElement>(null)
  const metrics = useRef<Promise<string[]> | undefined>(undefined)
  const tags = useRef(new Map<string, Promise<string[]>>())
  const place = useRef(0)
  useEffect(() => setText(value), [value])

  const metricNames = () => (metrics.current ??= api.metrics(Date.now() - week, Date.now()).then((m) => m.map((x) => x.name)))
  const tagsOf = (metric: string) => {
    let found = tags.current.get(metric)
    if (!found) {
      found = api.metric(metric, Date.now() - week, Date.now()).then((m) => m.tags.flatMap((t) => t.values.map((v) => (v === 'true' ? t.key : `${t.key}:${v}`))))
      tags.current.set(metric, found)
    }
    return found
  }

  const suggest = async (query: string, caret: number) => {
    const turn = ++place.current
    const at = contextAt(query, caret)
    let candidates: string[] = []
    try {
      if (lang === 'metricsql') {
        const word = /[A-Za-z_][\w.:]*$/.exec(query.slice(0, caret))?.[0] ?? ''
        candidates = word.length > 1 ? matching((await metricNames()).map((m) => m.replace(/\./g, '_')), word) : []
      } else if (at.kind === 'metric') candidates = matching(await metricNames(), at.word)
      else if (at.kind === 'start' && at.word) candidates = matching([...aggregators.map((a) => a + ':'), ...functions.map((f) => f + '(')], at.word)
      else if (at.kind === 'method') candidates = matching(methods, at.word)
      else if (at.kind === 'tag' && at.metric) candidates = matching(['*', ...(await tagsOf(at.metric))], at.word)
      else if (at.kind === 'group' && at.metric) candidates = matching([...new Set((await tagsOf(at.metric)).map((t) => t.split(':')[0]))], at.word)
    } catch {
      candidates = [] // completion is a help; the query itself will tell what is wrong
    }
    if (turn !== place.current) return
    setChoices(candidates)
    setPicked(0)
  }

  const choose = (choice: string) => {
    const element = box.current!
    const caret = element.selectionStart
    const start = lang === 'metricsql' ? caret - (/[A-Za-z_][\w.:]*$/.exec(text.slice(0, caret))?.[0].length ?? 0) : contextAt(text, caret).start
    const next = text.slice(0, start) + choice + text.slice(caret)
    setText(next)
    setChoices([])
    requestAnimationFrame(() => {
      element.focus()
      element.setSelectionRange(start + choice.length, start + choice.length)
      if (choice.endsWith(':')) suggest(next, start + choice.length)
    })
  }

  const run = () => {
    setChoices([])
    onRun(text.trim())
  }

  const press = (e: KeyboardEvent) => {
    if (choices.length > 0) {
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
        e.preventDefault()
        setPicked((picked + (e.key === 'ArrowDown' ? 1 : choices.length - 1)) % choices.length)
        return
      }
      if (e.key === 'Tab' || (e.key === 'Enter' && !e.ctrlKey)) {
        e.preventDefault()
        choose(choices[picked])
        return
      }
      if (e.key === 'Escape') {
        e.stopPropagation()
        setChoices([])
        return
      }
    }
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault()
      run()
    }
  }

  return (
    <div class="editor">
      <div class="line">
        {onLang && (
          <select aria-label="Language" value={lang} onChange={(e) => onLang(e.currentTarget.value as Lang)}>
            <option value="datadog">Datadog</option>
            <option value="metricsql">MetricsQL</option>
          </select>
        )}
        <textarea data-search ref={box} rows={Math.min(6, Math.max(1, Math.ceil(text.length / 110)))} spellcheck={false} aria-label={label} placeholder={lang === 'datadog' ? 'avg:system.load.1{*} by {host}' : 'avg(system_load_1) by (host)'}
          value={text} onInput={(e) => (setText(e.currentTarget.value), suggest(e.currentTarget.value, e.currentTarget.selectionStart))} onKeyDown={press} onBlur={() => setTimeout(() => setChoices([]), 150)} />
        <button class="primary" onClick={run}>Run</button>
      </div>
      {choices.length > 0 && (
        <ul class="choices" role="listbox">
          {choices.map((c, i) => (
            <li role="option" aria-selected={i === picked} onMouseDown={(e) => (e.preventDefault(), choose(c))}>{c}</li>
          ))}
        </ul>
      )}
      {error && (
        <div class="failure" role="alert">
          {error.offset !== undefined && text === value && (
            <pre aria-hidden="true">{text.slice(0, error.offset)}<mark>{text.slice(error.offset, error.offset + 1) || ' '}</mark>{text.slice(error.offset + 1)}</pre>
          )}
          {error.message}
        </div>
      )}
    </div>
  )
}
