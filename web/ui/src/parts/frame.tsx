// The frame round every page: the rail, the bar on top, and the keys.
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { ApiError } from '../api'
import type { Status } from '../model'
import { Notice } from '../live'
import { go, link } from '../route'
import { choice, choose, type Choice } from '../theme'
import { Dialog } from './basics'
import { Finder } from './finder'
import { Icon, type IconName } from './icon'
import { goKeys, useKeys } from './keys'
import { TimeControl } from './time-control'

export const StatusContext = createContext<Status | undefined>(undefined)
export const useStatus = () => useContext(StatusContext)

const places: [path: string, label: string, icon: IconName, also: string[]][] = [
  ['/', 'Home', 'home', []],
  ['/dashboards', 'Dashboards', 'dashboards', ['/dashboard']],
  ['/metrics', 'Metrics', 'metrics', []],
  ['/infrastructure', 'Infrastructure', 'infrastructure', ['/checks']],
  ['/monitors', 'Monitors', 'monitors', ['/downtimes', '/outbox', '/webhooks']],
  ['/apm', 'APM', 'apm', []],
  ['/events', 'Events', 'events', []],
]

const within = (path: string, base: string) => path === base || path.startsWith(base + '/')

export function Frame({ path, lost, children }: { path: string; lost?: ApiError; children: ComponentChildren }) {
  const [help, setHelp] = useState(false)
  const [finding, setFinding] = useState(false)
  useKeys({
    '?': () => setHelp(true),
    '/': () => {
      const field = document.querySelector<HTMLElement>('main [data-search]')
      if (field) field.focus()
      else setFinding(true)
    },
    ...Object.fromEntries(goKeys.map(([key, place]) => [`g ${key}`, () => go(link(place))])),
  })
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key.toLowerCase() !== 'k' || e.altKey || e.shiftKey || !(e.ctrlKey || e.metaKey)) return
      e.preventDefault()
      if (!document.querySelector('dialog[open]')) setFinding(true)
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
          <button type="button" onClick={() => setFinding(true)} aria-keyshortcuts="Control+K Meta+K">
            <Icon name="search" />
            <span>Search</span>
          </button>
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
      {finding && <Finder onClose={() => setFinding(false)} />}
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

const keys: [title: string, keys: [string, string][]][] = [
  ['Anywhere', [
    ['Ctrl K', 'search everything'],
    ['/', 'the search or query box of the page'],
    ['?', 'this help'],
  ]],
  ['Time', [
    ['t', 'choose a time range'],
    [', .', 'back and forward in time'],
    ['-', 'zoom out'],
    ['l', 'follow live, or pause'],
    ['r', 'refresh'],
  ]],
  ['Go to', goKeys.map(([key, , label]) => [`g ${key}`, label])],
  ['A graph', [
    ['Drag', 'zoom into that time; double click goes back'],
    ['Shift drag', 'zoom, compare, or see what happened then'],
    ['Click', 'hold its values in place; Esc lets go'],
    ['← → ↑ ↓', 'when it has the focus: read values, choose a line'],
    ['Shift ← →', 'select a time; Enter zooms, Backspace goes back'],
  ]],
  ['A query box', [
    ['Enter', 'draw the graph, or take the suggestion'],
    ['↑ ↓ Tab Esc', 'choose, take, close the suggestions'],
  ]],
]

function Help({ onClose }: { onClose: () => void }) {
  const status = useStatus()
  return (
    <Dialog title="Keys" onClose={onClose}>
      <div class="key-groups">
        {keys.map(([title, list]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl class="keys">
              {list.map(([key, what]) => (
                <div key={key}>
                  <dt><kbd>{key}</kbd></dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
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

