// Keys that work anywhere on a page, alone ("t") or one after the other ("g d").
import { useEffect, useRef } from 'preact/hooks'

const patience = 1200 // ms between the two keys of a pair

// useKeys calls what is bound to a key. Keys that go into a field, a dialog or a
// menu are not taken, nor are those with Ctrl, Alt or Meta.
export function useKeys(bindings: Record<string, () => void>): void {
  const latest = useRef(bindings)
  latest.current = bindings
  useEffect(() => {
    let first = ''
    let until = 0
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return
      if (e.target instanceof HTMLElement && e.target.closest('input, textarea, select, dialog, [contenteditable], [role=menu]')) return
      const pair = first && Date.now() < until ? `${first} ${e.key}` : ''
      first = ''
      if (!pair && e.key === 'g') {
        first = 'g'
        until = Date.now() + patience
        return
      }
      const act = latest.current[pair || e.key]
      if (!act) return
      e.preventDefault()
      act()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
}

// goKeys are the second keys of "g …", and where they lead.
export const goKeys: [key: string, path: string, label: string][] = [
  ['h', '/', 'Home'],
  ['d', '/dashboards', 'Dashboards'],
  ['x', '/metrics/explorer', 'Metrics explorer'],
  ['s', '/metrics', 'Metrics summary'],
  ['i', '/infrastructure', 'Host map'],
  ['c', '/checks', 'Checks'],
  ['m', '/monitors', 'Monitors'],
  ['a', '/apm', 'Services'],
  ['v', '/apm/map', 'Service map'],
  ['t', '/apm/traces', 'Traces'],
  ['e', '/events', 'Events'],
  ['o', '/outbox', 'Outbox'],
]
