// The time range of the page: presets, typed text, back and forward, live.
import { useEffect, useRef, useState } from 'preact/hooks'
import { now } from '../clock'
import { setRange, useRange, useRefresh } from '../range'
import { parseRange, presets, showRange, showTime, zoneName, type Range } from '../time'
import { setParams, useRoute } from '../route'
import { Button } from './basics'
import { Calendar } from './calendar'
import { Icon } from './icon'
import { useKeys } from './keys'

export function TimeControl() {
  const range = useRange()
  const refresh = useRefresh()
  const [open, setOpen] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const span = range.to - range.from

  useEffect(() => {
    if (!open) return
    const close = (e: Event) => !box.current?.contains(e.target as Node) && setOpen(false)
    document.addEventListener('mousedown', close)
    return () => document.removeEventListener('mousedown', close)
  }, [open])

  const shift = (by: number) => {
    const to = range.to + by
    setRange(to >= now() ? { from: now() - span, to: now(), live: true } : { from: range.from + by, to, live: false })
  }
  const choose = (r: Range) => {
    setRange(r)
    setOpen(false)
  }
  const follow = () => setRange(range.live ? { ...range, live: false } : { from: now() - span, to: now(), live: true })
  useKeys({ t: () => setOpen(true), ',': () => shift(-span / 2), '.': () => !range.live && shift(span / 2), '-': () => zoomOut(range), l: follow, r: refresh })

  return (
    <div class="time" ref={box}>
      <Laid />
      <button type="button" class={`button time-range ${range.live ? 'live' : ''}`} onClick={() => setOpen(!open)} aria-expanded={open} title={`${showTime(range.from, true)} to ${showTime(range.to, true)} ${zoneName()}`}>
        <span class="dot" aria-hidden="true" />
        {showRange(range)}
      </button>
      <div class="time-buttons">
        <Button bare kind="quiet" icon="back" label="Back in time" onClick={() => shift(-span / 2)} />
        <Button bare kind="quiet" icon="forward" label="Forward in time" onClick={() => shift(span / 2)} disabled={range.live} />
        <Button bare kind="quiet" icon="zoomOut" label="Zoom out" onClick={() => zoomOut(range)} />
        <Button
          bare
          kind="quiet"
          icon={range.live ? 'pause' : 'play'}
          label={range.live ? 'Pause' : 'Follow live'}
          onClick={follow}
        />
        <Button bare kind="quiet" icon="refresh" label="Refresh" onClick={refresh} />
      </div>
      {open && <Picker range={range} choose={choose} close={() => setOpen(false)} />}
    </div>
  )
}

// Laid says what lies over the graphs, and takes it off.
function Laid() {
  const { params } = useRoute()
  const overlay = params.get('overlay')
  return (
    <>
      {params.get('compare') === 'before' && <button type="button" class="tag laid" title="Stop comparing" onClick={() => setParams({ compare: null })}>with the period before<Icon name="close" size={12} /></button>}
      {overlay && <button type="button" class="tag laid" title="Take these events off the graphs" onClick={() => setParams({ overlay: null })}>events: {overlay}<Icon name="close" size={12} /></button>}
    </>
  )
}

function zoomOut(range: Range): void {
  const span = range.to - range.from
  if (range.live) setRange({ from: range.to - 2 * span, to: range.to, live: true })
  else {
    const to = Math.min(range.to + span / 2, now())
    setRange({ from: to - 2 * span, to, live: false })
  }
}

function Picker({ range, choose, close }: { range: Range; choose: (r: Range) => void; close: () => void }) {
  const [text, setText] = useState('')
  const [wrong, setWrong] = useState(false)
  const submit = (e: Event) => {
    e.preventDefault()
    const r = parseRange(text, now())
    if (r) choose(r)
    else setWrong(true)
  }
  return (
    <form class="picker" onSubmit={submit} onKeyDown={(e) => e.key === 'Escape' && close()}>
      <input
        ref={(e) => e?.focus()}
        aria-label="Time range"
        aria-invalid={wrong}
        placeholder={range.live ? 'last 90m' : 'Nov 3 14:00 to 15:30'}
        value={text}
        onInput={(e) => (setText(e.currentTarget.value), setWrong(false))}
      />
      <p class={wrong ? 'field-error' : 'field-hint'} role={wrong ? 'alert' : undefined}>
        {wrong ? 'Not understood. ' : ''}Such as “last 90m”, “yesterday”, “Nov 3 14:00 to 15:30”.
      </p>
      <div class="presets">
        {presets.map(([label, ms]) => (
          <button key={label} type="button" class="button" onClick={() => choose({ from: now() - ms, to: now(), live: true })}>{label}</button>
        ))}
      </div>
      <Calendar from={range.from} to={range.to} choose={(from, to) => choose({ from, to, live: false })} />
      <p class="field-hint">Times are in {zoneName()}.</p>
    </form>
  )
}
