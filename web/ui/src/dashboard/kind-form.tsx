// What a widget is about beside requests of queries and formulas, and how it is
// shown: a form for each type.
import { api } from '../api'
import { useData } from '../data'
import { Button, Field } from '../parts/basics'
import type { Definition, HostMapDefinition, Request } from './definition'
import { Choice, Figure, QueryField, Text, Tick } from './form-parts'

interface FormProps {
  definition: Definition
  set: (change: Partial<Definition>) => void
}

const sides: [string, string][] = [['left', 'left'], ['center', 'centre'], ['right', 'right']]
const scales: [string, string][] = [['linear', 'linear'], ['log', 'logarithmic'], ['sqrt', 'square root'], ['pow', 'squared']]
const words = (text: string) => text.split(/[\s,]+/).filter(Boolean)

// KindForm is the form of the definition's type; null where there is none.
export function KindForm(props: FormProps) {
  switch (props.definition.type) {
    case 'timeseries':
      return <TimeseriesForm {...props} />
    case 'query_value':
      return <QueryValueForm {...props} />
    case 'query_table':
    case 'table':
      return <div class="form"><Choice label="Search field" value={props.definition.has_search_bar ?? 'auto'} options={[['auto', 'with many rows'], ['always', 'always'], ['never', 'never']]} onChange={(has_search_bar) => props.set({ has_search_bar })} /></div>
    case 'change':
      return <ChangeForm {...props} />
    case 'heatmap':
    case 'distribution':
      return <SpreadForm {...props} />
    case 'hostmap':
      return <HostMapForm {...props} />
    case 'check_status':
      return <CheckForm {...props} />
    case 'manage_status':
      return <SummaryForm {...props} />
    case 'alert_graph':
    case 'alert_value':
      return <AlertForm {...props} />
    case 'event_stream':
    case 'event_timeline':
      return (
        <div class="form">
          <Text wide label="Search" value={props.definition.query} placeholder="source:deployer service:shop" onInput={(query) => props.set({ query })} />
          {props.definition.type === 'event_stream' && <Choice label="Shown" value={props.definition.event_size ?? 's'} options={[['s', 'titles'], ['l', 'titles and texts']]} onChange={(event_size) => props.set({ event_size })} />}
        </div>
      )
    case 'trace_service':
    case 'topology_map':
      return <ServiceForm {...props} />
    case 'note':
      return <NoteForm {...props} />
    case 'free_text':
      return (
        <div class="form">
          <Text wide label="Text" value={props.definition.text} onInput={(text) => props.set({ text })} />
          <Text label="Size, px" value={props.definition.font_size} placeholder="as large as fits" onInput={(font_size) => props.set({ font_size })} />
          <Text label="Colour" value={props.definition.color} placeholder="#e8743b" onInput={(color) => props.set({ color })} />
          <Choice label="Aligned" value={props.definition.text_align ?? 'left'} options={sides} onChange={(text_align) => props.set({ text_align })} />
        </div>
      )
    case 'image':
      return (
        <div class="form">
          <Text wide label="Address" value={props.definition.url} placeholder="https://example.com/plan.png" onInput={(url) => props.set({ url })} />
          <Text wide label="Address in the dark theme" value={props.definition.url_dark_theme} placeholder="the same" onInput={(url) => props.set({ url_dark_theme: url || undefined })} />
          <Choice label="Sized" value={props.definition.sizing ?? 'contain'} options={[['contain', 'all in sight'], ['cover', 'filling the widget'], ['fill', 'stretched'], ['none', 'as it is']]} onChange={(sizing) => props.set({ sizing })} />
        </div>
      )
    case 'iframe':
      return <div class="form"><Text wide label="Address" value={props.definition.url} placeholder="https://status.example.com" onInput={(url) => props.set({ url })} /></div>
  }
  return null
}

function AxisForm({ label, axis = {}, set }: { label: string; axis: Definition['yaxis']; set: (axis: Definition['yaxis']) => void }) {
  const end = (text: string | undefined) => (text === 'auto' ? '' : text)
  return (
    <>
      <Choice label={`${label}: scale`} value={axis.scale ?? 'linear'} options={scales} onChange={(scale) => set({ ...axis, scale })} />
      <Text label="From" value={end(axis.min)} placeholder="auto" onInput={(min) => set({ ...axis, min: min || 'auto' })} />
      <Text label="To" value={end(axis.max)} placeholder="auto" onInput={(max) => set({ ...axis, max: max || 'auto' })} />
      <Text label="Label" value={axis.label} onInput={(text) => set({ ...axis, label: text || undefined })} />
      <Field label="Zero"><Tick label="always in sight" value={axis.include_zero} onChange={(include_zero) => set({ ...axis, include_zero })} /></Field>
    </>
  )
}

const severities: [string, string][] = [['error dashed', 'red'], ['warning dashed', 'yellow'], ['ok dashed', 'green'], ['info dashed', 'grey']]

function MarkersForm({ definition: d, set }: FormProps) {
  const markers = d.markers ?? []
  const put = (i: number, change: object) => set({ markers: markers.map((m, k) => (k === i ? { ...m, ...change } : m)) })
  const axis = d.type === 'distribution' ? 'x' : 'y'
  return (
    <div class="formats">
      {markers.map((m, i) => (
        <span key={i} class="format">
          <input class="mini mono" aria-label="Where the line is" value={m.value} placeholder={`${axis} > 500`} onInput={(e) => put(i, { value: e.currentTarget.value })} />
          <input class="mini" aria-label="Label of the line" value={m.label ?? ''} placeholder="label" onInput={(e) => put(i, { label: e.currentTarget.value || undefined })} />
          <select class="mini" aria-label="Colour of the line" value={m.display_type} onChange={(e) => put(i, { display_type: e.currentTarget.value })}>
            {!severities.some(([v]) => v === m.display_type) && <option value={m.display_type}>{m.display_type}</option>}
            {severities.map(([v, name]) => <option key={v} value={v}>{name}</option>)}
          </select>
          <Button bare kind="quiet" icon="remove" label="Remove line" onClick={() => set({ markers: markers.filter((_, k) => k !== i) })} />
        </span>
      ))}
      <button type="button" class="link small" onClick={() => set({ markers: [...markers, { value: `${axis} > 0`, display_type: 'error dashed' }] })}>Line at a value…</button>
    </div>
  )
}

const legends = [['', 'none'], ['horizontal', 'names'], ['vertical', 'figures']]
const columns = [['avg', 'avg'], ['min', 'min'], ['max', 'max'], ['value', 'last'], ['sum', 'sum']]

function TimeseriesForm({ definition: d, set }: FormProps) {
  const shown = d.legend_columns ?? columns.map(([c]) => c)
  const legend = !d.show_legend ? '' : d.legend_layout === 'horizontal' ? 'horizontal' : 'vertical'
  const right = d.requests?.some((r) => r.on_right_yaxis)
  const monitors = useData('monitors of the editor', api.monitors)
  return (
    <>
      <MarkersForm definition={d} set={set} />
      <div class="form quarter-fields">
        <AxisForm label="Left axis" axis={d.yaxis} set={(yaxis) => set({ yaxis })} />
        {right && <AxisForm label="Right axis" axis={d.right_yaxis} set={(right_yaxis) => set({ right_yaxis })} />}
        <Text wide label="Events over it" hint="A search; each event is a tick on top" value={d.events?.[0]?.q} placeholder="source:deployer" onInput={(q) => set({ events: q ? [{ ...d.events?.[0], q }, ...(d.events ?? []).slice(1)] : undefined })} />
        <Field label="States of a monitor under it" wide>
          <select value={d.monitors?.[0] ?? ''} onChange={(e) => set({ monitors: e.currentTarget.value ? [Number(e.currentTarget.value)] : undefined })}>
            <option value="">none</option>
            {monitors.data?.map((m) => <option key={m.id} value={m.id}>{m.name}</option>)}
          </select>
        </Field>
      </div>
      <div class="actions">
        <span class="muted">Legend</span>
        <div class="segments" role="group" aria-label="Legend">
          {legends.map(([layout, name]) => <button key={layout} type="button" aria-pressed={legend === layout} onClick={() => set(layout ? { show_legend: true, legend_layout: layout } : { show_legend: false })}>{name}</button>)}
        </div>
        {legend === 'vertical' && columns.map(([c, name]) => <Tick key={c} label={name} value={shown.includes(c)} onChange={(on) => set({ legend_columns: columns.map(([k]) => k).filter((k) => (k === c ? on : shown.includes(k))) })} />)}
      </div>
    </>
  )
}

function QueryValueForm({ definition: d, set }: FormProps) {
  return (
    <div class="form quarter-fields">
      <Figure label="Decimals" value={d.precision} onInput={(precision) => set({ precision })} />
      <Text label="Unit" hint="In the place of the metric's" value={d.custom_unit} onInput={(unit) => set({ custom_unit: unit || undefined })} />
      <Choice label="Aligned" value={d.text_align ?? 'center'} options={sides} onChange={(text_align) => set({ text_align })} />
      <Choice label="Behind it" value={d.timeseries_background?.type ?? ''} options={[['', 'nothing'], ['area', 'how it went'], ['bars', 'how it went, as bars']]} onChange={(type) => set({ timeseries_background: type ? { ...d.timeseries_background, type } : undefined })} />
      <Field label="Large figures"><Tick label="as 1.5 k, 2 GiB" value={d.autoscale ?? true} onChange={(autoscale) => set({ autoscale })} /></Field>
    </div>
  )
}

// QueryForm is one query of the first request, in the older form.
function FirstQuery({ definition: d, set, value }: FormProps & { value?: string }) {
  const r: Request = d.requests?.[0] ?? {}
  const single = r.query as { query?: string } | undefined
  const text = value ?? r.q ?? single?.query ?? r.queries?.[0]?.query ?? ''
  const put = (query: string) => {
    if (typeof single?.query === 'string') return set({ requests: [{ ...r, query: { ...single, query } }] })
    const { queries: _, formulas: __, ...rest } = r
    set({ requests: [{ ...rest, q: query }] })
  }
  return <QueryField label="Query" value={text} onCommit={put} />
}

function ChangeForm(props: FormProps) {
  const { definition: d, set } = props
  const r: Request = d.requests?.[0] ?? {}
  const put = (change: Partial<Request>) => set({ requests: [{ ...r, ...change }] })
  return (
    <>
      <FirstQuery {...props} />
      <div class="form">
        <Choice label="Against" value={r.compare_to ?? 'hour_before'} options={[['hour_before', 'an hour before'], ['day_before', 'a day before'], ['week_before', 'a week before'], ['month_before', 'four weeks before']]} onChange={(compare_to) => put({ compare_to })} />
        <Choice label="As" value={r.change_type ?? 'absolute'} options={[['absolute', 'a difference'], ['relative', 'a percentage']]} onChange={(change_type) => put({ change_type })} />
        <Choice label="An increase is" value={r.increase_good ? 'good' : 'bad'} options={[['good', 'good'], ['bad', 'bad']]} onChange={(v) => put({ increase_good: v === 'good' })} />
        <Choice label="Sorted by" value={r.order_by ?? 'change'} options={[['change', 'change'], ['name', 'name'], ['present', 'value now'], ['past', 'value then']]} onChange={(order_by) => put({ order_by })} />
        <Choice label="From" value={r.order_dir ?? 'desc'} options={[['desc', 'the largest'], ['asc', 'the smallest']]} onChange={(order_dir) => put({ order_dir })} />
        <Field label="Now"><Tick label="shown too" value={r.show_present} onChange={(show_present) => put({ show_present })} /></Field>
      </div>
    </>
  )
}

function SpreadForm(props: FormProps) {
  const { definition: d, set } = props
  const axis = d.type === 'heatmap' ? 'yaxis' : 'xaxis'
  return (
    <>
      <FirstQuery {...props} />
      <div class="form quarter-fields">
        <Choice label="Scale" value={d[axis]?.scale ?? 'linear'} options={scales.slice(0, 2)} onChange={(scale) => set({ [axis]: { ...d[axis], scale } })} />
        {d.type === 'distribution' && <Figure label="Bars" value={d.xaxis?.num_buckets} onInput={(n) => set({ xaxis: { ...d.xaxis, num_buckets: n } })} />}
        <Field label="Figures"><Tick label="average, percentiles, count" value={d.show_legend} onChange={(show_legend) => set({ show_legend })} /></Field>
      </div>
      {d.type === 'distribution' && <MarkersForm definition={d} set={set} />}
    </>
  )
}

const ramps: [string, string][] = [['', 'blues'], ['green_to_orange', 'green to orange'], ['YlOrRd', 'yellow to red'], ['yellow_to_green', 'yellow to green'], ['Greens', 'greens'], ['Purples', 'purples'], ['Reds', 'reds']]

function HostMapForm({ definition, set }: FormProps) {
  const d = definition as unknown as HostMapDefinition
  const change = (next: HostMapDefinition) => set(next as never)
  const textOf = (r: Request | undefined) => r?.q ?? r?.queries?.[0]?.query ?? ''
  const request = (field: 'fill' | 'size', q: string) => {
    const { [field]: _, ...others } = d.requests ?? {}
    change({ requests: q.trim() ? { ...others, [field]: { q } } : others })
  }
  return (
    <>
      <Field label="Coloured by" wide><QueryField label="Coloured by" value={textOf(d.requests?.fill)} onCommit={(q) => request('fill', q)} /></Field>
      <Field label="Sized by" wide><QueryField label="Sized by" value={textOf(d.requests?.size)} onCommit={(q) => request('size', q)} /></Field>
      <div class="form">
        <Text label="Grouped by" hint="Up to two tag keys" value={d.group?.join(', ')} placeholder="env" onInput={(text) => change({ group: words(text) })} />
        <Text label="Only hosts with" value={d.scope?.join(', ')} placeholder="env:prod" onInput={(text) => change({ scope: words(text) })} />
        <Choice label="Colours" value={d.style?.palette ?? ''} options={ramps} onChange={(palette) => change({ style: { ...d.style, palette: palette || undefined } })} />
        <Field label="Hosts without a value"><Tick label="shown too" value={d.no_metric_hosts ?? true} onChange={(on) => change({ no_metric_hosts: on })} /></Field>
      </div>
    </>
  )
}

function CheckForm({ definition: d, set }: FormProps) {
  const checks = useData('checks', api.checks)
  return (
    <div class="form">
      <Text label="Check" value={d.check} list={[...new Set(checks.data?.map((c) => c.check))]} placeholder="postgres.can_connect" onInput={(check) => set({ check })} />
      <Choice label="Shown" value={d.grouping ?? 'cluster'} options={[['cluster', 'how many are in which state'], ['check', 'the worst run']]} onChange={(grouping) => set({ grouping })} />
      <Text label="Only with tags" value={d.tags?.join(', ')} placeholder="env:prod" onInput={(text) => set({ tags: words(text) })} />
      {d.grouping !== 'check' && <Text label="Counted by" value={d.group_by?.join(', ')} placeholder="each run" onInput={(text) => set({ group_by: words(text) })} />}
    </div>
  )
}

function SummaryForm({ definition: d, set }: FormProps) {
  return (
    <div class="form">
      <Text wide label="Search" value={d.query} placeholder="type:metric tag:team:shop" onInput={(query) => set({ query })} />
      <Choice label="Of" value={d.summary_type ?? 'monitors'} options={[['monitors', 'monitors'], ['groups', 'their groups']]} onChange={(summary_type) => set({ summary_type })} />
      <Choice label="Shown" value={d.display_format ?? 'countsAndList'} options={[['countsAndList', 'counts and a list'], ['counts', 'counts'], ['list', 'a list']]} onChange={(display_format) => set({ display_format })} />
      <Choice label="Sorted by" value={d.sort ?? 'status,asc'} options={[['status,asc', 'state, the worst first'], ['name,asc', 'name'], ['triggered,desc', 'when last triggered']]} onChange={(sort) => set({ sort })} />
      <Field label="States" wide>
        <span class="actions">
          <Tick label="only those that occur" value={d.hide_zero_counts} onChange={(hide_zero_counts) => set({ hide_zero_counts })} />
          <Tick label="when last triggered" value={d.show_last_triggered} onChange={(show_last_triggered) => set({ show_last_triggered })} />
          <Tick label="priority" value={d.show_priority} onChange={(show_priority) => set({ show_priority })} />
        </span>
      </Field>
    </div>
  )
}

function AlertForm({ definition: d, set }: FormProps) {
  const monitors = useData('monitors of the editor', api.monitors)
  return (
    <div class="form">
      <Field label="Monitor" wide>
        <select value={d.alert_id ?? ''} onChange={(e) => set({ alert_id: e.currentTarget.value })}>
          <option value="">choose one</option>
          {d.alert_id && !monitors.data?.some((m) => String(m.id) === d.alert_id) && <option value={d.alert_id}>{d.alert_id}</option>}
          {monitors.data?.map((m) => <option key={m.id} value={String(m.id)}>{m.name}</option>)}
        </select>
      </Field>
      {d.type === 'alert_graph' && <Choice label="As" value={d.viz_type ?? 'timeseries'} options={[['timeseries', 'lines'], ['toplist', 'a top list']]} onChange={(viz_type) => set({ viz_type })} />}
      {d.type === 'alert_value' && (
        <>
          <Figure label="Decimals" value={d.precision} onInput={(precision) => set({ precision })} />
          <Text label="Unit" value={d.unit === 'auto' ? '' : d.unit} placeholder="none" onInput={(unit) => set({ unit: unit || 'auto' })} />
          <Choice label="Aligned" value={d.text_align ?? 'center'} options={sides} onChange={(text_align) => set({ text_align })} />
        </>
      )}
    </div>
  )
}

function ServiceForm({ definition: d, set }: FormProps) {
  const to = Math.round(Date.now() / 60e3) * 60e3
  const services = useData('services of the editor', () => api.services(to - 3600e3, to, ''))
  const names = services.data?.services.map((s) => s.name)
  if (d.type === 'topology_map') {
    const r: Request = d.requests?.[0] ?? {}
    return <div class="form"><Text label="Service" hint="Empty: all of them" value={r.query?.service} list={names} onInput={(service) => set({ requests: [{ ...r, query: { filters: ['env:*'], ...r.query, service } }] })} /></div>
  }
  return (
    <div class="form">
      <Text label="Service" value={d.service} list={names} onInput={(service) => set({ service })} />
      <Text label="Environment" value={d.env} onInput={(env) => set({ env })} />
      <Field label="With" wide>
        <span class="actions">
          <Tick label="requests" value={d.show_hits ?? true} onChange={(show_hits) => set({ show_hits })} />
          <Tick label="errors" value={d.show_errors ?? true} onChange={(show_errors) => set({ show_errors })} />
          <Tick label="latency" value={d.show_latency ?? true} onChange={(show_latency) => set({ show_latency })} />
          <Tick label="resources" value={d.show_resource_list} onChange={(show_resource_list) => set({ show_resource_list })} />
        </span>
      </Field>
    </div>
  )
}

const grounds: [string, string][] = [['white', 'none'], ['yellow', 'yellow'], ['blue', 'blue'], ['green', 'green'], ['pink', 'red'], ['gray', 'grey'], ['purple', 'purple']]

function NoteForm({ definition: d, set }: FormProps) {
  return (
    <div class="form">
      <Field label="Text, in Markdown" wide><textarea rows={7} value={d.content ?? ''} onInput={(e) => set({ content: e.currentTarget.value })} /></Field>
      <Choice label="Background" value={d.background_color ?? 'white'} options={grounds} onChange={(background_color) => set({ background_color })} />
      <Choice label="Size" value={d.font_size ?? '14'} options={['12', '14', '16', '18', '24', '36'].map((s) => [s, s])} onChange={(font_size) => set({ font_size })} />
      <Choice label="Aligned" value={d.text_align ?? 'left'} options={sides} onChange={(text_align) => set({ text_align })} />
      <Choice label="Placed" value={d.vertical_align ?? 'top'} options={[['top', 'at the top'], ['center', 'in the middle'], ['bottom', 'at the bottom']]} onChange={(vertical_align) => set({ vertical_align })} />
      <Choice label="Points to" value={d.show_tick ? (d.tick_edge ?? 'left') : ''} options={[['', 'nothing'], ['left', 'the left'], ['right', 'the right'], ['top', 'the top'], ['bottom', 'the bottom']]} onChange={(edge) => set(edge ? { show_tick: true, tick_edge: edge, tick_pos: d.tick_pos ?? '50%' } : { show_tick: false })} />
    </div>
  )
}
