// The frame round every page: the rail, the bar on top, and the keys.
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { ApiError, Status } from '../api'
import { Notice } from '../live'
import { link } from '../route'
import { choice, choose, type Choice } from '../theme'
import { Dialog } from './basics'
import { Icon, type IconName } from './icon'
import { TimeControl } from './time-control'

export const StatusContext = createContext<Status | undefined>(undefined)
export const useStatus = () => useContext(StatusContext)

const places: [path: string, label: string, icon: IconName, also: string[]][] = [
  ['/', 'Home', 'home', []],
  ['/dashboards', 'Dashboards', 'dashboards', ['/dashboard']],
  ['/metrics', 'Metrics', 'metrics', []],
  ['/infrastructure', 'Infrastructure', 'infrastructure', []],
  ['/monitors', 'Monitors', 'monitors', ['/downtimes', '/outbox', '/webhooks']],
  ['/apm', 'APM', 'apm', []],
  ['/events', 'Events', 'events', []],
]

const within = (path: string, base: string) => path === base || path.startsWith(base + '/')

export function Frame({ path, lost, children }: { path: string; lost?: ApiError; children: ComponentChildren }) {
  const [help, setHelp] = useState(false)
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      const typing = e.target instanceof HTMLElement && e.target.closest('input, textarea, select, dialog')
      if (typing || e.ctrlKey || e.metaKey || e.altKey) return
      if (e.key === '?') setHelp(true)
      if (e.key === '/') {
        const field = document.querySelector<HTMLElement>('main [data-search]')
        if (!field) return
        e.preventDefault()
        field.focus()
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  return (
    <div class="frame">
      <nav class="rail" aria-label="Main">
        {places.map(([place, label, icon, also]) => {
          const here = place === '/' ? path === '/' : [place, ...also].some((p) => within(path, p))
          return (
            <a key={place} href={link(place)} class={here ? 'here' : ''} aria-current={here ? 'page' : undefined}>
              <Icon name={icon} />
              <span>{label}</span>
            </a>
          )
        })}
        <div class="rail-foot">
          <a href={link('/settings')} class={within(path, '/settings') ? 'here' : ''} aria-current={within(path, '/settings') ? 'page' : undefined}>
            <Icon name="settings" />
            <span>Settings</span>
          </a>
          <ThemeButton />
          <button type="button" onClick={() => setHelp(true)}>
            <Icon name="help" />
            <span>Help</span>
          </button>
        </div>
      </nav>
      <div class="content">
        <Notice />
        {lost && lost.status > 0 && <p class="notice lost" role="alert">{lost.message} What you see may be old; trying again every 10 s.</p>}
        {children}
      </div>
      <p id="graph-keys" hidden>Left and right read the values, up and down choose the line, with Shift they select a time, Enter zooms into it, Backspace goes back.</p>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  )
}

const next: Record<Choice, Choice> = { system: 'light', light: 'dark', dark: 'system' }
const names: Record<Choice, string> = { system: 'System', light: 'Light', dark: 'Dark' }

function ThemeButton() {
  const [theme, setTheme] = useState(choice)
  const turn = () => {
    choose(next[theme])
    setTheme(next[theme])
  }
  return (
    <button type="button" onClick={turn} aria-label={`Theme: ${names[theme]}. Change to ${names[next[theme]]}`}>
      <Icon name={theme} />
      <span>{names[theme]}</span>
    </button>
  )
}

const keys: [string, string][] = [
  ['/', 'go to the search or query box of the page'],
  ['?', 'this help'],
  ['Enter', 'in a query box: draw the graph; in its list: take the suggestion'],
  ['↑ ↓ Tab Esc', 'in a query box: choose, take, close the suggestions'],
  ['Drag', 'over a graph: zoom into that time; double click goes back'],
  ['Click', 'on a graph: hold its values in place; again or Esc lets go'],
]

function Help({ onClose }: { onClose: () => void }) {
  const status = useStatus()
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <>
            <dt><kbd>{key}</kbd></dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      {status && <p class="muted">Whippet {status.version} on {status.hostname || status.http}</p>}
    </Dialog>
  )
}

export interface Tab {
  href: string
  label: string
  here: boolean
}

// Page is the bar on top and what stands below it.
export function Page({ title, crumbs = [], tabs, actions, time = false, children }: {
  title: string
  crumbs?: [label: string, href: string][]
  tabs?: Tab[]
  actions?: ComponentChildren
  time?: boolean // the page shows time
  children: ComponentChildren
}) {
  useEffect(() => {
    document.title = title === 'Home' ? 'Whippet' : `${title} · Whippet`
  }, [title])
  return (
    <>
      <header class="bar">
        <div class="bar-title">
          {crumbs.map(([label, href]) => (
            <span key={href} class="crumb">
              <a href={link(href)}>{label}</a>
              <span aria-hidden="true">/</span>
            </span>
          ))}
          <h1 title={title}>{title}</h1>
          {tabs && (
            <nav class="tabs" aria-label="Sections">
              {tabs.map((t) => (
                <a key={t.href} href={link(t.href)} class={t.here ? 'here' : ''} aria-current={t.here ? 'page' : undefined}>{t.label}</a>
              ))}
            </nav>
          )}
        </div>
        <div class="bar-tools">
          {actions}
          {time && <TimeControl />}
        </div>
      </header>
      <main>{children}</main>
    </>
  )
}

