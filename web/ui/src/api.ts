// The data layer: every route that the UI talks to, and the shapes of answers.

import type { Suggestion } from './query/complete'

export type Lang = 'datadog' | 'metricsql'

export interface Band {
  lower: (number | null)[]
  middle: (number | null)[]
  upper: (number | null)[]
  anomalous: boolean[]
  forecast: boolean
  algorithm: string
  summary: string // what the band means, in a sentence
  notes: { at: number; text: string }[] // why points are anomalous
  changes: { at: number; before: number; after: number }[]
}

// Period is a time that a group spent in one status; times are ms.
export interface Period { from: number; to: number; status: string }

// Past is what a monitor would have sent.
export interface Past {
  from: number
  to: number
  step: number // ms between evaluations; more than interval when the range is too long for all
  interval: number
  evaluations: number
  mails: { at: number; status: string; subject: string; to: string[] }[]
  more: number
  groups: Record<string, Period[]>
}

// Backtest is what an anomaly monitor would have done.
export interface Backtest {
  from: number
  to: number
  step: number
  line: string
  notes: string[]
  judged: number
  count: number
  alerts: PastAlert[]
  table: { bounds: number; window: number; alerts: number; found: number; noise: number }[]
  best: number // index into table; -1: none
  algorithm: string
  suggested: string
}

export interface PastAlert {
  tags: string[]
  from: number
  to: number
  severe: boolean
  peak: number // deviations off the middle
}

// Unusual is a series that became unusual, by its own measure.
export interface Unusual {
  metric: string
  tags: string[]
  query: string
  unit: string
  at: number
  value: number
  score: number
  alarm: boolean
  odds: string
  what: string
}

export interface Row {
  metric: string
  tags: string[]
  expr: string
  unit: string
  values: (number | null)[]
  band?: Band
  outlier?: boolean
}

export interface Frame {
  grid: { start: number; end: number; step: number }
  rows: Row[]
  warnings: string[]
  stats: { series: number; samples: number }
}

// Explanation is how a query was carried out; parts inside of others follow them.
export interface Explanation {
  series: number
  samples: number
  bytes: number
  seconds: number
  steps: { what: string; depth: number; how?: string; tier?: string; series: number; samples: number; rows: number; seconds: number }[]
}

export interface Metric {
  name: string
  type: string
  interval?: number
  unit?: string
  per_unit?: string
  description?: string
  integration?: string
}

export interface MetricDetail extends Metric {
  series: number
  hosts: string[]
  tags: { key: string; values: string[]; total: number }[]
  observed_interval: number
}

export interface Check {
  check: string
  host_name?: string
  tags?: string[]
  status: number
  message?: string
  timestamp: number
  changed: number
}

export interface Host {
  name: string
  aliases?: string[]
  tags?: Record<string, string[]>
  all_tags: string[] | null
  os?: string
  platform?: string
  kernel?: string
  machine?: string
  processor?: string
  cores?: number
  memory_bytes?: number
  ip?: string
  ipv6?: string
  mac?: string
  agent_version?: string
  apps?: string[]
  last_seen?: number
  up: boolean
  checks: Check[] | null
}

// StatsD is what DogStatsD has received since Whippet started.
export interface StatsD {
  Packets: number
  Bytes: number
  Metrics: number // values
  Events: number
  Checks: number
  Rejected: { Reason: string; Count: number; Examples: string[] | null }[] | null
  KernelDrops: number
  DroppedSamples: number
  DroppedEvents: number
  DroppedChecks: number
  RefusedSamples: number
  Forgotten: number
  TooOld: number
  TooNew: number
  Contexts: number
  Sockets: { Name: string; ReceiveBuffer: number; KernelDrops: number }[] | null
  Senders: { Address: string; Packets: number; Bytes: number; Values: number; Rejected: number; LastSeen: number }[] | null
  Names: { Metric: string; Values: number; Contexts: number; LastSeen: number }[] | null
}

// AgentRoutes is what agents and API clients have posted since then.
export interface AgentRoutes {
  Routes: Record<string, { Payloads: number; Kept: number; Malformed: number; TooLarge: number; Failed: number }>
  RejectedFuture: number
  RejectedOld: number
  RejectedValue: number
  RejectedSeries: number
  Repeated: number
  Logs: number
  OddFrames: number // of processes, in an encoding that isn't read
}

export interface Process {
  pid?: number // none where number processes of a name are taken together
  name: string
  command?: string
  user?: string
  cpu: number // percent of one core
  rss: number // bytes
  threads?: number
  files?: number
  started?: number // ms
  number?: number
}

export interface EventItem {
  id: number
  title: string
  text: string
  time: number
  host?: string
  tags?: string[]
  alert_type: string
  priority: string
  source_type_name?: string
  monitor_id?: number
  group?: string
  from?: string
  to?: string
}

// EventCounts are the events of a time, counted.
export interface EventCounts {
  total: number
  partial: boolean // there are more than were counted
  step: number // ms
  bars: { at: number; error: number; warning: number; success: number; info: number }[]
  facets: { key: string; values: { value: string; count: number }[]; total: number }[]
}

export interface Status {
  version: string
  started: number
  now: number
  zone: string
  hostname: string
  http: string
  statsd: string
  statsd_socket: string
  traces: string // address that tracers send to; empty: off
  smtp: boolean
  embed: string[] // sites whose pages and pictures dashboards may show
  checklist: { metrics: boolean; agent: boolean; dashboard: boolean; monitor: boolean; mail: boolean }
}

export interface WidgetRequest {
  q?: string
  queries?: { name: string; query?: string; data_source?: string; aggregator?: string }[]
  formulas?: { formula: string; alias?: string; [other: string]: unknown }[]
  display_type?: string
  query?: { service?: string; filters?: string[]; [other: string]: unknown } // of a map of services
  [other: string]: unknown
}

// ScalarQuestion asks for one value of each group, by formulas over queries.
export interface ScalarQuestion {
  queries: { name: string; query: string; aggregator: string }[]
  formulas: { formula: string; limit?: { count: number; order: string } }[]
}

// ScalarColumn is one key of the groups, or the values of one formula.
export interface ScalarColumn {
  name: string
  type: 'group' | 'number'
  values: (string[] | number | null)[]
  meta?: { unit: ({ name: string } | null)[] | null }
}

// FoundMonitors is a page of monitors, or of their groups; times are seconds.
export interface FoundMonitors {
  counts: Record<string, { name: string; count: number }[]>
  monitors?: { id: number; name: string; status: string; priority?: number; muted: boolean; last_triggered_ts: number | null }[]
  groups?: { group: string; monitor_id: number; monitor_name: string; status: string; last_triggered_ts: number | null }[]
  metadata: { total_count: number }
}

// Spread is how values lie, in buckets by time; counts need not be whole.
export interface Spread {
  grid: { start: number; end: number; step: number }
  bounds: number[] // one more than there are buckets
  counts: (number[] | null)[]
  unit: string
  all: { count: number; figures: number[] } // avg, min, p50, p75, p90, p95, p99, max
  warnings: string[]
}

export interface Widget {
  id?: number
  definition: {
    type: string
    title?: string
    requests?: WidgetRequest[]
    markers?: { value: string; display_type?: string; label?: string }[]
    widgets?: Widget[]
    content?: string
    service?: string // of the service widgets
    env?: string
    span_name?: string
    filters?: string[]
    show_hits?: boolean
    show_errors?: boolean
    show_latency?: boolean
    show_resource_list?: boolean
    [other: string]: unknown
  }
  layout?: { x: number; y: number; width: number; height: number } | null
  [other: string]: unknown
}

export interface Dashboard {
  id: string
  title: string
  description?: string | null
  layout_type: string
  url: string
  widgets: Widget[]
  reflow_type?: string
  is_shared?: boolean
  template_variables?: { name: string; prefix?: string | null; default?: string | null; defaults?: string[] }[] | null
  created_at?: string
  modified_at?: string
  [other: string]: unknown
}

// GroupState is one group of a monitor; times are seconds.
export interface GroupState {
  name: string
  status: string
  last_triggered_ts?: number | null
  last_resolved_ts?: number | null
  last_notified_ts?: number | null
  last_nodata_ts?: number | null
  since_ts?: number | null
  last_data_ts?: number | null
  value?: number | null
  muted_by?: string
}

export interface Monitor {
  id: number
  name: string
  type: string
  query: string
  message: string
  tags?: string[]
  priority?: number | null
  overall_state?: string
  overall_state_modified?: string | null
  state?: { groups?: Record<string, GroupState>; error?: string }
  options: {
    thresholds?: Record<string, number | null>
    notify_no_data?: boolean
    no_data_timeframe?: number | null
    renotify_interval?: number | null
    require_full_window?: boolean
    [other: string]: unknown
  }
  [other: string]: unknown
}

export interface Downtime {
  id: number
  scope: string[] | string
  monitor_id?: number | null
  start?: number | null
  end?: number | null
  timezone?: string
  message?: string | null
  cron?: string
  rrule?: string
  duration?: string | number
  until?: number | null
  recurrences?: { cron?: string; rrule?: string; duration: string }[] | null
  active_child?: { start: number; end: number | null } | null
  recurrence?: { type: string; period?: number; week_days?: string[]; rrule?: string } | null
  active?: boolean
  disabled?: boolean
  canceled?: number | null
  [other: string]: unknown
}

// Webhook is an address that monitors call; the secret is only ever written.
export interface Webhook {
  name: string
  url: string
  payload?: string | null
  custom_headers?: string | null
  encode_as?: string
  secret?: string
  signed?: boolean
}

const listPath = '/api/v1/dashboard/lists/manual'
const itemsPath = (id: number) => `/api/v2/dashboard/lists/manual/${id}/dashboards`
const itemOf = (d: Dashboard) => ({ id: d.id, type: d.layout_type === 'free' ? 'custom_screenboard' : 'custom_timeboard' })
const sharePath = '/api/v1/dashboard/public'

const webhookPath = '/api/v1/integration/webhooks/configuration/webhooks'

export interface Mail {
  id: number
  created: number
  subject: string
  to: string[]
  state: string
  attempts: number
  last_error?: string
  monitor_id?: number
  webhook?: string
}

// Found is something that has a name.
export interface Found {
  kind: 'dashboard' | 'monitor' | 'host' | 'metric' | 'service'
  id: string
  title: string
  detail?: string
}

export type Role = 'viewer' | 'editor' | 'admin'

// Session is who uses this page. Where nobody needs to log in it is 'local'.
export interface Session {
  required: boolean
  setup: boolean // nobody can log in yet
  name: string
  role: Role | ''
  csrf: string
}

export interface User {
  name: string
  role: Role | '' // none: may do nothing
  full_name?: string
  disabled?: boolean
  created: number
  last_login?: number
}

export interface Key {
  id: string
  kind: 'api' | 'application'
  name: string
  role?: Role
  last4: string
  owner: string
  created: number
  last_used?: number
}

export interface Change {
  id: number
  at: number
  actor: string
  address?: string
  kind: string
  document: string
  before?: unknown
  after?: unknown
}

// Figures are what a service, resource or edge did; times are seconds.
export interface Figures {
  hits: number
  errors: number
  p50: number | null
  p95: number | null
  p99: number | null
  max: number | null
  total: number
  apdex: number | null
}

export interface Version extends Figures {
  name: string
  first: number // ms
  last: number
}

export interface Service extends Figures {
  name: string
  type: string
  inferred: boolean // known by its callers only
  envs: string[]
  hosts: string[]
  entries: string[] // the operations that its requests are
  apdex_threshold: number // ms
  versions: Version[]
}

export interface Edge extends Figures {
  from: string
  to: string
  kind: string
  inferred: boolean
}

export interface Resource extends Figures {
  name: string
  tag: string // "resource_name:get_/item/:id"
  operation: string
  type: string
  span_kind: string
  request: boolean
}

// Span is one span; its ids are texts, as they don't fit a number.
export interface Span {
  trace_id: string
  span_id: string
  parent_id: string
  service: string
  name: string
  resource: string
  type: string
  env: string
  host: string
  error: boolean
  start: number // ms
  duration: number // ms
  tags: Record<string, string | number>
}

export type SpanOrder = 'newest' | 'oldest' | 'slowest'

// DashboardList keeps dashboards together.
export interface DashboardList {
  id: number
  name: string
  dashboard_count: number
}

// DeletedDashboard can be brought back until its end; times are ms.
export interface DeletedDashboard {
  id: string
  title: string
  description?: string | null
  at: number
  by?: string
  until: number
}

// Share is a link by which anybody sees a dashboard.
export interface Share {
  token: string
  dashboard_id: string
  author: { handle: string; name: string }
  created: string
  expiration: string | null
  status: 'active' | 'paused'
  global_time: { live_span: string }
  global_time_selectable_enabled: boolean
  selectable_template_vars: { name: string; prefix: string; default_value: string; visible_tags: string[] | null }[]
}

// SharedBoard is a dashboard as the readers of a link get it.
export interface SharedBoard {
  dashboard: Dashboard
  live_span: string
  free_time: boolean
  variables: Share['selectable_template_vars']
  now: number
}

// ShownGraph is a graph as a picture of it is asked for; times are ms.
export interface ShownGraph {
  title: string
  queries: { query: string; lang?: Lang; style?: string; alias?: string }[]
  from: number
  to: number
  dark?: boolean
  thresholds?: { value: number; label?: string; warn?: boolean; below?: boolean }[]
  marks?: SnapshotMark[]
}

// SnapshotMark is a rectangle of times and values; without low and high it has
// all the height.
export interface SnapshotMark { from: number; to: number; low?: number; high?: number }

// Plot is where a picture has its lines: CSS px, and what is at them.
export interface Plot { x0: number; y0: number; x1: number; y1: number; from: number; to: number; low: number; high: number }

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
