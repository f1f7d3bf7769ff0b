// The types of widgets that the editor writes, and how each begins.
import type { Definition } from './definition'

export interface Kind {
  type: string
  name: string
  about: string
  fresh: () => Partial<Definition>
  requests?: 'timeseries' | 'scalar' // with parts of queries and formulas
  many?: boolean // requests, where one is not all
  query?: boolean // one query in each request, as it stands
}

const asked = (more: object = {}) => ({ requests: [{ q: '', ...more }] })

export const kinds: Kind[] = [
  { type: 'timeseries', name: 'Timeseries', about: 'Lines, areas or bars over time', requests: 'timeseries', many: true, fresh: () => ({ requests: [{ q: '', display_type: 'line' }] }) },
  { type: 'query_value', name: 'Query value', about: 'One figure, large', requests: 'scalar', fresh: () => ({ ...asked(), autoscale: true }) },
  { type: 'toplist', name: 'Top list', about: 'The groups with the most', requests: 'scalar', fresh: () => asked() },
  { type: 'query_table', name: 'Table', about: 'Groups as rows, figures as columns', requests: 'scalar', fresh: () => asked() },
  { type: 'change', name: 'Change', about: 'Against an earlier time', query: true, fresh: () => ({ requests: [{ q: '', compare_to: 'day_before', change_type: 'absolute', order_by: 'change', order_dir: 'desc', increase_good: false, show_present: true }] }) },
  { type: 'heatmap', name: 'Heat map', about: 'How values lie, over time', query: true, fresh: () => asked() },
  { type: 'distribution', name: 'Distribution', about: 'How values lie, in all', query: true, fresh: () => asked() },
  { type: 'hostmap', name: 'Host map', about: 'Hosts, coloured by a metric', fresh: () => ({ requests: { fill: { q: '' } } as never, node_type: 'host', no_group_hosts: true, no_metric_hosts: true }) },
  { type: 'manage_status', name: 'Monitor summary', about: 'How many monitors are in which state', fresh: () => ({ query: '', display_format: 'countsAndList', color_preference: 'background', summary_type: 'monitors', sort: 'status,asc' }) },
  { type: 'alert_graph', name: 'Alert graph', about: "A monitor's query with its thresholds", fresh: () => ({ alert_id: '', viz_type: 'timeseries' }) },
  { type: 'alert_value', name: 'Alert value', about: 'What a monitor saw last', fresh: () => ({ alert_id: '', unit: 'auto' }) },
  { type: 'check_status', name: 'Check status', about: 'What a service check says', fresh: () => ({ check: '', grouping: 'cluster', group_by: [], tags: [] }) },
  { type: 'event_stream', name: 'Event stream', about: 'Events as a list', fresh: () => ({ query: '', event_size: 's' }) },
  { type: 'event_timeline', name: 'Event timeline', about: 'Events counted over time', fresh: () => ({ query: '' }) },
  { type: 'trace_service', name: 'Service summary', about: 'Requests, errors and latency', fresh: () => ({ service: '', env: '*', span_name: '', show_hits: true, show_errors: true, show_latency: true }) },
  { type: 'topology_map', name: 'Service map', about: 'Who calls a service, and whom it calls', fresh: () => ({ requests: [{ request_type: 'topology', query: { data_source: 'service_map', service: '', filters: ['env:*'] } }] }) },
  { type: 'note', name: 'Note', about: 'Text in Markdown', fresh: () => ({ content: '', background_color: 'yellow', font_size: '14', text_align: 'left', show_tick: false }) },
  { type: 'free_text', name: 'Free text', about: 'A heading', fresh: () => ({ text: '', font_size: '36', text_align: 'left' }) },
  { type: 'image', name: 'Image', about: 'A picture by its address', fresh: () => ({ url: '', sizing: 'contain' }) },
  { type: 'iframe', name: 'Iframe', about: 'A page of another site', fresh: () => ({ url: '' }) },
]

export const kindOf = (type: string): Kind | undefined => kinds.find((k) => k.type === (type === 'table' ? 'query_table' : type))
