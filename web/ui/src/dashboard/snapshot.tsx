// A graph sent by mail: its picture, a mark drawn on it by hand, and a note.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api'
import type { ShownGraph, Plot, SnapshotMark } from '../model'
import type { Threshold } from '../chart/scale'
import { useData } from '../data'
import { useRange } from '../range'
import { Button, Dialog, Failure, Field } from '../parts/basics'
import { useStatus } from '../parts/frame'
import type { Request } from '../chart/lines'
import { link } from '../route'
import { may, useSession } from '../session'
import { useTheme } from '../theme'
import { showTime } from '../time'
import { endOfMark, markOf, movedMark, placeOf, type Box, type Point } from './mark'

interface Sent {
  title: string
  requests: Request[]
  thresholds?: Threshold[]
}

// SnapshotButton offers to send a graph, to those who may send mails.
export function SnapshotButton(props: Sent) {
  const [open, setOpen] = useState(false)
  if (!may(useSession(), 'editor') || !props.requests.some((r) => r.query.trim())) return null
  return (
    <>
      <Button bare kind="quiet" icon="camera" label="Send snapshot…" onClick={() => setOpen(true)} />
      {open && <SnapshotDialog {...props} onClose={() => setOpen(false)} />}
    </>
  )
}

// SnapshotDialog keeps the time range that it was opened with: what is sent is
// what the sender looks at.
export function SnapshotDialog({ title, requests, thresholds, onClose }: Sent & { onClose: () => void }) {
  const [range] = useState(useRange())
  const dark = useTheme() === 'dark'
  const status = useStatus()
  const graph: ShownGraph = {
    title,
    queries: requests.filter((r) => r.query.trim()).map((r) => ({ query: r.query, lang: r.lang, style: r.style, alias: r.alias })),
    from: Math.round(range.from),
    to: Math.round(range.to),
    thresholds: thresholds?.filter((t) => t.severity === 'alert' || t.severity === 'warn').map((t) => ({ value: t.value, label: t.label, warn: t.severity === 'warn', below: t.side === 'below' })),
  }
  const picture = useData(JSON.stringify([graph, dark]), () => api.previewSnapshot({ ...graph, dark }))
  const [mark, setMark] = useState<SnapshotMark | null>(null)
  const [receivers, setReceivers] = useState('')
  const [note, setNote] = useState('')
  const [error, setError] = useState<Error | null>(null)
  const [mail, setMail] = useState<number | null>(null)
  const [busy, setBusy] = useState(false)
  const send = async (e: Event) => {
    e.preventDefault()
    setBusy(true)
    try {
      const { id } = await api.sendSnapshot({ ...graph, marks: mark ? [mark] : [], receivers, note, view: location.pathname + location.search })
      setMail(id)
      setError(null)
    } catch (cause) {
      setError(cause as Error)
    }
    setBusy(false)
  }
  if (mail !== null) {
    return (
      <Dialog title="Send snapshot" onClose={onClose}>
        <p role="status">{status && !status.smtp ? 'No mail server is set, so the mail stays in the outbox.' : `On its way to ${receivers.trim()}.`}</p>
        <div class="actions end">
          <a class="button" href={link(`/outbox/${mail}`)}>See the mail</a>
          <Button kind="primary" label="Done" onClick={onClose} />
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title="Send snapshot" onClose={onClose}>
      <form class="spaced snapshot" onSubmit={send}>
        {picture.error && <Failure error={picture.error} retry={picture.reload} />}
        {picture.data ? <Marker png={picture.data.png} plot={picture.data.plot} mark={mark} onMark={setMark} label={title} /> : !picture.error && <div class="snapshot-wait" />}
        <div class="actions snapshot-hint">
          <span class="muted small">{mark ? `Marked ${showTime(mark.from, true)} to ${showTime(mark.to, true)}` : 'Drag over the picture to mark a part of it; along the time axis for all of its height.'}</span>
          {mark && <button type="button" class="link small" onClick={() => setMark(null)}>Clear</button>}
        </div>
        <Field label="To" wide hint="Addresses, apart by commas">
          <input required value={receivers} placeholder="@name@example.com" autocomplete="email" onInput={(e) => setReceivers(e.currentTarget.value)} />
        </Field>
        <Field label="Note" wide error={error?.message}>
          <textarea rows={3} value={note} maxLength={5000} placeholder="What they should see in it" onInput={(e) => setNote(e.currentTarget.value)} />
        </Field>
        <div class="actions end"><Button kind="primary" type="submit" icon="mail" label="Send" disabled={busy || !picture.data} /></div>
      </form>
    </Dialog>
  )
}

// The size that pictures are drawn in, CSS px.
const size = { width: 640, height: 320 }

// Marker is the picture with what is drawn on it. Arrow keys move a mark, with
// Shift they make it longer or shorter.
function Marker({ png, plot, mark, onMark, label }: { png: string; plot: Plot; mark: SnapshotMark | null; onMark: (m: SnapshotMark | null) => void; label: string }) {
  const svg = useRef<SVGSVGElement>(null)
  const [from, setFrom] = useState<Point | null>(null)
  const at = (e: PointerEvent): Point => {
    const box = svg.current!.getBoundingClientRect()
    return { x: ((e.clientX - box.left) / box.width) * size.width, y: ((e.clientY - box.top) / box.height) * size.height }
  }
  useEffect(() => setFrom(null), [png])
  const down = (e: PointerEvent) => {
    if (e.button !== 0) return
    svg.current!.setPointerCapture(e.pointerId)
    setFrom(at(e))
  }
  const move = (e: PointerEvent) => from && onMark(markOf(plot, from, at(e)))
  const up = (e: PointerEvent) => {
    if (from) onMark(endOfMark(plot, from, at(e)))
    setFrom(null)
  }
  const key = (e: KeyboardEvent) => {
    const moved = movedMark(plot, mark, e.key, e.shiftKey)
    if (moved === undefined) return
    e.preventDefault()
    e.stopPropagation()
    onMark(moved)
  }
  const box: Box | null = mark && placeOf(plot, mark)
  return (
    <div class="snapshot-picture">
      <img src={`data:image/png;base64,${png}`} width={size.width} height={size.height} alt={`Picture of ${label}`} draggable={false} />
      <svg
        ref={svg}
        viewBox={`0 0 ${size.width} ${size.height}`}
        tabIndex={0}
        role="img"
        aria-label={mark ? `Mark from ${showTime(mark.from, true)} to ${showTime(mark.to, true)}. Arrow keys move it, with Shift they change its length, Delete removes it` : 'No mark. An arrow key makes one'}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={() => setFrom(null)}
        onKeyDown={key}
      >
        {box && <rect x={box.x} y={box.y} width={box.width} height={box.height} />}
      </svg>
    </div>
  )
}
