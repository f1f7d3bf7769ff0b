// What the definitions of widgets hold, as far as it is drawn. All of it is
// written by people and other programs: every field may be missing.
import type { Widget, WidgetRequest } from '../model'
import type { Formula } from './document'
import type { ConditionalFormat } from './palette'

export interface Request extends WidgetRequest {
  aggregator?: string
  alias?: string
  limit?: number
  order?: string
  formulas?: CellFormula[]
  conditional_formats?: ConditionalFormat[]
  cell_display_mode?: string[]
  sort?: { count?: number; order_by?: { type?: string; index?: number; name?: string; order?: string }[] }
  request_type?: string
  style?: { palette?: string }
  // of change
  compare_to?: string
  change_type?: string
  increase_good?: boolean
  order_by?: string
  order_dir?: string
  show_present?: boolean
}

export interface CellFormula extends Formula {
  conditional_formats?: ConditionalFormat[]
  cell_display_mode?: string
}

export interface YAxis {
  scale?: string
  min?: string
  max?: string
  include_zero?: boolean
  label?: string
  num_buckets?: number
}

export interface CustomLink {
  label?: string
  link?: string
  is_hidden?: boolean
}

export type WidgetTime = { live_span?: string; type?: string; value?: number; unit?: string; from?: number; to?: number }

type Any = Widget['definition']

// Definition is a widget's definition.
export interface Definition extends Any {
  requests?: Request[]
  title_size?: string
  title_align?: string
  time?: WidgetTime
  custom_links?: CustomLink[]
  yaxis?: YAxis
  right_yaxis?: YAxis
  xaxis?: YAxis
  events?: { q: string; tags_execution?: string }[]
  monitors?: number[] // whose states a timeseries shows; a field of ours
  show_legend?: boolean
  legend_layout?: string
  legend_columns?: string[]
  precision?: number
  autoscale?: boolean
  custom_unit?: string
  unit?: string
  text_align?: string
  vertical_align?: string
  timeseries_background?: { type?: string }
  has_search_bar?: string
  // of text, pictures and pages
  text?: string
  color?: string
  font_size?: string
  background_color?: string
  has_padding?: boolean
  show_tick?: boolean
  tick_edge?: string
  tick_pos?: string
  url?: string
  url_dark_theme?: string
  sizing?: string
  margin?: string
  has_border?: boolean
  horizontal_align?: string
  // of monitors, checks and events
  query?: string
  sort?: string
  count?: number
  display_format?: string
  color_preference?: string
  hide_zero_counts?: boolean
  show_last_triggered?: boolean
  show_priority?: boolean
  summary_type?: string
  alert_id?: string
  viz_type?: string
  check?: string
  grouping?: string
  group?: string
  group_by?: string[]
  tags?: string[]
  event_size?: string
  tags_execution?: string
}

// HostMapDefinition is what is other in the definition of a host map.
export interface HostMapDefinition {
  requests?: { fill?: Request; size?: Request }
  group?: string[]
  scope?: string[]
  no_metric_hosts?: boolean
  no_group_hosts?: boolean
  style?: { palette?: string; palette_flip?: boolean; fill_min?: string; fill_max?: string }
}

export type Variables = Record<string, string>
