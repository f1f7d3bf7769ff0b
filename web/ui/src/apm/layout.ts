// Where the services of a map stand: in layers from left to right, callers
// before those they call. The same services always stand in the same places.
import type { Edge } from '../model'

export interface Spot {
  name: string
  layer: number
  x: number
  y: number
}

export interface Layout {
  spots: Map<string, Spot>
  width: number
  height: number
}

const stepX = 220
const stepY = 96
const margin = 70

export function layoutOf(names: string[], edges: Pick<Edge, 'from' | 'to'>[]): Layout {
  const sorted = [...new Set([...names, ...edges.flatMap((e) => [e.from, e.to])])].sort()
  const calls = new Map(sorted.map((n) => [n, [] as string[]]))
  for (const e of edges) if (e.from !== e.to) calls.get(e.from)!.push(e.to)
  for (const list of calls.values()) list.sort()

  // The layer is the longest way from a service that nobody calls. Edges that
  // close a circle don't count.
  const layer = new Map<string, number>()
  const path = new Set<string>()
  const kept: [string, string][] = []
  const order: string[] = []
  const visit = (name: string) => {
    if (layer.has(name)) return
    layer.set(name, 0)
    path.add(name)
    for (const to of calls.get(name)!) {
      if (path.has(to)) continue
      kept.push([name, to])
      visit(to)
    }
    path.delete(name)
    order.push(name)
  }
  const called = new Set(edges.filter((e) => e.from !== e.to).map((e) => e.to))
  for (const name of sorted) if (!called.has(name)) visit(name)
  for (const name of sorted) visit(name)
  for (const name of order.reverse()) {
    for (const [from, to] of kept) if (from === name) layer.set(to, Math.max(layer.get(to)!, layer.get(name)! + 1))
  }

  const layers: string[][] = []
  for (const name of sorted) (layers[layer.get(name)!] ??= []).push(name)
  // Within a layer: by the middle of the callers, so that lines cross less.
  const place = new Map<string, number>()
  for (const list of layers) {
    const middle = (name: string) => {
      const from = kept.filter(([, to]) => to === name).map(([f]) => place.get(f) ?? 0)
      return from.length ? from.reduce((a, b) => a + b, 0) / from.length : 0
    }
    list?.sort((a, b) => middle(a) - middle(b) || (a < b ? -1 : 1)).forEach((name, i) => place.set(name, i - (list.length - 1) / 2))
  }
  const tallest = Math.max(1, ...layers.map((l) => l?.length ?? 0))
  const height = (tallest - 1) * stepY + 2 * margin
  const spots = new Map<string, Spot>()
  for (const name of sorted) {
    const l = layer.get(name)!
    spots.set(name, { name, layer: l, x: margin + l * stepX, y: height / 2 + place.get(name)! * stepY })
  }
  return { spots, width: 2 * margin + (Math.max(1, layers.length) - 1) * stepX, height }
}
