// One widget over the whole window, with the time at hand. What floats over a
// graph floats over this too.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Button } from '../parts/basics'
import { TimeControl } from '../parts/time-control'

export function FullScreen({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null)
  const latest = useRef(onClose)
  latest.current = onClose
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null
    box.current?.focus()
    const onKey = (e: KeyboardEvent) => {
      if (e.key === 'Escape' && !e.defaultPrevented && !document.querySelector('dialog[open], .tooltip.pinned')) latest.current()
    }
    document.addEventListener('keydown', onKey)
    return () => {
      document.removeEventListener('keydown', onKey)
      before?.focus()
    }
  }, [])
  return (
    <div ref={box} class="full-screen" role="dialog" aria-modal="true" aria-label={title} tabIndex={-1}>
      <header class="full-head">
        <h2>{title}</h2>
        <TimeControl />
        <Button bare kind="quiet" icon="close" label="Close" onClick={onClose} />
      </header>
      <div class="full-body cell">{children}</div>
    </div>
  )
}
