// What drops down from a button: a box of anything, or a menu of things to do.
// Both are of the browser's top layer, so that nothing cuts them off.
import type { ComponentChildren } from 'preact'
import { useId, useRef, useState } from 'preact/hooks'
import { Icon, type IconName } from './icon'

// Dropdown shows what it holds while it is open; close closes it.
export function Dropdown({ label, text, icon, kind = '', bare, role, children }: {
  label: string
  text?: ComponentChildren
  icon?: IconName
  kind?: string
  bare?: boolean
  role?: 'menu'
  children: (close: () => void) => ComponentChildren
}) {
  const id = useId()
  const button = useRef<HTMLButtonElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const [open, setOpen] = useState(false)
  const close = () => {
    box.current?.hidePopover()
    button.current?.focus()
  }
  const place = () => {
    if (!button.current || !box.current) return // gone already
    const at = button.current.getBoundingClientRect()
    const own = box.current.getBoundingClientRect()
    const below = innerHeight - at.bottom - 12
    const up = own.height > below && at.top > below
    const style = box.current.style
    style.maxHeight = `${Math.max(120, (up ? at.top : below) - 8)}px`
    style.left = `${Math.max(8, Math.min(at.left + own.width > innerWidth - 8 ? at.right - own.width : at.left, innerWidth - own.width - 8))}px`
    style.top = up ? `${Math.max(8, at.top - own.height - 4)}px` : `${at.bottom + 4}px`
  }
  const toggled = (now: boolean) => {
    setOpen(now)
    if (!now) return
    requestAnimationFrame(() => {
      place()
      box.current?.querySelector<HTMLElement>('input, [role=menuitem]')?.focus()
    })
  }
  return (
    <>
      <button ref={button} type="button" class={`button ${kind} ${bare ? 'bare' : ''}`} popovertarget={id} aria-label={label} title={bare ? label : undefined} aria-haspopup={role ?? 'dialog'} aria-expanded={open}>
        {icon && <Icon name={icon} size={bare ? 18 : 16} />}
        {!bare && <span>{text ?? label}</span>}
      </button>
      <div ref={box} id={id} class="dropdown" popover="auto" role={role ?? 'dialog'} aria-label={label} onToggle={(e) => toggled((e as unknown as ToggleEvent).newState === 'open')}>
        {open && children(close)}
      </div>
    </>
  )
}

export interface Item {
  label: string
  icon?: IconName
  hint?: string
  href?: string
  do?: () => void
  danger?: boolean
  off?: boolean
}

// Menu is a list of things to do; null draws a line. Arrows, Home, End and first
// letters move in it.
export function Menu({ label, items, icon = 'more', text, kind = 'quiet', bare = true }: { label: string; items: (Item | null | false | undefined)[]; icon?: IconName; text?: string; kind?: string; bare?: boolean }) {
  const list = useRef<HTMLUListElement>(null)
  const onKey = (e: KeyboardEvent) => {
    const all = [...list.current!.querySelectorAll<HTMLElement>('[role=menuitem]:not(:disabled)')]
    const at = all.indexOf(document.activeElement as HTMLElement)
    const letter = e.key.length === 1 && !e.ctrlKey && !e.metaKey ? e.key.toLowerCase() : ''
    const to =
      e.key === 'ArrowDown' ? (at + 1) % all.length
      : e.key === 'ArrowUp' ? (at - 1 + all.length) % all.length
      : e.key === 'Home' ? 0
      : e.key === 'End' ? all.length - 1
      : letter ? [...all.keys()].map((k) => (at + 1 + k) % all.length).find((k) => all[k].innerText.trim().toLowerCase().startsWith(letter)) ?? -1
      : -1
    if (to < 0 || !all[to]) return
    e.preventDefault()
    e.stopPropagation()
    all[to].focus()
  }
  return (
    <Dropdown label={label} icon={icon} text={text} kind={kind} bare={bare} role="menu">
      {(close) => (
        <ul ref={list} class="menu-list" role="none" onKeyDown={onKey}>
          {items.map((item, i) => {
            if (item === false || item === undefined) return null
            if (item === null) return <li key={i} role="separator" class="menu-line" />
            const face = (
              <>
                {item.icon ? <Icon name={item.icon} size={16} /> : <span class="menu-gap" />}
                <span class="grow">{item.label}</span>
                {item.hint && <small>{item.hint}</small>}
              </>
            )
            return (
              <li key={i} role="none">
                {item.href !== undefined
                  ? <a role="menuitem" tabIndex={-1} href={item.href} onClick={close}>{face}</a>
                  : <button type="button" role="menuitem" tabIndex={-1} class={item.danger ? 'danger' : ''} disabled={item.off} onClick={() => (close(), item.do?.())}>{face}</button>}
              </li>
            )
          })}
        </ul>
      )}
    </Dropdown>
  )
}
