import type { ComponentChildren } from 'preact'
import type { EventItem } from './api'
import { showTime } from './time'

const sign: Record<string, [string, string]> = { error: ['■', 'alert'], warning: ['▲', 'warn'], success: ['●', 'ok'], info: ['●', 'nodata'] }

export function EventList(props: { events: EventItem[]; extra?: (e: EventItem) => ComponentChildren }) {
  return (
    <ul class="events">
      {props.events.map((e) => {
        const [mark, kind] = sign[e.alert_type] ?? sign.info
        return (
          <li key={e.id}>
            <i class={kind} title={e.alert_type} aria-label={e.alert_type}>{mark}</i>
            <div>
              <b>{e.monitor_id ? <a href={`/monitors/${e.monitor_id}`}>{e.title}</a> : e.title}</b>
              <small>{showTime(e.time, true)}{e.host ? ` · ${e.host}` : ''}{e.source_type_name ? ` · ${e.source_type_name}` : ''}</small>
              {e.text && <p>{e.text.replace(/%%%/g, '').trim().slice(0, 600)}</p>}
              {props.extra?.(e)}
            </div>
          </li>
        )
      })}
    </ul>
  )
}
