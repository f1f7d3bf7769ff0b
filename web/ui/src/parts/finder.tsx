// Search over everything: what has a name, the pages, and what can be done.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { api } from '../api'
import type { Found, Role } from '../model'
import { useData } from '../data'
import { go, link } from '../route'
import { may, useSession } from '../session'
import { choose } from '../theme'
import { Icon, type IconName } from './icon'

interface Choice {
  key: string
  icon: IconName
  kind: string
  title: string
  detail?: string
  run: () => void
}

const pages: [title: string, path: string, icon: IconName, also: string][] = [
  ['Home', '/', 'home', 'first steps'],
  ['Send data here', '/start', 'plus', 'agent install set up start statsd ddtrace prometheus otlp api'],
  ['Dashboards', '/dashboards', 'dashboards', 'boards'],
  ['Metrics explorer', '/metrics/explorer', 'metrics', 'graph query'],
  ['Metrics summary', '/metrics', 'metrics', 'list tags cardinality unit'],
  ['Host map', '/infrastructure', 'infrastructure', 'infrastructure hosts'],
  ['Checks', '/checks', 'check', 'service check status'],
  ['Monitors', '/monitors', 'monitors', 'alerts'],
  ['Downtimes', '/downtimes', 'mute', 'mute silence maintenance'],
  ['Outbox', '/outbox', 'mail', 'mails notifications'],
  ['Webhooks', '/webhooks', 'mail', 'notifications'],
  ['Services', '/apm', 'apm', 'apm'],
  ['Service map', '/apm/map', 'apm', 'apm dependencies'],
  ['Traces', '/apm/traces', 'apm', 'apm spans search'],
  ['Events', '/events', 'events', 'deploys log'],
  ['API keys', '/settings/keys', 'settings', 'settings'],
  ['Users', '/settings/users', 'settings', 'settings people roles'],
  ['Audit trail', '/settings/audit', 'settings', 'settings changes'],
]

const actions: [title: string, icon: IconName, also: string, role: Role, run: () => void][] = [
  ['New dashboard', 'plus', 'create add board', 'editor', () => go(link('/dashboards', { new: '1' }))],
  ['New monitor', 'plus', 'create add alert', 'editor', () => go(link('/monitors/new'))],
  ['Schedule a downtime', 'mute', 'mute silence new', 'editor', () => go(link('/downtimes/new'))],
  ['Dark theme', 'dark', 'colours mode', 'viewer', () => choose('dark')],
  ['Light theme', 'light', 'colours mode', 'viewer', () => choose('light')],
  ['Theme of the system', 'system', 'colours mode dark light', 'viewer', () => choose('system')],
]

const kinds: Record<Found['kind'], [icon: IconName, path: (id: string) => string]> = {
  dashboard: ['dashboards', (id) => `/dashboard/${encodeURIComponent(id)}`],
  monitor: ['monitors', (id) => `/monitors/${id}`],
  host: ['infrastructure', (id) => `/infrastructure/${encodeURIComponent(id)}`],
  metric: ['metrics', (id) => `/metrics/${encodeURIComponent(id)}`],
  service: ['apm', (id) => `/apm/services/${encodeURIComponent(id)}`],
}

const rest = 80 // ms without a key until the server is asked

export function Finder({ onClose }: { onClose: () => void }) {
  const box = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [asked, setAsked] = useState('')
  const [at, setAt] = useState(0)
  const session = useSession()
  useEffect(() => box.current?.showModal(), [])
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), rest)
    return () => clearTimeout(timer)
  }, [text])
  const found = useData(asked ? `find ${asked}` : null, (signal) => api.find(asked, signal))

  const choices = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean)
    const fits = (title: string, also: string) => words.every((w) => `${title} ${also}`.toLowerCase().includes(w))
    const things = (words.length ? found.data ?? [] : []).map((f): Choice => {
      const [icon, path] = kinds[f.kind]
      return { key: `${f.kind} ${f.id}`, icon, kind: f.kind, title: f.title || f.id, detail: f.detail, run: () => go(link(path(f.id))) }
    })
    const places = pages.filter(([title, , , also]) => fits(title, also)).map(([title, path, icon]): Choice => ({ key: path, icon, kind: 'page', title, run: () => go(link(path)) }))
    const doings = actions.filter(([title, , also, role]) => fits(title, also) && may(session, role)).map(([title, icon, , , run]): Choice => ({ key: title, icon, kind: 'do', title, run }))
    // A page whose name begins so is what is meant.
    const meant = words.length === 1 ? places.filter((p) => p.title.toLowerCase().startsWith(words[0])) : []
    return [...meant, ...things, ...places.filter((p) => !meant.includes(p)), ...doings]
  }, [text, found.data, session])

  const shown = Math.min(at, choices.length - 1)
  useEffect(() => setAt(0), [text])
  useEffect(() => {
    box.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [shown])
  const take = (choice: Choice | undefined) => {
    if (!choice) return
    box.current?.close()
    choice.run()
  }
  const onKeyDown = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[e.key]
    if (step && choices.length) setAt(Math.abs(step) === 1 ? (shown + step + choices.length) % choices.length : Math.min(choices.length - 1, Math.max(0, shown + step)))
    else if (e.key === 'Enter') take(choices[shown])
    else return
    e.preventDefault()
  }
  const waiting = text.trim() !== '' && (asked !== text.trim() || found.loading)
  return (
    <dialog ref={box} class="finder" aria-label="Search everything" onClose={onClose} onClick={(e) => e.target === e.currentTarget && e.currentTarget.close()}>
      <div class="finder-box">
        <div class="search finder-field">
          <Icon name="search" size={16} />
          <input
            autofocus
            role="combobox"
            aria-label="Search everything"
            aria-expanded={choices.length > 0}
            aria-controls="finder-list"
            aria-activedescendant={choices.length ? `finder-${shown}` : undefined}
            aria-autocomplete="list"
            autocomplete="off"
            spellcheck={false}
            placeholder="Dashboards, monitors, hosts, metrics, services, pages"
            value={text}
            onInput={(e) => setText(e.currentTarget.value)}
            onKeyDown={onKeyDown}
          />
        </div>
        <ul id="finder-list" role="listbox" aria-label="Found">
          {choices.map((c, i) => (
            <li key={c.key} id={`finder-${i}`} role="option" aria-selected={i === shown} onMouseMove={() => at !== i && setAt(i)} onClick={() => take(c)}>
              <Icon name={c.icon} size={16} />
              <span class="finder-title">{c.title}</span>
              <span class="finder-detail">{c.detail}</span>
              <span class="finder-kind">{c.kind}</span>
            </li>
          ))}
        </ul>
        {choices.length === 0 && <p class="finder-none" role="status">{waiting ? 'Looking…' : `Nothing is called “${text.trim()}”`}</p>}
        <p class="finder-foot"><kbd>↑</kbd> <kbd>↓</kbd> choose <kbd>Enter</kbd> open <kbd>Esc</kbd> close</p>
      </div>
    </dialog>
  )
}
