// The map of services: who calls whom, how often, how well.
import { useMemo, useState } from 'preact/hooks'
import { api } from '../api'
import type { Edge, Service } from '../model'
import { layoutOf, type Spot } from '../apm/layout'
import { EnvPicker, ErrorShare, apmTabs, errorShare, keyOf, kindOf, perSecond, quoted, seconds, servicePath, tracesLink } from '../apm/parts'
import { useData } from '../data'
import { Empty, Failure, LinkButton, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { useRange } from '../range'
import { link, setParams } from '../route'
import type { Range } from '../time'
import { showNumber } from '../units'

export function ApmMap({ params }: { params: URLSearchParams }) {
  const range = useRange()
  const env = params.get('env') ?? ''
  const loaded = useData(`services ${env} ${keyOf(range)}`, () => api.services(range.from, range.to, env))
  const chosen = params.get('service')
  return (
    <Page title="APM" tabs={apmTabs('map')} actions={<EnvPicker envs={loaded.data?.envs ?? []} env={env} />} time>
      {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data?.services.length === 0 && (
        <Panel><Empty title="No service has sent traces in this time range">Services and their calls are drawn here as soon as traces arrive.</Empty></Panel>
      )}
      {loaded.data && loaded.data.services.length > 0 && (
        <div class={`service-map ${chosen ? 'with-side' : ''}`}>
          <Panel flush loading={loaded.loading} label="Service map">
            <ServiceMap services={loaded.data.services} edges={loaded.data.edges} chosen={chosen} range={range} />
            <p class="note-line map-legend">
              Size: requests. Width of a line: calls. <span class="share ok">●</span> under 1 % errors <span class="share warn">●</span> under 5 % <span class="share alert">●</span> more.
              Dashed: inferred from its callers.
            </p>
          </Panel>
          {chosen && <Side name={chosen} services={loaded.data.services} edges={loaded.data.edges} range={range} />}
        </div>
      )}
    </Page>
  )
}

const health = (share: number) => (share >= 0.05 ? 'alert' : share >= 0.01 ? 'warn' : 'ok')

// ServiceMap draws services and their calls; a click chooses one.
export function ServiceMap({ services, edges, chosen, range }: { services: Service[]; edges: Edge[]; chosen: string | null; range: Range }) {
  const [hover, setHover] = useState<string | null>(null)
  const names = services.map((s) => s.name).join('\n')
  const pairs = edges.map((e) => `${e.from}>${e.to}`).join('\n')
  const { spots, width, height } = useMemo(() => layoutOf(services.map((s) => s.name), edges), [names, pairs])
  const byName = new Map(services.map((s) => [s.name, s]))
  const most = Math.max(1, ...edges.map((e) => e.hits))
  const busiest = Math.max(1, ...services.map((s) => s.hits))
  const focus = hover ?? chosen
  const near = (name: string) => !focus || name === focus || edges.some((e) => (e.from === focus && e.to === name) || (e.to === focus && e.from === name))
  const radius = (name: string) => 14 + 14 * Math.sqrt((byName.get(name)?.hits ?? 0) / busiest)
  return (
    <div class="scroll map-scroll">
      <svg viewBox={`0 0 ${width} ${height + 24}`} style={{ minWidth: `${Math.min(width, 620)}px`, maxWidth: `${width * 1.35}px` }} role="group" aria-label="Service map">
        {edges.filter((e) => e.from !== e.to).map((e) => {
          const [a, b] = [spots.get(e.from)!, spots.get(e.to)!]
          const lit = !focus || e.from === focus || e.to === focus
          return (
            <g key={`${e.from}>${e.to}`} class={`edge ${health(errorShare(e))} ${lit ? '' : 'dim'}`}>
              <path d={curve(a, b, radius(e.from), radius(e.to))} style={{ strokeWidth: 1 + 4 * Math.sqrt(e.hits / most) }}>
                <title>{`${e.from} calls ${e.to}: ${perSecond(e.hits, range)}, p95 ${seconds(e.p95)}, ${showNumber(errorShare(e), 'fraction')} errors`}</title>
              </path>
              <text x={(a.x + b.x) / 2} y={(a.y + b.y) / 2 - 6}>{perSecond(e.hits, range)}</text>
            </g>
          )
        })}
        {[...spots.values()].map((spot) => {
          const s = byName.get(spot.name)
          return (
            <a
              key={spot.name}
              href={link('/apm/map', { service: spot.name === chosen ? null : spot.name, env: new URLSearchParams(location.search).get('env') })}
              class={`node ${s?.inferred !== false ? 'inferred' : ''} ${near(spot.name) ? '' : 'dim'} ${spot.name === chosen ? 'here' : ''}`}
              aria-label={`${spot.name}${s ? `, ${perSecond(s.hits, range)}, ${showNumber(errorShare(s), 'fraction')} errors` : ''}`}
              onMouseEnter={() => setHover(spot.name)}
              onMouseLeave={() => setHover(null)}
            >
              <NodeRing spot={spot} radius={radius(spot.name)} share={s ? errorShare(s) : 0} />
              <text x={spot.x} y={spot.y + radius(spot.name) + 16} class="node-name">{short(spot.name)}</text>
              <text x={spot.x} y={spot.y + radius(spot.name) + 30} class="node-rate">{s && s.hits > 0 ? perSecond(s.hits, range) : kindOf({ type: '', inferred: true })}</text>
            </a>
          )
        })}
      </svg>
    </div>
  )
}

const short = (name: string) => (name.length > 26 ? name.slice(0, 25) + '…' : name)

// NodeRing is a service: the ring's coloured part is its share of errors.
function NodeRing({ spot, radius, share }: { spot: Spot; radius: number; share: number }) {
  const around = 2 * Math.PI * radius
  const bad = share > 0 ? Math.max(0.04, share) : 0
  return (
    <>
      <circle cx={spot.x} cy={spot.y} r={radius} class="node-body" />
      <circle cx={spot.x} cy={spot.y} r={radius} class="node-ring" />
      {bad > 0 && <circle cx={spot.x} cy={spot.y} r={radius} class={`node-ring ${health(share)}`} stroke-dasharray={`${bad * around} ${around}`} transform={`rotate(-90 ${spot.x} ${spot.y})`} />}
    </>
  )
}

function curve(a: Spot, b: Spot, ra: number, rb: number): string {
  const back = b.layer <= a.layer // against the stream: over the top
  const [x1, x2] = back ? [a.x, b.x] : [a.x + ra, b.x - rb]
  const [y1, y2] = back ? [a.y - ra, b.y - rb] : [a.y, b.y]
  if (back) return `M${x1} ${y1} C${x1} ${y1 - 60} ${x2} ${y2 - 60} ${x2} ${y2}`
  const middle = (x1 + x2) / 2
  return `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`
}

function Side({ name, services, edges, range }: { name: string; services: Service[]; edges: Edge[]; range: Range }) {
  const s = services.find((x) => x.name === name)
  const list = (title: string, found: Edge[], end: 'from' | 'to') => found.length > 0 && (
    <>
      <h3>{title}</h3>
      <ul class="rows side-rows">
        {found.map((e) => (
          <li key={e.from + e.to}>
            <button type="button" class="link grow" onClick={() => setParams({ service: e[end] }, true)}>{e[end]}</button>
            <span class="nowrap">{perSecond(e.hits, range)}</span>
            <span class="nowrap muted">p95 {seconds(e.p95)}</span>
            <ErrorShare of={e} />
          </li>
        ))}
      </ul>
    </>
  )
  return (
    <Panel title={name} label={`About ${name}`} actions={<button type="button" class="link" onClick={() => setParams({ service: null }, true)}>Close</button>}>
      <div class="spaced">
        {s && s.hits > 0 ? (
          <dl class="facts">
            <dt>Kind</dt><dd>{kindOf(s)}{s.inferred && <span class="muted"> inferred from its callers</span>}</dd>
            <dt>Requests</dt><dd>{perSecond(s.hits, range)}</dd>
            <dt>Errors</dt><dd><ErrorShare of={s} /></dd>
            <dt>p50 / p95 / p99</dt><dd>{seconds(s.p50)} / {seconds(s.p95)} / {seconds(s.p99)}</dd>
          </dl>
        ) : <p class="muted">It sends no spans itself: what is known of it is what its callers saw.</p>}
        {list('Called by', edges.filter((e) => e.to === name), 'from')}
        {list('Calls', edges.filter((e) => e.from === name), 'to')}
        <div class="actions">
          {s && <LinkButton kind="primary" href={link(servicePath(name))} label="Open service" />}
          {s && <LinkButton href={tracesLink(`service:${quoted(name)}`)} label="Traces" />}
        </div>
      </div>
    </Panel>
  )
}
