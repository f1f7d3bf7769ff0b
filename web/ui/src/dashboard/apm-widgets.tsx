// The widgets of a dashboard that show services: the summary of one, and the map
// of those round it.
import type { ComponentChildren } from 'preact'
import { api } from '../api'
import type { Widget } from '../model'
import { keyOf, quoted } from '../apm/parts'
import { useData } from '../data'
import { Resources, ServiceGraphs, Summary, deploysOf } from '../pages/apm-service'
import { ServiceMap } from '../pages/apm-map'
import { Empty, Failure, Panel } from '../parts/basics'
import { useRange } from '../range'
import { link } from '../route'
import { around, mapAsked } from './apm'

type Definition = Widget['definition']

export function ServiceSummary({ definition: d, tools }: { definition: Definition; tools?: ComponentChildren }) {
  const range = useRange()
  const name = d.service ?? ''
  const env = d.env && d.env !== '*' ? d.env : ''
  const loaded = useData(`service ${name} ${env} ${keyOf(range)}`, () => api.service(name, range.from, range.to, env))
  const service = loaded.data?.service
  if (!name) return <Panel title={d.title || 'Service summary'} actions={tools}><Empty title="No service is chosen" /></Panel>
  const shown = [d.show_hits !== false && 'hits', d.show_errors !== false && 'errors', d.show_latency !== false && 'latency'].filter((s) => s !== false)
  return (
    <section class="widget-group" aria-label={d.title || name}>
      <header class="panel-head"><h2>{d.title || <a href={link(`/apm/services/${encodeURIComponent(name)}`)}>{name}</a>}</h2>{tools && <div class="actions">{tools}</div>}</header>
      <div class="spaced">
        {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
        {loaded.data && !service && <Panel><Empty title={`The service ${name} did nothing in this time range`} /></Panel>}
        {service && (
          <>
            <Summary service={service} range={range} />
            <ServiceGraphs service={service} env={env} deploys={deploysOf(service)} search={`service:${quoted(name)}${env && ` env:${env}`}`} operations={d.span_name ? [d.span_name] : undefined} shown={shown} />
            {d.show_resource_list && <Resources service={service} resources={loaded.data!.resources} range={range} params={new URLSearchParams(location.search)} />}
          </>
        )}
      </div>
    </section>
  )
}

export function TopologyMap({ definition: d, tools }: { definition: Definition; tools?: ComponentChildren }) {
  const range = useRange()
  const { service, env } = mapAsked(d)
  const loaded = useData(`services ${env} ${keyOf(range)}`, () => api.services(range.from, range.to, env))
  const { services, edges } = loaded.data ? around(loaded.data.services, loaded.data.edges, service) : { services: [], edges: [] }
  return (
    <Panel flush title={d.title || (service ? `Services round ${service}` : 'Service map')} actions={tools} loading={loaded.loading && !loaded.data}>
      {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data && services.length === 0 && <Empty title="No service has sent traces in this time range" />}
      {services.length > 0 && <ServiceMap services={services} edges={edges} chosen={service || null} range={range} />}
    </Panel>
  )
}
