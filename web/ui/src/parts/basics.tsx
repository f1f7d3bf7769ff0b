// The small parts that all pages are made of.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError } from '../api'
import { now } from '../clock'
import { showAgo, showTime, zoneName } from '../time'
import { Icon, type IconName } from './icon'

// Moment is a time, with its seconds and zone on hover.
export function Moment({ ms, ago = false }: { ms: number; ago?: boolean }) {
  return (
    <time dateTime={new Date(ms).toISOString()} title={`${showTime(ms, true)} ${zoneName()}`}>
      {ago ? showAgo(ms, now()) : showTime(ms)}
    </time>
  )
}

export function Button({ icon, label, onClick, kind = '', disabled, type = 'button', bare, pressed }: {
  icon?: IconName
  label: string
  onClick?: () => void
  kind?: '' | 'primary' | 'danger' | 'quiet'
  disabled?: boolean
  type?: 'button' | 'submit'
  bare?: boolean // the icon alone
  pressed?: boolean
}) {
  return (
    <button type={type} class={`button ${kind} ${bare ? 'bare' : ''}`} onClick={onClick} disabled={disabled} aria-label={bare ? label : undefined} title={bare ? label : undefined} aria-pressed={pressed}>
      {icon && <Icon name={icon} size={bare ? 18 : 16} />}
      {!bare && <span>{label}</span>}
    </button>
  )
}

export function LinkButton({ href, label, icon, kind = '' }: { href: string; label: string; icon?: IconName; kind?: '' | 'primary' | 'quiet' }) {
  return (
    <a class={`button ${kind}`} href={href}>
      {icon && <Icon name={icon} size={16} />}
      <span>{label}</span>
    </a>
  )
}

export function Panel({ title, actions, children, flush, loading, label }: {
  title?: ComponentChildren
  actions?: ComponentChildren
  children: ComponentChildren
  flush?: boolean // content up to the border
  loading?: boolean
  label?: string
}) {
  return (
    <section class="panel" aria-label={label}>
      <Working on={Boolean(loading)} />
      {(title || actions) && (
        <header class="panel-head">
          {title ? <h2>{title}</h2> : <span />}
          {actions && <div class="actions">{actions}</div>}
        </header>
      )}
      <div class={flush ? 'panel-flush' : 'panel-body'}>{children}</div>
    </section>
  )
}

// Working is a thin line while work is under way; it says so after 2 s.
export function Working({ on, what = 'still reading' }: { on: boolean; what?: string }) {
  const [long, setLong] = useState(false)
  useEffect(() => {
    setLong(false)
    if (!on) return
    const timer = setTimeout(() => setLong(true), 2000)
    return () => clearTimeout(timer)
  }, [on])
  if (!on) return null
  return (
    <div class="working" role="status">
      {long && <span>{what}</span>}
    </div>
  )
}

// Empty says what would be here, and the one thing to do.
export function Empty({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p>{children}</p>}
      {action}
    </div>
  )
}

export function Failure({ error, retry }: { error: ApiError; retry?: () => void }) {
  const details = `${error.message} (${error.status ? `status ${error.status}` : 'no answer'}) at ${location.href}`
  return (
    <div class="failure" role="alert">
      <p>{error.message}</p>
      <div class="actions">
        {retry && <Button label="Try again" icon="refresh" onClick={retry} />}
        <CopyButton text={details} label="Copy details" />
      </div>
    </div>
  )
}

export function CopyButton({ text, label = 'Copy', bare }: { text: string; label?: string; bare?: boolean }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return <Button kind="quiet" bare={bare} icon={done ? 'check' : 'copy'} label={done ? 'Copied' : label} onClick={() => void copy(text).then(setDone)} />
}

// copy works without the clipboard API too, which plain HTTP lacks away from
// loopback.
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

export function Tags({ tags, onPick }: { tags: string[] | null | undefined; onPick?: (tag: string) => void }) {
  if (!tags?.length) return null
  return (
    <span class="tags">
      {tags.map((tag) =>
        onPick ? <button key={tag} type="button" class="tag" onClick={() => onPick(tag)}>{tag}</button> : <span key={tag} class="tag">{tag}</span>)}
    </span>
  )
}

const stateWords: Record<string, [kind: string, sign: string]> = {
  OK: ['ok', '✓'], Warn: ['warn', '!'], Alert: ['alert', '✕'], 'No Data': ['nodata', '?'], Skipped: ['nodata', '·'],
}

// State is a monitor's state: a colour, and a sign and a word beside it. Others
// that are coloured so have words of their own.
export function State({ state, big, word }: { state: string | undefined; big?: boolean; word?: string }) {
  const [kind, sign] = stateWords[state ?? ''] ?? ['nodata', '?']
  return (
    <span class={`state ${kind} ${big ? 'big' : ''}`}>
      <span class="sign" aria-hidden="true">{sign}</span>
      {word ?? state ?? 'No Data'}
    </span>
  )
}

export function Field({ label, hint, error, children, wide }: { label: string; hint?: ComponentChildren; error?: string; children: ComponentChildren; wide?: boolean }) {
  return (
    <label class={`field ${wide ? 'wide' : ''} ${error ? 'wrong' : ''}`}>
      <span class="field-label">{label}</span>
      {children}
      {error ? <span class="field-error" role="alert">{error}</span> : hint && <span class="field-hint">{hint}</span>}
    </label>
  )
}

export function SearchField({ value, onInput, label }: { value: string; onInput: (text: string) => void; label: string }) {
  return (
    <div class="search">
      <Icon name="search" size={16} />
      <input type="search" data-search value={value} placeholder={label} aria-label={label} onInput={(e) => onInput(e.currentTarget.value)} />
    </div>
  )
}

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    box.current?.showModal()
  }, [])
  return (
    <dialog ref={box} onClose={onClose} onClick={(e) => e.target === e.currentTarget && e.currentTarget.close()} aria-label={title}>
      <div class="dialog">
        <header>
          {title ? <h2>{title}</h2> : <span />}
          <Button bare kind="quiet" icon="close" label="Close" onClick={() => box.current?.close()} />
        </header>
        {children}
      </div>
    </dialog>
  )
}

// Confirm is a button that asks once more.
export function Confirm({ label, question, onConfirm, icon }: { label: string; question: string; onConfirm: () => void; icon?: IconName }) {
  const [asking, setAsking] = useState(false)
  return (
    <>
      <Button icon={icon} kind="danger" label={label} onClick={() => setAsking(true)} />
      {asking && (
        <Dialog title={label} onClose={() => setAsking(false)}>
          <p>{question}</p>
          <div class="actions end">
            <Button label="Keep" onClick={() => setAsking(false)} />
            <Button kind="danger" icon={icon} label={label} onClick={onConfirm} />
          </div>
        </Dialog>
      )}
    </>
  )
}
