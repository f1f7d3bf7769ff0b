// The spans of a trace as a tree, and where each stands in its flame graph.
import type { Span } from '../model'

export interface Node {
  span: Span
  depth: number // of the tree
  row: number // of the flame graph
  parent: Node | null
  children: Node[]
  order: number // in the list, top down
}

export interface Tree {
  nodes: Node[] // top down, as in the list
  rows: number
  start: number // ms
  end: number
  byId: Map<string, Node>
}

// treeOf puts spans below their parents. A span whose parent is not there, and
// the first of a circle, stand at the top. Spans that would overlap in a row go
// further down.
export function treeOf(spans: Span[]): Tree {
  const sorted = [...spans].sort((a, b) => a.start - b.start || b.duration - a.duration)
  const byId = new Map<string, Node>()
  for (const span of sorted) byId.set(span.span_id, { span, depth: 0, row: 0, parent: null, children: [], order: 0 })
  const tops: Node[] = []
  for (const node of byId.values()) {
    const parent = byId.get(node.span.parent_id)
    if (parent && parent !== node) {
      node.parent = parent
      parent.children.push(node)
    } else tops.push(node)
  }
  const nodes: Node[] = []
  const seen = new Set<Node>()
  const ends: number[] = [] // of each row: where its last span ends
  const place = (top: Node) => {
    const open = [top]
    for (let node = open.pop(); node; node = open.pop()) {
      if (seen.has(node)) continue
      seen.add(node)
      const under = node.parent && seen.has(node.parent) ? node.parent : null
      if (!under) node.parent = null
      node.depth = under ? under.depth + 1 : 0
      node.order = nodes.length
      nodes.push(node)
      for (let i = node.children.length - 1; i >= 0; i--) open.push(node.children[i])
    }
  }
  for (const top of tops) place(top)
  for (const node of byId.values()) place(node) // what is left hangs in circles
  for (const node of nodes) {
    let row = node.parent ? node.parent.row + 1 : 0
    while ((ends[row] ?? -Infinity) > node.span.start) row++
    node.row = row
    ends[row] = node.span.start + node.span.duration
  }
  return {
    nodes, byId, rows: ends.length,
    start: Math.min(...tops.map((n) => n.span.start), ...sorted.slice(0, 1).map((s) => s.start)),
    end: sorted.reduce((end, s) => Math.max(end, s.start + s.duration), -Infinity),
  }
}

// selfTime is what of a span's time is not in its children, in ms.
export function selfTime(node: Node): number {
  const { start, duration } = node.span
  const end = start + duration
  let covered = 0
  let at = start
  for (const child of [...node.children].sort((a, b) => a.span.start - b.span.start)) {
    const from = Math.max(at, child.span.start)
    const to = Math.min(end, child.span.start + child.span.duration)
    if (to > from) {
      covered += to - from
      at = to
    }
  }
  return Math.max(0, duration - covered)
}

// matches reports whether a span has a text anywhere.
export function matches(span: Span, text: string): boolean {
  const want = text.toLowerCase()
  return [span.service, span.resource, span.name, span.type, span.span_id, ...Object.values(span.tags)].some((v) => String(v).toLowerCase().includes(want))
}
