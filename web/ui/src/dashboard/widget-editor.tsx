// The dialog that writes one widget, with the picture of it.
import { useState } from 'preact/hooks'
import type { Widget } from '../model'
import { Button, Dialog, Field } from '../parts/basics'
import type { Definition, Request } from './definition'
import { asksMetricsQL, metricsQLTypes } from './document'
import { Choice, Text, Tick } from './form-parts'
import { KindForm } from './kind-form'
import { RequestForm } from './request-form'
import { WidgetView } from './widget'
import { kindOf, kinds } from './widget-kinds'

const spans = ['', '5m', '15m', '1h', '4h', '1d', '2d', '1w', '1mo', '3mo'].map((s): [string, string] => [s, s === '' ? "the page's" : `past ${s}`])
const untitled = ['note', 'free_text']
const texts = ['note', 'free_text', 'image', 'iframe']

// WidgetEditor edits the definition in place: fields that no form knows stay, and
// so does a request that nobody changes.
export function WidgetEditor({ widget, fill = (w) => w, onClose, onDone }: {
  widget?: Widget
  fill?: (w: Widget) => Widget // puts the values of template variables in, for the preview
  onClose: () => void
  onDone: (w: Widget) => void
}) {
  const [definition, setDefinition] = useState<Definition | null>((widget?.definition as Definition | undefined) ?? null)
  const [turn, setTurn] = useState(0) // of the forms: those of requests hold what they edit
  const set = (change: Partial<Definition>) => setDefinition((old) => ({ ...old!, ...change }))
  const choose = (type: string) => {
    const kind = kindOf(type)!
    const old = definition && kindOf(definition.type)
    // What was asked stays, where the next type asks in the same way.
    const asked = old && definition!.requests?.length && Array.isArray(definition!.requests) && (kind.requests || kind.query) && (old.requests || old.query) && (metricsQLTypes.includes(type) || !definition!.requests.some(asksMetricsQL))
    const fresh = kind.fresh()
    const title = definition?.title
    setDefinition({ ...(title ? { title } : {}), ...fresh, type, ...(asked ? { requests: carried(definition!.requests!, fresh.requests as Request[], Boolean(kind.many)) } : {}) })
    setTurn(turn + 1)
  }
  const title = widget ? 'Edit widget' : definition ? `Add: ${kindOf(definition.type)?.name ?? definition.type}` : 'Add a widget'
  if (!definition) {
    return (
      <div class="wide-dialog">
        <Dialog title={title} onClose={onClose}>
          <ul class="kinds">
            {kinds.map((k) => (
              <li key={k.type}><button type="button" onClick={() => choose(k.type)}><b>{k.name}</b><span class="muted small">{k.about}</span></button></li>
            ))}
          </ul>
        </Dialog>
      </div>
    )
  }
  const kind = kindOf(definition.type)
  const requests = Array.isArray(definition.requests) ? definition.requests : []
  const put = (i: number, r: Request | null) => set({ requests: r ? requests.map((old, k) => (k === i ? r : old)) : requests.filter((_, k) => k !== i) })
  const done = () => {
    const trimmed = { ...definition, ...(definition.title !== undefined ? { title: definition.title.trim() } : {}) }
    onDone({ ...widget, definition: trimmed })
  }
  const missing = missingIn(definition)
  return (
    <div class="wide-dialog">
      <Dialog title={title} onClose={onClose}>
        <div class="editor-columns">
          <div class="spaced editor-form">
            {kind && (
              <div class="form">
                <Choice label="Type" value={kind.type} options={kinds.filter((k) => k.type === kind.type || !widget || (Boolean(k.requests || k.query) && Boolean(kind.requests || kind.query))).map((k) => [k.type, k.name])} onChange={choose} />
                {!untitled.includes(definition.type) && <div class="field editor-title"><Text wide label="Title" value={definition.title} onInput={(text) => set({ title: text })} /></div>}
              </div>
            )}
            {!kind && <Text wide label="Title" value={definition.title} onInput={(text) => set({ title: text })} />}
            <div class="spaced" key={turn}>
              {kind?.requests && requests.map((r, i) => (
                <RequestForm key={`${i} ${requests.length}`} request={r} type={kind.type} format={kind.requests!} onChange={(next) => put(i, next)} onRemove={requests.length > 1 ? () => put(i, null) : undefined} />
              ))}
              {kind?.many && <Button icon="plus" kind="quiet" label="More, drawn another way" onClick={() => set({ requests: [...requests, { q: '', display_type: 'line' } as Request] })} />}
              <KindForm definition={definition} set={set} />
            </div>
            {!texts.includes(definition.type) && <Common definition={definition} set={set} />}
          </div>
          <div class="editor-preview">
            <p class="muted small">Preview</p>
            <div class="cell"><WidgetView widget={fill({ ...widget, definition })} variables={{}} tools={<></>} height={240} /></div>
          </div>
        </div>
        <div class="actions end">
          {missing && <span class="muted">{missing}</span>}
          {!widget && <Button label="Another type" kind="quiet" onClick={() => setDefinition(null)} />}
          <Button kind="primary" label={widget ? 'Done' : 'Add'} disabled={missing !== ''} onClick={done} />
        </div>
      </Dialog>
    </div>
  )
}

// carried are requests in a widget of another type: what they ask, with what the
// type adds.
function carried(requests: Request[], fresh: Request[] | undefined, many: boolean): Request[] {
  return requests.slice(0, many ? undefined : 1).map(({ q, queries, formulas, conditional_formats }) => ({
    ...fresh?.[0], ...(queries?.length ? { q: undefined } : {}),
    ...Object.fromEntries(Object.entries({ q, queries, formulas, conditional_formats }).filter(([, v]) => v !== undefined)),
  }))
}

// missingIn says what a widget still lacks; "" when it can be kept.
function missingIn(d: Definition): string {
  const asks = (r: Request) => Boolean(r.q?.trim() || r.queries?.some((q) => q.query?.trim() || q.data_source !== 'metrics') || r.query)
  switch (d.type) {
    case 'timeseries': case 'query_value': case 'toplist': case 'query_table': case 'change': case 'heatmap': case 'distribution':
      return (d.requests ?? []).some(asks) ? '' : 'Write a query first'
    case 'hostmap':
      return Object.keys(d.requests ?? {}).length && Object.values(d.requests as unknown as Record<string, Request>).some(asks) ? '' : 'Write a query first'
    case 'alert_graph': case 'alert_value':
      return d.alert_id ? '' : 'Choose a monitor first'
    case 'check_status':
      return d.check ? '' : 'Name a check first'
    case 'trace_service':
      return d.service ? '' : 'Name a service first'
    case 'note':
      return d.content?.trim() ? '' : 'Write something first'
    case 'free_text':
      return d.text?.trim() ? '' : 'Write something first'
    case 'image': case 'iframe':
      return d.url?.trim() ? '' : 'Give an address first'
  }
  return ''
}

// Common is what widgets of all types have beside a title.
function Common({ definition: d, set }: { definition: Definition; set: (change: Partial<Definition>) => void }) {
  const links = d.custom_links ?? []
  const put = (i: number, change: object) => set({ custom_links: links.map((l, k) => (k === i ? { ...l, ...change } : l)) })
  const fixed = d.time?.type === 'fixed' || (d.time?.type === 'live' && !d.time.live_span)
  return (
    <details>
      <summary class="muted">Time, title and links</summary>
      <div class="spaced details-body">
        <div class="form">
          {!fixed && <Choice label="Time range" value={d.time?.live_span ?? ''} options={spans} onChange={(span) => set({ time: span ? { live_span: span } : undefined })} />}
          <Choice label="Title" value={d.title_align ?? 'left'} options={[['left', 'left'], ['center', 'centre'], ['right', 'right']]} onChange={(title_align) => set({ title_align })} />
          <Choice label="Its size" value={d.title_size ?? ''} options={[['', 'usual'], ['16', '16'], ['20', '20'], ['24', '24']]} onChange={(size) => set({ title_size: size || undefined })} />
        </div>
        <Field label="Links" wide hint="{{host.value}} is the host of a row, {{timestamp_start}} where the range begins">
          <span class="formats">
            {links.map((l, i) => (
              <span key={i} class="format">
                <input class="mini" aria-label="Label of the link" value={l.label ?? ''} placeholder="Runbook" onInput={(e) => put(i, { label: e.currentTarget.value })} />
                <input class="mini" aria-label="Address of the link" value={l.link ?? ''} placeholder="https://" onInput={(e) => put(i, { link: e.currentTarget.value })} />
                <Tick label="shown" value={!l.is_hidden} onChange={(on) => put(i, { is_hidden: on ? undefined : true })} />
                <Button bare kind="quiet" icon="remove" label="Remove link" onClick={() => set({ custom_links: links.filter((_, k) => k !== i) })} />
              </span>
            ))}
            <button type="button" class="link small" onClick={() => set({ custom_links: [...links, { label: '', link: '' }] })}>Add link…</button>
          </span>
        </Field>
      </div>
    </details>
  )
}
