// The shapes of what the server answers and of what it is sent.

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
