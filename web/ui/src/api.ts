// The data layer: every route that the UI talks to.

import type { AgentRoutes, Backtest, Change, Check, Dashboard, DashboardList, DeletedDashboard, Downtime, Edge, EventCounts, EventItem, Explanation, Found, FoundMonitors, Frame, Host, Key, Lang, Mail, Metric, MetricDetail, Monitor, Past, Period, Plot, Process, Resource, Role, ScalarColumn, ScalarQuestion, Service, Session, Share, SharedBoard, ShownGraph, Span, SpanOrder, Spread, StatsD, Status, Unusual, User, Webhook } from './model'
import type { Suggestion } from './query/complete'

const listPath = '/api/v1/dashboard/lists/manual'
const itemsPath = (id: number) => `/api/v2/dashboard/lists/manual/${id}/dashboards`
const itemOf = (d: Dashboard) => ({ id: d.id, type: d.layout_type === 'free' ? 'custom_screenboard' : 'custom_timeboard' })
const sharePath = '/api/v1/dashboard/public'

const webhookPath = '/api/v1/integration/webhooks/configuration/webhooks'

// ApiError is what the server said was wrong.
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly offset?: number,
  ) {
    super(message)
  }
}

// What a page must send back to change things, where people log in.
let csrf = ''

// The link by which the page sees one dashboard, without a login. With it, the
// dashboard's questions go to the link's own routes, and nothing else can be asked.
let shared = ''
export const openShared = (token: string): void => {
  shared = `/api/public/${encodeURIComponent(token)}`
}

// routed is where a request goes from a shared page.
function routed(path: string): string {
  const search = new URLSearchParams(path.split('?')[1])
  for (const [key, value] of new URLSearchParams(location.search)) if (key.startsWith('tpl_var_')) search.append(key, value)
  if (path === shared) return path
  if (path.startsWith('/api/ui/query?')) return `${shared}/query?${search}`
  if (path.startsWith('/api/ui/spread?')) return `${shared}/spread?${search}`
  if (path === '/api/ui/markdown/preview') return `${shared}/markdown`
  if (path === '/api/v2/query/scalar') return `${shared}/scalar?${search}`
  throw new ApiError('This is not shown on shared dashboards', 400)
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const url = shared ? routed(path) : path
  let response: Response
  try {
    response = await fetch(url, {
      method,
      signal,
      headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...(csrf && method !== 'GET' ? { 'X-CSRF-Token': csrf } : {}) },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    throw new ApiError('Whippet does not answer. Is it running?', 0)
  }
  const doc = parsed(await response.text())
  if (response.ok) return doc as T
  throw new ApiError(doc?.error?.message ?? doc?.errors?.join('; ') ?? `Whippet answered with status ${response.status}`, response.status, doc?.error?.offset)
}

function parsed(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const path = (base: string, params: Record<string, string | number | undefined>) => {
  const search = new URLSearchParams()
  for (const [k, v] of Object.entries(params)) if (v !== undefined && v !== '') search.set(k, String(v))
  return `${base}?${search}`
}

export const api = {
  session: async () => {
    const session = await call<Session>('GET', '/api/ui/session')
    csrf = session.csrf
    return session
  },
  login: (name: string, password: string) => call<unknown>('POST', '/api/ui/login', { name, password }),
  setup: (token: string, name: string, password: string) => call<unknown>('POST', '/api/ui/setup', { token, name, password }),
  logout: () => call<unknown>('POST', '/api/ui/logout', {}),
  changePassword: (old: string, next: string) => call<unknown>('POST', '/api/ui/password', { old, new: next }),
  users: () => call<{ users: User[] }>('GET', '/api/ui/users').then((a) => a.users),
  addUser: (name: string, password: string, role: Role) => call<unknown>('POST', '/api/ui/users', { name, password, role }),
  changeUser: (name: string, change: { role?: Role; password?: string; disabled?: boolean }) => call<unknown>('PUT', `/api/ui/users/${encodeURIComponent(name)}`, change),
  removeUser: (name: string) => call<unknown>('DELETE', `/api/ui/users/${encodeURIComponent(name)}`),
  keys: () => call<{ keys: Key[] }>('GET', '/api/ui/keys').then((a) => a.keys),
  addKey: (kind: Key['kind'], name: string, role?: Role) => call<{ key: Key; secret: string }>('POST', '/api/ui/keys', { kind, name, role }),
  removeKey: (key: Key) => call<unknown>('DELETE', `/api/ui/keys/${key.kind}/${key.id}`),
  changes: (before?: number) => call<{ changes: Change[] }>('GET', path('/api/ui/audit', { before })).then((a) => a.changes),
  find: (q: string, signal?: AbortSignal) => call<{ found: Found[] }>('GET', path('/api/ui/find', { q }), undefined, signal).then((a) => a.found),
  status: () => call<Status>('GET', '/api/ui/status'),
  query: (query: string, lang: Lang, from: number, to: number, points?: number, signal?: AbortSignal, bars?: boolean) =>
    call<{ frames: Frame[] }>('GET', path('/api/ui/query', { query, lang, from: Math.round(from), to: Math.round(to), points, bars: bars ? 1 : undefined }), undefined, signal).then((a) => a.frames),
  spread: (query: string, from: number, to: number, options: { scale?: string; together?: boolean; buckets?: number }, signal?: AbortSignal) =>
    call<Spread>('GET', path('/api/ui/spread', { query, from: Math.round(from), to: Math.round(to), scale: options.scale, together: options.together ? 'true' : undefined, buckets: options.buckets }), undefined, signal),
  scalars: (question: ScalarQuestion, from: number, to: number, signal?: AbortSignal) =>
    call<{ data: { attributes: { columns: ScalarColumn[] } } }>('POST', '/api/v2/query/scalar', {
      data: { type: 'scalar_request', attributes: { from: Math.round(from), to: Math.round(to), queries: question.queries.map((q) => ({ data_source: 'metrics', ...q })), formulas: question.formulas } },
    }, signal).then((a) => a.data.attributes.columns),
  explain: (query: string, lang: Lang, from: number, to: number, points?: number) =>
    call<{ explain?: Explanation }>('GET', path('/api/ui/query', { query, lang, from: Math.round(from), to: Math.round(to), points, explain: 1 })).then((a) => a.explain),
  complete: (query: string, cursor: number, language: Lang, signal: AbortSignal) =>
    call<{ suggestions: Suggestion[] }>('GET', path('/api/ui/complete', { query, cursor, language }), undefined, signal).then((a) => a.suggestions),
  metrics: (from: number, to: number) => call<{ metrics: Metric[] }>('GET', path('/api/ui/metrics', { from: Math.round(from), to: Math.round(to) })).then((a) => a.metrics),
  metric: (name: string, from: number, to: number) => call<MetricDetail>('GET', path(`/api/ui/metrics/${encodeURIComponent(name)}`, { from: Math.round(from), to: Math.round(to) })),
  metricUses: (name: string) => call<{ uses: Found[] }>('GET', `/api/ui/metrics/${encodeURIComponent(name)}/uses`).then((a) => a.uses),
  editMetric: (name: string, meta: Partial<Omit<Metric, 'name' | 'interval'>>) => call<unknown>('PUT', `/api/v1/metrics/${encodeURIComponent(name)}`, meta),
  hostMetrics: (host: string) =>
    call<{ data: string[] }>('GET', path('/prometheus/api/v1/label/__name__/values', { 'match[]': `{host=${JSON.stringify(host)}}` })).then((a) => a.data),
  statsd: () => call<StatsD>('GET', '/api/ui/dogstatsd'),
  agentRoutes: () => call<AgentRoutes>('GET', '/api/ui/intake'),
  processes: (host: string) => call<{ time: number; total: number; processes: Process[] }>('GET', `/api/ui/hosts/${encodeURIComponent(host)}/processes`),
  tagValues: (key: string) => call<{ data: string[] }>('GET', `/prometheus/api/v1/label/${encodeURIComponent(key)}/values`).then((a) => a.data),
  checks: () => call<{ checks: Check[] }>('GET', '/api/ui/checks').then((a) => a.checks),
  markdown: (text: string) => call<{ html: string }>('POST', '/api/ui/markdown/preview', { text }).then((a) => a.html),
  hosts: () => call<{ hosts: Host[] }>('GET', '/api/ui/hosts').then((a) => a.hosts),
  events: (from: number, to: number, q: string) => call<{ events: EventItem[] }>('GET', path('/api/ui/events', { from: Math.round(from), to: Math.round(to), q })).then((a) => a.events),
  eventCounts: (from: number, to: number, q: string) => call<EventCounts>('GET', path('/api/ui/events/facets', { from: Math.round(from), to: Math.round(to), q })),
  dashboards: () => call<{ dashboards: Dashboard[] }>('GET', '/api/v1/dashboard').then((a) => a.dashboards),
  dashboard: (id: string) => call<Dashboard>('GET', `/api/v1/dashboard/${encodeURIComponent(id)}`),
  saveDashboard: (d: Partial<Dashboard>) => (d.id ? call<Dashboard>('PUT', `/api/v1/dashboard/${encodeURIComponent(d.id)}`, d) : call<Dashboard>('POST', '/api/v1/dashboard', d)),
  presets: () => call<{ dashboards: Dashboard[] }>('GET', '/api/ui/presets').then((a) => a.dashboards),
  preset: (id: string) => call<Dashboard>('GET', `/api/ui/presets/${encodeURIComponent(id)}`),
  deleteDashboard: (id: string) => call<unknown>('DELETE', `/api/v1/dashboard/${encodeURIComponent(id)}`),
  deleteDashboards: (ids: string[]) => call<unknown>('DELETE', '/api/v1/dashboard', { data: ids.map((id) => ({ id, type: 'dashboard' })) }),
  restoreDashboards: (ids: string[]) => call<unknown>('PATCH', '/api/v1/dashboard', { data: ids.map((id) => ({ id, type: 'dashboard' })) }),
  deletedDashboards: () => call<{ dashboards: DeletedDashboard[] }>('GET', '/api/ui/deleted').then((a) => a.dashboards),
  lists: () => call<{ dashboard_lists: DashboardList[] }>('GET', listPath).then((a) => a.dashboard_lists),
  saveList: (name: string, id?: number) => (id ? call<DashboardList>('PUT', `${listPath}/${id}`, { name }) : call<DashboardList>('POST', listPath, { name })),
  deleteList: (id: number) => call<unknown>('DELETE', `${listPath}/${id}`),
  listed: (id: number) => call<{ dashboards: Dashboard[] }>('GET', itemsPath(id)).then((a) => a.dashboards.map((d) => d.id)),
  addToList: (id: number, boards: Dashboard[]) => call<unknown>('POST', itemsPath(id), { dashboards: boards.map(itemOf) }),
  removeFromList: (id: number, boards: Dashboard[]) => call<unknown>('DELETE', itemsPath(id), { dashboards: boards.map(itemOf) }),
  favourites: () => call<{ ids: string[] }>('GET', '/api/ui/favourites').then((a) => a.ids),
  setFavourite: (id: string, marked: boolean) => call<unknown>(marked ? 'PUT' : 'DELETE', `/api/ui/favourites/${encodeURIComponent(id)}`),
  shares: (id: string) => call<{ shares: Share[]; url: string }>('GET', `/api/ui/shares/${encodeURIComponent(id)}`),
  saveShare: (s: Partial<Share>) => (s.token ? call<Share>('PUT', `${sharePath}/${s.token}`, s) : call<Share>('POST', sharePath, { share_type: 'open', ...s })),
  deleteShare: (token: string) => call<unknown>('DELETE', `${sharePath}/${token}`),
  sharedBoard: () => call<SharedBoard>('GET', shared),
  monitors: () => call<Monitor[]>('GET', '/api/v1/monitor?group_states=all'),
  searchMonitors: (groups: boolean, query: string, sort: string, count: number) => call<FoundMonitors>('GET', path(groups ? '/api/v1/monitor/groups/search' : '/api/v1/monitor/search', { query, sort, per_page: count })),
  monitor: (id: number) => call<Monitor>('GET', `/api/v1/monitor/${id}?group_states=all`),
  saveMonitor: (m: Partial<Monitor>) => (m.id ? call<Monitor>('PUT', `/api/v1/monitor/${m.id}`, m) : call<Monitor>('POST', '/api/v1/monitor', m)),
  deleteMonitor: (id: number) => call<unknown>('DELETE', `/api/v1/monitor/${id}`),
  monitorHistory: (id: number) => call<{ events: EventItem[] }>('GET', `/api/ui/monitors/${id}/history`).then((a) => a.events),
  previewMonitor: (m: Partial<Monitor>) => call<{ states: { state: string; subject: string; to: string[]; html: string; unheard?: string[] }[] }>('POST', '/api/ui/monitors/preview', m).then((a) => a.states),
  backtestAnomalies: (monitor: Partial<Monitor>, from: number, to: number, marks: { from: number; to: number; real: boolean }[], signal?: AbortSignal) =>
    call<Backtest>('POST', '/api/ui/anomalies/backtest', { monitor, from: Math.round(from), to: Math.round(to), marks }, signal),
  unusual: (from: number, to: number) => call<{ series: Unusual[] }>('GET', path('/api/ui/anomalies/unusual', { from: Math.round(from), to: Math.round(to) })).then((a) => a.series),
  downtimes: () => call<Downtime[]>('GET', '/api/v1/downtime'),
  createDowntime: (d: Partial<Downtime>) => call<Downtime>('POST', '/api/v1/downtime', d),
  previewDowntime: (d: Partial<Downtime>) => call<{ occurrences: { start: number; end: number }[] }>('POST', '/api/ui/downtimes/preview', d).then((a) => a.occurrences),
  downtimeCalendar: (days: number) => call<{ from: number; to: number; windows: Record<string, { start: number; end: number }[]> }>('GET', `/api/ui/downtimes/calendar?days=${days}`),
  cancelDowntime: (id: number) => call<unknown>('DELETE', `/api/v1/downtime/${id}`),
  services: (from: number, to: number, env: string) =>
    call<{ services: Service[]; edges: Edge[]; envs: string[] }>('GET', path('/api/ui/apm/services', { from: Math.round(from), to: Math.round(to), env })),
  service: (name: string, from: number, to: number, env: string) =>
    call<{ service: Service | null; resources: Resource[]; edges: Edge[] }>('GET', path(`/api/ui/apm/services/${encodeURIComponent(name)}`, { from: Math.round(from), to: Math.round(to), env })),
  setApdex: (name: string, threshold: number) => call<unknown>('PUT', `/api/ui/apm/services/${encodeURIComponent(name)}/apdex`, { threshold }),
  spans: (query: string, from: number, to: number, sort: SpanOrder, limit: number) =>
    call<{ spans: Span[]; more: boolean; warnings: string[] }>('GET', path('/api/ui/apm/spans', { query, from: Math.round(from), to: Math.round(to), sort, limit })),
  trace: (id: string) => call<{ spans: Span[]; total: number }>('GET', `/api/ui/apm/traces/${encodeURIComponent(id)}`),
  backtestMonitor: (monitor: Partial<Monitor>, from: number, to: number, signal?: AbortSignal) => call<Past>('POST', '/api/ui/monitors/backtest', { monitor, from, to }, signal),
  testMonitor: (monitor: Partial<Monitor>, states: string[], to: string[]) => call<{ ids: number[] }>('POST', '/api/ui/monitors/test', { monitor, states, to }),
  timeline: (id: number, from: number, to: number, signal?: AbortSignal) =>
    call<{ from: number; to: number; groups: Record<string, Period[]> }>('GET', path(`/api/ui/monitors/${id}/timeline`, { from: Math.round(from), to: Math.round(to) }), undefined, signal),
  monitorChanges: (id: number) => call<{ changes: EventItem[] }>('GET', `/api/ui/monitors/${id}/changes`).then((a) => a.changes),
  cloneMonitor: (id: number) => call<Monitor>('POST', `/api/ui/monitors/${id}/clone`),
  exportMonitor: (id: number) => call<Partial<Monitor>>('GET', `/api/ui/monitors/${id}/export`),
  terraform: (id: number) => fetch(`/api/ui/monitors/${id}/terraform`).then((r) => r.text()),
  resolveGroup: (id: number, group: string) => call<unknown>('POST', path(`/api/ui/monitors/${id}/resolve`, { group })),
  muteGroup: (id: number, scope: string, end?: number) => call<Monitor>('POST', `/api/v1/monitor/${id}/mute`, { scope, end }),
  unmuteGroup: (id: number, scope: string) => call<Monitor>('POST', `/api/v1/monitor/${id}/unmute`, { scope }),
  muteMonitors: (ids: number[], end?: number) => call<unknown>('POST', '/api/ui/monitors/mute', { ids, scope: '*', end }),
  unmuteMonitors: (ids: number[]) => call<unknown>('POST', '/api/ui/monitors/unmute', { ids }),
  previewSnapshot: (g: ShownGraph) => call<{ png: string; plot: Plot }>('POST', '/api/ui/snapshots/preview', g),
  sendSnapshot: (g: ShownGraph & { receivers: string; note: string; view: string }) => call<{ id: number }>('POST', '/api/ui/snapshots/send', g),
  retryMail: (id: number) => call<unknown>('POST', `/api/ui/outbox/${id}/retry`),
  testMail: (to: string) => call<{ id: number }>('POST', '/api/ui/outbox/test', { to }),
  webhooks: () => call<Webhook[]>('GET', webhookPath),
  saveWebhook: (name: string, hook: Webhook) => (name ? call<Webhook>('PUT', `${webhookPath}/${encodeURIComponent(name)}`, hook) : call<Webhook>('POST', webhookPath, hook)),
  deleteWebhook: (name: string) => call<unknown>('DELETE', `${webhookPath}/${encodeURIComponent(name)}`),
  outbox: () => call<{ messages: Mail[] }>('GET', '/api/ui/outbox').then((a) => a.messages),
  mail: (id: number) => call<Mail & { html: string; text: string }>('GET', `/api/ui/outbox/${id}`),
}
