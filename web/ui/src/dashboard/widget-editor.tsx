// The dialog that writes one widget, with the picture of it.
import { useState } from 'preact/hooks'
import type { Widget } from '../api'
import type { Style } from '../chart/lines'
import { Button, Dialog, Field } from '../parts/basics'
import { GraphView, useGraph } from '../parts/graph'
import { QueryBox } from '../query/query-box'
import { askedBy, newGraph } from './document'

const styles: [Style, string][] = [['line', 'Lines'], ['area', 'Areas'], ['bars', 'Bars']]

// A request in the form of queries and formulas stays in that form unless its
// query is changed.
export function WidgetEditor({ widget, onClose, onDone }: { widget?: Widget; onClose: () => void; onDone: (w: Widget) => void }) {
  const before = askedBy(widget?.definition.requests)
  const [title, setTitle] = useState(widget?.definition.title ?? '')
  const [queries, setQueries] = useState<string[]>(before.length ? before.map((a) => a.query) : [''])
  const [style, setStyle] = useState<Style>(before[0]?.style ?? 'line')
  const asked = queries.filter((q) => q.trim())
  const graph = useGraph(asked.map((query) => ({ query, style })))
  const done = () => {
    const fresh = newGraph(title.trim() || asked.join(', '), asked[0] ?? '', style)
    if (!widget) return onDone({ ...fresh, definition: { ...fresh.definition, requests: asked.map((q) => ({ q, display_type: style })) } })
    const same = asked.length === before.length && asked.every((q, i) => q === before[i].query)
    const requests = same ? widget.definition.requests!.map((r) => ({ ...r, display_type: style })) : asked.map((q) => ({ q, display_type: style }))
    onDone({ ...widget, definition: { ...widget.definition, title: title.trim(), requests } })
  }
  return (
    <Dialog title={widget ? 'Edit graph' : 'Add graph'} onClose={onClose}>
      <div class="spaced">
        <Field label="Title" wide><input value={title} placeholder={asked.join(', ')} onInput={(e) => setTitle(e.currentTarget.value)} /></Field>
        {queries.map((q, i) => (
          <div key={i} class="actions nowrap-row">
            <QueryBox value={q} lang="datadog" error={graph.error} onCommit={(text) => setQueries(queries.map((old, k) => (k === i ? text : old)))} />
            {queries.length > 1 && <Button bare kind="quiet" icon="remove" label="Remove query" onClick={() => setQueries(queries.filter((_, k) => k !== i))} />}
          </div>
        ))}
        <div class="actions">
          <Button icon="plus" kind="quiet" label="Another query" onClick={() => setQueries([...queries, ''])} />
          <div class="segments" role="group" aria-label="Drawn as">
            {styles.map(([s, name]) => <button key={s} type="button" aria-pressed={s === style} onClick={() => setStyle(s)}>{name}</button>)}
          </div>
        </div>
        {asked.length > 0 && <GraphView graph={graph} label="Preview" height={180} silent={graph.error?.offset !== undefined} />}
        <div class="actions end"><Button kind="primary" label={widget ? 'Done' : 'Add'} disabled={asked.length === 0} onClick={done} /></div>
      </div>
    </Dialog>
  )
}
