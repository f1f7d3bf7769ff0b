// Events as a list, and as counts over time.
import { api } from '../api'
import type { EventItem } from '../model'
import { useData } from '../data'
import { Empty, Moment, Tags } from '../parts/basics'
import { setRange, useRange } from '../range'
import { link } from '../route'
import { showTime, type Range } from '../time'
import { plural } from '../units'
import { bars, countsOf, kinds, order, words } from './event-counts'
import type { Variables } from './definition'
import { filled } from './document'
import { WidgetPanel, type WidgetProps } from './widget-panel'

function useEvents(query: string | undefined, variables: Variables) {
  const range = useRange()
  // Datadog's older searches say tags: before what is a tag anyway.
  const q = filled(query ?? '', variables)
  const loaded = useData(`events ${range.from} ${range.to} ${q}`, () => api.events(range.from, range.to, q), 0, range.live ? ['events'] : [])
  return { loaded, q, range }
}

export function EventStream(props: WidgetProps) {
  const { definition: d, variables } = props
  const { loaded, q } = useEvents(d.query, variables)
  const large = d.event_size === 'l'
  return (
    <WidgetPanel {...props} loaded={loaded} flush title={q ? `Events: ${q}` : 'Events'} links={<a class="small" href={link('/events', { q })}>All</a>}>
      {loaded.data?.length === 0 && <Empty title="No events in this time range" />}
      <ul class="rows event-rows">{loaded.data?.slice(0, 100).map((e) => <EventRow key={e.id} event={e} large={large} />)}</ul>
    </WidgetPanel>
  )
}

function EventRow({ event: e, large }: { event: EventItem; large: boolean }) {
  return (
    <li class="top">
      <span class={`bullet ${kinds[e.alert_type] ?? 'nodata'}`} title={e.alert_type} />
      <div class="grow event">
        <p>{e.monitor_id ? <a href={link(`/monitors/${e.monitor_id}`)}>{e.title}</a> : <b>{e.title}</b>}<span class="muted"> {e.source_type_name}</span></p>
        {large && e.text && <p class="event-text">{e.text}</p>}
        {large && <Tags tags={e.tags} />}
      </div>
      <span class="muted nowrap"><Moment ms={e.time} ago /></span>
    </li>
  )
}

// short is a moment's time of day, where the range is no longer than one.
const short = (ms: number, { from, to }: Range) => (to - from <= 86400e3 ? showTime(ms).split(', ')[1] : showTime(ms).split(', ')[0])

export function EventTimeline(props: WidgetProps) {
  const { definition: d, variables } = props
  const { loaded, q, range } = useEvents(d.query, variables)
  const events = loaded.data ?? []
  const counts = countsOf(events, range)
  const most = Math.max(1, ...counts.map((c) => Object.values(c).reduce((a, b) => a + b, 0)))
  const length = (range.to - range.from) / bars
  const sums = countsOf(events, range, 1)[0]
  return (
    <WidgetPanel {...props} loaded={loaded} title={q ? `Events: ${q}` : 'Events'} links={<a class="small" href={link('/events', { q })}>All</a>}>
      {loaded.data?.length === 0 ? <Empty title="No events in this time range" /> : (
        <figure class="timeline" aria-label={`${plural(events.length, 'event')}: ${order.filter((k) => sums[k]).map((k) => `${sums[k]} ${words[k]}`).join(', ')}`}>
          <div class="timeline-bars">
            {counts.map((c, i) => {
              const n = Object.values(c).reduce((a, b) => a + b, 0)
              const from = range.from + i * length
              if (n === 0) return <span key={i} class="timeline-slot" />
              return (
                <button key={i} type="button" class="timeline-slot" title={`${plural(n, 'event')}, ${showTime(from)}`} aria-label={`${plural(n, 'event')} at ${showTime(from)}: zoom in`} onClick={() => setRange({ from, to: from + length, live: false })}>
                  {order.map((k) => c[k] && <span key={k} class={`timeline-part ${k}`} style={{ height: `${(c[k] / most) * 100}%` }} />)}
                </button>
              )
            })}
          </div>
          <figcaption><span>{short(range.from, range)}</span><span class="timeline-keys">{order.filter((k) => sums[k]).map((k) => <span key={k} class="timeline-key"><span class={`bullet ${k}`} />{sums[k]} {words[k]}</span>)}</span><span>{short(range.to, range)}</span></figcaption>
        </figure>
      )}
    </WidgetPanel>
  )
}
