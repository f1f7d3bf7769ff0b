// What can be done with a part of a graph's time: the menu of a Shift-drag.
import { useEffect, useRef } from 'preact/hooks'
import { setRange } from '../range'
import { link, setParams } from '../route'
import { rangeParams, showDuration, showTime, type Range } from '../time'
import { Icon, type IconName } from './icon'

export interface Picked {
  range: Range
  x: number // in the window
  y: number
}

export function GraphMenu({ picked, tags, onSend, onClose }: {
  picked: Picked
  tags: string[] // that all lines of the graph share
  onSend?: (range: Range) => void // where a snapshot of the graph can be sent
  onClose: () => void
}) {
  const box = useRef<HTMLDivElement>(null)
  const { range, x, y } = picked
  const span = rangeParams(range)
  useEffect(() => {
    const before = document.activeElement
    box.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus()
    const outside = (e: Event) => !box.current?.contains(e.target as Node) && onClose()
    document.addEventListener('mousedown', outside)
    return () => {
      document.removeEventListener('mousedown', outside)
      if (before instanceof HTMLElement) before.focus({ preventScroll: true })
    }
  }, [])
  const onKeyDown = (e: KeyboardEvent) => {
    const items = [...box.current!.querySelectorAll<HTMLElement>('[role=menuitem]')]
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key]
    if (step) items[(items.indexOf(document.activeElement as HTMLElement) + step + items.length) % items.length].focus()
    else if (e.key === 'Escape' || e.key === 'Tab') onClose()
    else return
    e.preventDefault()
    e.stopPropagation()
  }
  const run = (act: () => void) => () => {
    onClose()
    act()
  }
  const scope = tags.filter((t) => /^(host|service|env):/.test(t))
  const service = scope.some((t) => t.startsWith('service:'))
  const actions: [IconName, string, () => void][] = [
    ['search', 'Zoom into this time', () => setRange(range)],
    ['copy', 'Compare with the period before', () => setParams({ ...span, compare: 'before' })],
    ...(onSend ? [['camera', 'Send snapshot…', () => onSend(range)] as [IconName, string, () => void]] : []),
  ]
  const links: [IconName, string, string][] = [
    ['events', 'Events of this time', link('/events', { ...span, q: scope.filter((t) => !t.startsWith('service:')).join(' ') })],
    ['apm', service ? 'Traces of this service and time' : 'Traces of this time', link('/apm/traces', { ...span, query: service ? scope.join(' ') : '' })],
  ]
  return (
    <div ref={box} class="menu" role="menu" aria-label="With this time" style={{ left: `${Math.max(8, Math.min(x, innerWidth - 260))}px`, top: `${Math.max(8, Math.min(y, innerHeight - 220))}px` }} onKeyDown={onKeyDown}>
      <p class="menu-head">{showTime(range.from, true)}, {showDuration(range.to - range.from)}</p>
      {actions.map(([icon, label, act]) => (
        <button key={label} type="button" role="menuitem" onClick={run(act)}><Icon name={icon} size={16} />{label}</button>
      ))}
      {links.map(([icon, label, href]) => (
        <a key={label} role="menuitem" href={href} onClick={() => setTimeout(onClose)}><Icon name={icon} size={16} />{label}</a>
      ))}
    </div>
  )
}

// tagsOfAll are the tags that all of the lines have.
export function tagsOfAll(lines: { tags: string[] }[]): string[] {
  return lines.length === 0 ? [] : lines[0].tags.filter((t) => lines.every((l) => l.tags.includes(t)))
}
