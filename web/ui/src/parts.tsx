// Small parts that pages are made of.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, type ApiError, type Frame, type Lang } from './api'
import { useData, type RangeControl } from './hooks'
import { explainBand, Graph, type Threshold } from './graph'
import { parseRange, presets, showRange, type Range } from './time'

export function Panel(props: { title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`panel ${props.class ?? ''}`}>
      {(props.title || props.actions) && (
        <header><h2>{props.title}</h2><div class="actions">{props.actions}</div></header>
      )}
      {props.children}
    </section>
  )
}

export function Failure({ error }: { error: ApiError | undefined }) {
  if (!error) return null
  return (
    <p class="failure" role="alert">
      {error.message} <button class="plain" onClick={() => navigator.clipboard?.writeText(`${error.message} (status ${error.status}, ${location.href})`)}>Copy details</button>
    </p>
  )
}

export function Empty(props: { children: ComponentChildren }) {
  return <div class="empty">{props.children}</div>
}

export function Tags({ tags }: { tags: string[] | null | undefined }) {
  return <span class="tags">{(tags ?? []).map((t) => <span class="tag">{t}</span>)}</span>
}

const stateClass: Record<string, string> = { OK: 'ok', Warn: 'warn', Alert: 'alert', 'No Data': 'nodata' }
const stateSign: Record<string, string> = { OK: '●', Warn: '▲', Alert: '■', 'No Data': '○' }

export function State({ state, big }: { state: string | undefined; big?: boolean }) {
  const name = state || 'No Data'
  return <span class={`state ${stateClass[name] ?? 'nodata'} ${big ? 'big' : ''}`}><i aria-hidden="true">{stateSign[name] ?? '○'}</i> {name}</span>
}

export function Field(props: { label: string; hint?: string; error?: string; children: ComponentChildren }) {
  return (
    <label class={props.error ? 'field wrong' : 'field'}>
      <span>{props.label}</span>
      {props.children}
      {props.error ? <em role="alert">{props.error}</em> : props.hint && <small>{props.hint}</small>}
    </label>
  )
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <div class="copy">
      <code>{text}</code>
      <button onClick={() => navigator.clipboard?.writeText(text).then(() => setDone(true))}>{done ? 'Copied' : 'Copy'}</button>
    </div>
  )
}

// TimeControl is the range in the top bar: presets, typed text, back and
// forward in time, live or paused.
export function TimeControl({ control }: { control: RangeControl }) {
  const { range, set } = control
  const [open, setOpen] = useState(false)
  const [text, setText] = useState('')
  const [wrong, setWrong] = useState(false)
  const length = range.to - range.from
  const move = (by: number) => set({ from: range.from + by * length, to: range.to + by * length, live: false })
  const apply = (r: Range | null) => {
    setWrong(!r)
    if (!r) return
    set(r)
    setText('')
    setOpen(false)
  }
  return (
    <div class="time">
      <button title="Back in time" aria-label="Back in time" onClick={() => move(-1)}>‹</button>
      <button class="range" aria-expanded={open} onClick={() => setOpen(!open)} title={Intl.DateTimeFormat().resolvedOptions().timeZone}>{showRange(range)}</button>
      <button title="Forward in time" aria-label="Forward in time" disabled={range.live} onClick={() => move(1)}>›</button>
      <button title="Zoom out" aria-label="Zoom out" onClick={() => set({ from: range.from - length / 2, to: range.live ? range.to : range.to + length / 2, live: range.live })}>−</button>
      <button title={range.live ? 'Pause' : 'Live'} aria-label={range.live ? 'Pause' : 'Live'} onClick={() => set(range.live ? { ...range, live: false } : { from: Date.now() - length, to: Date.now(), live: true })}>{range.live ? '❚❚' : '▶'}</button>
      <button title="Refresh" aria-label="Refresh" onClick={control.refresh}>↻</button>
      {open && (
        <div class="popover" role="dialog" aria-label="Time range">
          <form onSubmit={(e) => (e.preventDefault(), apply(parseRange(text, Date.now())))}>
            <input autofocus placeholder="last 90m, yesterday, Nov 3 14:00 to 15:30" aria-label="Time range as text" class={wrong ? 'wrong' : ''} value={text} onInput={(e) => setText(e.currentTarget.value)} />
            {wrong && <em role="alert">Try "last 90m", "yesterday" or "Nov 3 14:00 to 15:30".</em>}
          </form>
          <div class="presets">
            {presets.map(([label, ms]) => (
              <button onClick={() => apply({ from: Date.now() - ms, to: Date.now(), live: true })}>{label}</button>
            ))}
          </div>
        </div>
      )}
    </div>
  )
}

// QueryGraph asks and draws; it keeps the old picture, dimmed, until the new is there.
export function QueryGraph(props: {
  queries: { query: string; lang?: Lang }[]
  control: RangeControl
  height?: number
  kind?: 'line' | 'area' | 'bars'
  thresholds?: Threshold[]
  legend?: boolean
  explain?: boolean
  onError?: (e: ApiError | undefined) => void
}) {
  const { range, set, back } = props.control
  const key = JSON.stringify(props.queries)
  const loaded = useData<Frame[]>(
    async (signal) => (await Promise.all(props.queries.map((q) => api.query(q.query, q.lang ?? 'datadog', range.from, range.to, undefined, signal)))).flat(),
    [key, range.from, range.to],
  )
  const { onError } = props
  useEffect(() => onError?.(loaded.error), [loaded.error])
  const warnings = [...new Set((loaded.data ?? []).flatMap((f) => f.warnings))]
  const sentence = props.explain ? explainBand(loaded.data ?? [], props.queries.map((q) => q.query).join(' ')) : null
  return (
    <div class="query-graph">
      {loaded.loading && <div class="working" aria-hidden="true" />}
      {!onError && <Failure error={loaded.error} />}
      {warnings.map((w) => <p class="notice">{w}</p>)}
      {loaded.data && (
        <Graph frames={loaded.data} from={range.from} to={range.to} height={props.height} kind={props.kind} thresholds={props.thresholds} legend={props.legend}
          dimmed={loaded.loading && !range.live} onZoom={(from, to) => set({ from, to, live: false })} onBack={back} />
      )}
      {sentence && <p class="sentence">{sentence}</p>}
    </div>
  )
}
