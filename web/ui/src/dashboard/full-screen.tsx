// One widget over the whole window, with the time at hand.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Button } from '../parts/basics'
import { TimeControl } from '../parts/time-control'

export function FullScreen({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    box.current?.showModal()
  }, [])
  return (
    <dialog ref={box} class="full-screen" aria-label={title} onClose={onClose}>
      <header class="full-head">
        <h2>{title}</h2>
        <TimeControl />
        <Button bare kind="quiet" icon="close" label="Close" onClick={() => box.current?.close()} />
      </header>
      <div class="full-body cell">{children}</div>
    </dialog>
  )
}
