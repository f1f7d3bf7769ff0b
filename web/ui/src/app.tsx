// App is the frame: the rail, and the page that the path names.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { follow, useRoute } from './route'
import { DashboardPage } from './pages/dashboard'
import { DashboardsPage } from './pages/dashboards'
import { DowntimesPage } from './pages/downtimes'
import { EventsPage } from './pages/events'
import { ExplorerPage } from './pages/explorer'
import { HomePage } from './pages/home'
import { HostPage } from './pages/host'
import { InfrastructurePage } from './pages/infrastructure'
import { MetricPage } from './pages/metric'
import { MetricsPage } from './pages/metrics'
import { MonitorPage } from './pages/monitor'
import { MonitorEditPage } from './pages/monitor-edit'
import { MonitorsPage } from './pages/monitors'
import { OutboxPage } from './pages/outbox'

const rail: [path: string, label: string, icon: string][] = [
  ['/dashboards', 'Dashboards', 'M4 4h7v7H4zM13 4h7v4h-7zM13 10h7v10h-7zM4 13h7v7H4z'],
  ['/metrics', 'Metrics', 'M3 17l5-6 4 4 5-8 4 5'],
  ['/infrastructure', 'Infrastructure', 'M12 3l7.8 4.5v9L12 21l-7.8-4.5v-9z'],
  ['/monitors', 'Monitors', 'M12 4a5 5 0 0 1 5 5v4l2 3H5l2-3V9a5 5 0 0 1 5-5M10 19h4'],
  ['/events', 'Events', 'M5 4v16M5 5h12l-3 4 3 4H5'],
]

function page(path: string): ComponentChildren {
  const parts = path.split('/').filter(Boolean)
  const [first, second, third] = parts
  switch (first) {
    case undefined:
      return <HomePage />
    case 'dashboards':
      return <DashboardsPage />
    case 'dashboard':
      return <DashboardPage key={second} id={second} />
    case 'metrics':
      if (second === 'explorer') return <ExplorerPage />
      return second ? <MetricPage key={second} name={parts.slice(1).join('/')} /> : <MetricsPage />
    case 'infrastructure':
      return second ? <HostPage key={second} name={second} /> : <InfrastructurePage />
    case 'monitors':
      if (second === 'new') return <MonitorEditPage key="new" />
      if (second && third === 'edit') return <MonitorEditPage key={second} id={Number(second)} />
      return second ? <MonitorPage key={second} id={Number(second)} /> : <MonitorsPage />
    case 'downtimes':
      return <DowntimesPage />
    case 'events':
      return <EventsPage />
    case 'outbox':
      return <OutboxPage />
  }
  return (
    <Page title="Not here">
      <div class="empty"><p>There is no page at {path}.</p><p><a href="/">Go to the start</a></p></div>
    </Page>
  )
}

export function App() {
  const { path } = useRoute()
  const [help, setHelp] = useState(false)
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      const typing = (e.target as Element).closest('input, textarea, select')
      if (e.key === 'Escape') setHelp(false)
      if (typing || e.metaKey || e.ctrlKey || e.altKey) return
      if (e.key === '?') setHelp(true)
      if (e.key === '/') {
        const box = document.querySelector<HTMLElement>('main [data-search]')
        if (box) {
          e.preventDefault()
          box.focus()
        }
      }
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
  return (
    <div class="app" onClick={follow}>
      <nav class="rail" aria-label="Main">
        <a class="logo" href="/" aria-label="Home"><img src="/favicon.svg" alt="" width="28" height="28" /><span>Whippet</span></a>
        {rail.map(([to, label, icon]) => (
          <a href={to} aria-current={path === to || path.startsWith(to.replace(/s$/, '')) ? 'page' : undefined}>
            <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d={icon} /></svg><span>{label}</span>
          </a>
        ))}
        <div class="foot">
          <ThemeSwitch />
          <button class="plain" title="Keys and help" aria-label="Keys and help" onClick={() => setHelp(true)}>?</button>
        </div>
      </nav>
      {page(path)}
      {help && <Help close={() => setHelp(false)} />}
    </div>
  )
}

export function Page(props: { title: ComponentChildren; bar?: ComponentChildren; children: ComponentChildren }) {
  useEffect(() => {
    if (typeof props.title === 'string') document.title = `${props.title} · Whippet`
  }, [props.title])
  return (
    <main>
      <header class="bar"><h1>{props.title}</h1><div class="actions">{props.bar}</div></header>
      <div class="content">{props.children}</div>
    </main>
  )
}

type Theme = 'light' | 'dark'
const prefersDark = matchMedia('(prefers-color-scheme: dark)')
const savedTheme = () => localStorage.getItem('theme') as Theme | null
const applyTheme = () => (document.documentElement.dataset.theme = savedTheme() ?? (prefersDark.matches ? 'dark' : 'light'))
applyTheme()

function ThemeSwitch() {
  const [theme, setTheme] = useState(applyTheme)
  useEffect(() => {
    const update = () => setTheme(applyTheme())
    prefersDark.addEventListener('change', update)
    return () => prefersDark.removeEventListener('change', update)
  }, [])
  const other: Theme = theme === 'dark' ? 'light' : 'dark'
  return (
    <button class="plain" title={`Use the ${other} theme`} aria-label={`Use the ${other} theme`}
      onClick={() => {
        localStorage.setItem('theme', other)
        setTheme(applyTheme())
      }}>
      {theme === 'dark' ? '☀' : '☾'}
    </button>
  )
}

function Help({ close }: { close: () => void }) {
  return (
    <div class="overlay" onClick={close}>
      <div class="dialog" role="dialog" aria-label="Keys and help" onClick={(e) => e.stopPropagation()}>
        <h2>Keys</h2>
        <dl>
          <dt>/</dt><dd>Go to the search or query box</dd>
          <dt>?</dt><dd>This help</dd>
          <dt>Esc</dt><dd>Close</dd>
        </dl>
        <h2>Graphs</h2>
        <dl>
          <dt>Drag</dt><dd>Zoom into a part of the time</dd>
          <dt>Double click</dt><dd>Back to the range before</dd>
        </dl>
        <h2>Elsewhere</h2>
        <p><a href="/downtimes">Downtimes</a> · <a href="/outbox">Outbox</a></p>
        <button onClick={close}>Close</button>
      </div>
    </div>
  )
}
