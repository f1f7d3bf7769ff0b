// One widget of a dashboard, as its type is drawn.
import type { ComponentChildren } from 'preact'
import type { Widget } from '../api'
import { Empty, Panel } from '../parts/basics'
import { Graph } from '../parts/graph'
import { link } from '../route'
import { ServiceSummary, TopologyMap } from './apm-widgets'
import { SnapshotButton } from './snapshot'
import { askedBy, inOrder, thresholdsOf, widthOf } from './document'

export function WidgetView({ widget, variables, tools }: { widget: Widget; variables: Record<string, string>; tools?: ComponentChildren }) {
  const { definition } = widget
  const { type, title } = definition
  switch (type) {
    case 'timeseries': {
      const asked = askedBy(definition.requests, variables)
      const explore = asked.map((a) => a.query).join(', ')
      return (
        <Panel flush title={title || explore} actions={tools ?? <><SnapshotButton title={title || explore} requests={asked} thresholds={thresholdsOf(definition.markers)} /><a class="small" href={link('/metrics/explorer', { q: explore, style: asked[0]?.style === 'line' ? null : asked[0]?.style })}>Explore</a></>}>
          <Graph label={title || explore} requests={asked} thresholds={thresholdsOf(definition.markers)} height={230} />
        </Panel>
      )
    }
    case 'trace_service':
      return <ServiceSummary definition={definition} tools={tools} />
    case 'topology_map':
    case 'servicemap':
      return <TopologyMap definition={definition} tools={tools} />
    case 'note':
      return <Panel actions={tools}><p class="note-text">{definition.content}</p></Panel>
    case 'group':
      return (
        <section class="widget-group" aria-label={title}>
          <header class="panel-head"><h2>{title}</h2>{tools && <div class="actions">{tools}</div>}</header>
          <div class="grid12">
            {inOrder(definition.widgets ?? []).map((w, i) => (
              <div key={w.id ?? i} class="cell" style={{ '--span': widthOf({ layout_type: 'ordered' }, w) }}><WidgetView widget={w} variables={variables} /></div>
            ))}
          </div>
        </section>
      )
    default:
      return (
        <Panel title={title} actions={tools}>
          <Empty title={`A widget of type ${type} is not shown yet`}>It is kept as it is when the dashboard is saved.</Empty>
        </Panel>
      )
  }
}
