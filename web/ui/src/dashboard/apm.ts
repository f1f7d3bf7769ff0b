// What the service widgets of a dashboard ask for.
import type { Edge, Service, Widget } from '../model'

// mapAsked reads a map's service and environment, in the form of either widget:
// topology_map has them in its request, servicemap in itself.
export function mapAsked(d: Widget['definition']): { service: string; env: string } {
  const query = d.requests?.[0]?.query ?? d
  const filters = query.filters ?? []
  const env = filters.map((f) => /^env(?:ironment)?:(.+)$/.exec(f)?.[1] ?? '').find((e) => e !== '' && e !== '*') ?? ''
  return { service: query.service ?? '', env }
}

// around keeps a service and those it calls or is called by; "" keeps all.
export function around(services: Service[], edges: Edge[], name: string): { services: Service[]; edges: Edge[] } {
  if (!name) return { services, edges }
  const kept = edges.filter((e) => e.from === name || e.to === name)
  const names = new Set([name, ...kept.flatMap((e) => [e.from, e.to])])
  return { services: services.filter((s) => names.has(s.name)), edges: kept }
}
