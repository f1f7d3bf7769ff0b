// Which page a URL shows.
import { useEffect } from 'preact/hooks'
import { api } from './api'
import { setServerTime } from './clock'
import { useData } from './data'
import { LiveProvider } from './live'
import { OverlayProvider } from './overlay'
import { RangeProvider } from './range'
import { follow, useRoute, type Route } from './route'
import { Frame, Page, StatusContext } from './parts/frame'
import { Empty, Failure, LinkButton } from './parts/basics'
import { SessionContext } from './session'
import { ApmMap } from './pages/apm-map'
import { ApmResource } from './pages/apm-resource'
import { ApmService } from './pages/apm-service'
import { ApmServices } from './pages/apm-services'
import { ApmTrace } from './pages/apm-trace'
import { ApmTraces } from './pages/apm-traces'
import { ChecksPage } from './pages/checks'
import { Dashboards } from './pages/dashboards'
import { DashboardPage } from './pages/dashboard'
import { Downtimes } from './pages/downtimes'
import { DowntimeNew } from './pages/downtime-new'
import { Events } from './pages/events'
import { Explorer } from './pages/explorer'
import { Home } from './pages/home'
import { HostPage } from './pages/host'
import { HostMap } from './pages/host-map'
import { Login } from './pages/login'
import { MetricPage } from './pages/metric'
import { MetricsSummary } from './pages/metrics'
import { MonitorEditor } from './pages/monitor-editor'
import { MonitorPage } from './pages/monitor'
import { Monitors } from './pages/monitors'
import { MailPage, Outbox } from './pages/outbox'
import { Webhooks } from './pages/webhooks'
import { Start } from './pages/start'
import { Settings } from './pages/settings'
import { SharedPage } from './pages/shared'

// How long a range is that the URL doesn't name, where it isn't an hour.
const usualSpans: Record<string, number | undefined> = { '': 15 * 60e3, events: 86400e3 }

// App is what the URL shows: to the readers of a link, one dashboard.
export function App() {
  const route = useRoute()
  useEffect(() => {
    document.addEventListener('click', follow)
    return () => document.removeEventListener('click', follow)
  }, [])
  if (route.parts[0] === 'p' && route.parts[1]) return <SharedPage key={route.parts[1]} token={route.parts[1]} route={route} />
  return <Known route={route} />
}

// Known is the app for those who may use it; the rest are shown the way in.
function Known({ route }: { route: Route }) {
  const session = useData('session', api.session, 60e3)
  if (!session.data) return session.error ? <Failure error={session.error} retry={session.reload} /> : null
  if (!session.data.role) return <Login session={session.data} token={route.parts[0] === 'setup' ? route.params.get('token') ?? '' : ''} onIn={session.reload} />
  return (
    <SessionContext.Provider value={session.data}>
      <LiveProvider onLost={session.reload}>
        <Inside route={route} />
      </LiveProvider>
    </SessionContext.Provider>
  )
}

function Inside({ route }: { route: Route }) {
  // The first answer also tells the server's clock, which ranges are made by.
  const status = useData('status', async () => {
    const answer = await api.status()
    setServerTime(answer.now)
    return answer
  }, 10e3, ['dashboards', 'hosts'])
  return (
    <StatusContext.Provider value={status.data}>
      <Frame path={route.path} lost={status.error}>
        {(status.data || status.error) && (
          <RangeProvider route={route} absent={usualSpans[route.parts[0] ?? '']}>
            <OverlayProvider search={route.params.get('overlay') ?? ''}>{pageOf(route)}</OverlayProvider>
          </RangeProvider>
        )}
      </Frame>
    </StatusContext.Provider>
  )
}

function pageOf(route: Route) {
  const { params } = route
  const [first, second, third] = route.parts
  const id = Number(second)
  switch (first) {
    case undefined:
      return <Home />
    case 'dashboards':
      return <Dashboards params={params} />
    case 'dashboard':
      if (second) return <DashboardPage key={second} id={second} params={params} />
      break
    case 'metrics':
      if (second === 'explorer') return <Explorer params={params} />
      if (second) return <MetricPage key={route.path} name={route.parts.slice(1).join('/')} />
      return <MetricsSummary params={params} />
    case 'infrastructure':
      if (second) return <HostPage key={second} name={second} params={params} />
      return <HostMap params={params} />
    case 'checks':
      if (!second) return <ChecksPage params={params} />
      break
    case 'monitors':
      if (!second) return <Monitors params={params} />
      if (second === 'new') return <MonitorEditor params={params} />
      if (id > 0) return third === 'edit' ? <MonitorEditor key={id} id={id} params={params} /> : <MonitorPage key={id} id={id} />
      break
    case 'downtimes':
      if (second === 'new') return <DowntimeNew params={params} />
      if (!second) return <Downtimes />
      break
    case 'outbox':
      if (id > 0) return <MailPage key={id} id={id} />
      if (!second) return <Outbox />
      break
    case 'webhooks':
      if (!second) return <Webhooks />
      break
    case 'apm':
      if (!second) return <ApmServices params={params} />
      if (second === 'map') return <ApmMap params={params} />
      if (second === 'traces') return <ApmTraces params={params} />
      if (second === 'trace' && third) return <ApmTrace key={third} id={third} params={params} />
      if (second === 'services' && third && route.parts[3] === 'resource') return <ApmResource key={params.get('resource') ?? ''} name={third} params={params} />
      if (second === 'services' && third) return <ApmService key={third} name={third} params={params} />
      break
    case 'start':
      if (!second) return <Start />
      break
    case 'events':
      return <Events params={params} />
    case 'settings':
      return <Settings tab={second ?? 'keys'} />
  }
  return (
    <Page title="Not found">
      <Empty title={`There is no page ${route.path}`} action={<LinkButton kind="primary" href="/" label="Go home" />} />
    </Page>
  )
}
