// The spans of a trace as an indented list. Only the rows in sight are made.
import { useEffect, useRef, useState } from 'preact/hooks'
import { millis } from './parts'
import type { Node, Tree } from './tree'

const rowHeight = 28
const inSight = 20

export function SpanList({ tree, painted, chosen, search, onChoose }: {
  tree: Tree
  painted: Map<string, string>
  chosen: Node | null
  search: Set<Node> | null
  onChoose: (node: Node) => void
}) {
  const [top, setTop] = useState(0)
  const box = useRef<HTMLDivElement>(null)
  const whole = Math.max(tree.end - tree.start, 1e-9)
  const shown = search ? tree.nodes.filter((n) => search.has(n)) : tree.nodes
  const height = Math.min(shown.length, inSight) * rowHeight
  const first = Math.max(0, Math.floor(top / rowHeight) - 5)
  useEffect(() => {
    const at = chosen ? shown.indexOf(chosen) * rowHeight : -1
    const list = box.current
    if (at < 0 || !list || (at >= list.scrollTop && at + rowHeight <= list.scrollTop + list.clientHeight)) return
    list.scrollTop = at - list.clientHeight / 2
  }, [chosen, shown.length])
  return (
    <div class="span-list" ref={box} style={{ height: `${height}px` }} onScroll={(e) => setTop(e.currentTarget.scrollTop)} role="tree" aria-label="Spans">
      <div style={{ height: `${shown.length * rowHeight}px` }}>
        {shown.slice(first, first + inSight + 10).map((node, i) => {
          const { span } = node
          return (
            <button
              key={span.span_id}
              type="button"
              role="treeitem"
              aria-level={node.depth + 1}
              aria-selected={node === chosen}
              class={`span-row ${node === chosen ? 'here' : ''}`}
              style={{ top: `${(first + i) * rowHeight}px` }}
              onClick={() => onChoose(node)}
            >
              <span class="span-what" style={{ paddingLeft: `${Math.min(node.depth, 30) * 12}px` }}>
                <span class="swatch" style={{ background: painted.get(span.service) }} />
                <b>{span.service}</b> {span.resource} <span class="muted">{span.name}</span>
              </span>
              {span.error && <span class="share alert">✕</span>}
              <span class="span-time">{millis(span.duration)}</span>
              <span class="span-bar"><span style={{ left: `${(100 * (span.start - tree.start)) / whole}%`, width: `${Math.max(0.4, (100 * span.duration) / whole)}%`, background: painted.get(span.service) }} /></span>
            </button>
          )
        })}
      </div>
    </div>
  )
}
