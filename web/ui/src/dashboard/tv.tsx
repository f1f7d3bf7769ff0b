// A dashboard on a screen on the wall: dark, nothing but the graphs, as large as
// they fit. Esc ends it.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { now } from '../clock'
import { useDark } from '../theme'
import { useRange } from '../range'
import { showRange } from '../time'
import { Button } from '../parts/basics'
import { bottomOf, boxesOf, gap, kindOf, rowHeight } from './layout'
import type { Board } from './edits'

const least = 44 // px, of a row: what doesn't fit then is scrolled through
const design = 1600 // px, of a screen on which texts have their usual size
const page = 20e3 // ms, until the next part of what doesn't fit

export function TV({ board, onEnd, children }: { board: Board; onEnd: () => void; children: (rowPixels: number) => ComponentChildren }) {
  useDark()
  const range = useRange()
  const body = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState({ width: innerWidth, height: innerHeight })
  const [quiet, setQuiet] = useState(false)

  useEffect(() => {
    const resize = () => setSize({ width: innerWidth, height: innerHeight })
    const onKey = (e: KeyboardEvent) => e.key === 'Escape' && onEnd()
    let timer = setTimeout(() => setQuiet(true), 3000)
    const stir = () => {
      setQuiet(false)
      clearTimeout(timer)
      timer = setTimeout(() => setQuiet(true), 3000)
    }
    addEventListener('resize', resize)
    addEventListener('keydown', onKey)
    addEventListener('pointermove', stir)
    // Only where the reader's own click or key led here does the browser agree.
    void document.documentElement.requestFullscreen?.().catch(() => undefined)
    // The screen stays on, where the browser lets it.
    const awake = navigator.wakeLock?.request('screen').catch(() => undefined)
    const left = () => !document.fullscreenElement && onEnd()
    document.addEventListener('fullscreenchange', left)
    return () => {
      clearTimeout(timer)
      removeEventListener('resize', resize)
      removeEventListener('keydown', onKey)
      removeEventListener('pointermove', stir)
      document.removeEventListener('fullscreenchange', left)
      void awake?.then((lock) => lock?.release())
      if (document.fullscreenElement) void document.exitFullscreen()
    }
  }, [])

  const zoom = Math.max(1, Math.min(2.5, size.width / design))
  const rows = bottomOf(boxesOf(board.widgets ?? [], kindOf(board)))
  const room = size.height / zoom - 72
  const rowPixels = kindOf(board) === 'free' ? rowHeight : Math.max(least, Math.min(rowHeight * 2.2, (room + gap) / Math.max(1, rows) - gap))

  useEffect(() => {
    const timer = setInterval(() => {
      const area = body.current
      if (!area || area.scrollHeight <= area.clientHeight + 8) return
      const end = area.scrollTop + area.clientHeight >= area.scrollHeight - 8
      area.scrollTo({ top: end ? 0 : area.scrollTop + area.clientHeight * 0.85, behavior: 'smooth' })
    }, page)
    return () => clearInterval(timer)
  }, [])

  return (
    <div class={`tv ${quiet ? 'quiet' : ''}`} style={{ zoom }}>
      <header class="tv-head">
        <h1>{board.title}</h1>
        <span class="muted">{showRange(range)}</span>
        <Clock />
        <Button bare kind="quiet" icon="close" label="Leave TV mode" onClick={onEnd} />
      </header>
      <div ref={body} class="tv-body">{children(rowPixels)}</div>
    </div>
  )
}

function Clock() {
  const [at, setAt] = useState(now())
  useEffect(() => {
    const timer = setInterval(() => setAt(now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return <time class="tv-clock">{new Date(at).toTimeString().slice(0, 5)}</time>
}
