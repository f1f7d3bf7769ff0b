// One resource of a service: its graphs, how its latency is spread, its traces.
import { api } from '../api'
import { keyOf, quoted, servicePath, tracesLink } from '../apm/parts'
import { Spread } from '../apm/spread'
import { SpanTable } from '../apm/span-table'
import { useData } from '../data'
import { Empty, Failure, LinkButton, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { useRange } from '../range'
import { link } from '../route'
import { ServiceGraphs, Summary, deploysOf } from './apm-service'

export function ApmResource({ name, params }: { name: string; params: URLSearchParams }) {
  const range = useRange()
  const [resource, operation, kind, env] = ['resource', 'operation', 'kind', 'env'].map((key) => params.get(key) ?? '')
  const loaded = useData(`service ${name} ${env} ${keyOf(range)}`, () => api.service(name, range.from, range.to, env))
  const found = loaded.data?.resources.find((r) => r.name === resource && r.operation === operation && r.span_kind === kind)
  const search = `service:${quoted(name)} operation_name:${quoted(operation)} resource_name:${quoted(resource)}${kind && ` @span.kind:${kind}`}${env && ` env:${env}`}`
  const slow = useData(`slowest ${search} ${keyOf(range)}`, () => api.spans(search, range.from, range.to, 'slowest', 500))
  return (
    <Page title={resource} crumbs={[['APM', '/apm'], [name, servicePath(name)]]} time>
      {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data && (!found || !loaded.data.service) && (
        <Panel><Empty title="This resource was not used in this time range" action={<LinkButton kind="primary" href={link(servicePath(name))} label={`See ${name}`} />} /></Panel>
      )}
      {found && loaded.data?.service && (
        <>
          <Summary service={{ ...loaded.data.service, ...found, name, type: found.type, hosts: loaded.data.service.hosts, inferred: !found.request }} range={range} />
          <ServiceGraphs service={loaded.data.service} env={env} deploys={deploysOf(loaded.data.service)} search={search} filter={`${found.tag}${kind && `,span.kind:${kind}`}`} operations={[operation]} />
        </>
      )}
      {slow.error && !slow.data && <Failure error={slow.error} retry={slow.reload} />}
      {slow.data && slow.data.spans.length > 0 && (
        <>
          <Panel title="Latency distribution" actions={<span class="muted">{slow.data.more ? 'of the slowest 500 traces kept' : 'of the traces kept'}</span>}>
            <Spread spans={slow.data.spans} search={search} />
          </Panel>
          <Panel title="Slowest traces" flush actions={<LinkButton kind="quiet" href={tracesLink(search, 'slowest')} label="All traces" />}>
            <SpanTable spans={slow.data.spans.slice(0, 20)} />
          </Panel>
        </>
      )}
    </Page>
  )
}
