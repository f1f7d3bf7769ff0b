// One widget of a dashboard, as its type is drawn.
import type { ComponentChildren } from 'preact'
import type { Widget } from '../model'
import { Empty, Panel } from '../parts/basics'
import { ServiceSummary, TopologyMap } from './apm-widgets'
import { Change } from './change'
import { CheckStatus } from './check-status'
import type { Definition, Variables } from './definition'
import { Page, Picture } from './embed'
import { EventStream, EventTimeline } from './event-widgets'
import { HostMapWidget } from './host-map-widget'
import { AlertGraph, AlertValue, MonitorSummary } from './monitor-widgets'
import { QueryTable } from './query-table'
import { QueryValue } from './query-value'
import { Distribution, HeatMap } from './spreads'
import { FreeText, Note } from './text'
import { Timeseries } from './timeseries'
import { Toplist } from './toplist'
import type { WidgetProps } from './widget-panel'
import { OwnTime } from './widget-time'

const kinds: Record<string, (props: WidgetProps) => ComponentChildren> = {
  timeseries: Timeseries, query_value: QueryValue, toplist: Toplist, query_table: QueryTable, table: QueryTable, change: Change,
  heatmap: HeatMap, distribution: Distribution, hostmap: HostMapWidget,
  check_status: CheckStatus, manage_status: MonitorSummary, alert_graph: AlertGraph, alert_value: AlertValue,
  event_stream: EventStream, event_timeline: EventTimeline,
  note: Note, free_text: FreeText, image: Picture, iframe: Page,
  trace_service: ServiceSummary, topology_map: TopologyMap, servicemap: TopologyMap,
}

// WidgetView draws a widget. height is how much there is for its content, in px,
// where its place is not as high as it likes.
export function WidgetView({ widget, variables, tools, height }: { widget: Widget; variables: Variables; tools?: ComponentChildren; height?: number }) {
  const definition = widget.definition as Definition
  const Kind = Object.hasOwn(kinds, definition.type) ? kinds[definition.type] : undefined
  if (!Kind) {
    return (
      <Panel title={definition.title} actions={tools}>
        <Empty title={`A widget of type ${definition.type} is not shown yet`}>It is kept as it is when the dashboard is saved.</Empty>
      </Panel>
    )
  }
  return <OwnTime time={definition.time}><Kind definition={definition} variables={variables} tools={tools} height={height} /></OwnTime>
}
