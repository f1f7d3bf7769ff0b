// The events of the time range, with search.
import { api } from '../api'
import { now } from '../clock'
import { useData } from '../data'
import { useRange } from '../range'
import { link, setParams } from '../route'
import { Empty, Failure, Moment, Panel, SearchField, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { plural } from '../units'

const kinds: Record<string, string> = { error: 'alert', warning: 'warn', success: 'ok' }

export function Events({ params }: { params: URLSearchParams }) {
  const range = useRange()
  const q = params.get('q') ?? ''
  const list = useData(`events ${range.from} ${range.to} ${q}`, () => api.events(range.from, range.live ? now() : range.to, q), 0, range.live ? ['events'] : [])
  const pick = (tag: string) => setParams({ q: q.split(/\s+/).includes(tag) ? q : `${q} ${tag}`.trim() })
  return (
    <Page title="Events" time>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data && (
        <Panel flush loading={list.loading} title={plural(list.data.length, 'event')} actions={<SearchField value={q} label="Search, such as host:web-1 deploy" onInput={(text) => setParams({ q: text || null }, true)} />}>
          {list.data.length === 0 ? (
            <Empty title={q ? `No event matches “${q}” in this time range` : 'No events in this time range'}>
              {q ? 'Try fewer words, or a longer time range.' : 'Deployments, agent starts, state changes of monitors and what programs send as events are listed here. Choose a longer time range to see older ones.'}
            </Empty>
          ) : (
            <ul class="rows">
              {list.data.map((e) => (
                <li key={e.id} class="top">
                  <span class={`bullet ${kinds[e.alert_type] ?? 'nodata'}`} title={e.alert_type} />
                  <div class="grow event">
                    <p>
                      {e.monitor_id ? <a href={link(`/monitors/${e.monitor_id}`)}>{e.title}</a> : <b>{e.title}</b>}
                      <span class="muted"> {[e.source_type_name, e.alert_type !== 'info' && e.alert_type].filter(Boolean).join(' · ')}</span>
                    </p>
                    {e.text && <p class="event-text">{e.text}</p>}
                    <Tags tags={[...(e.host ? [`host:${e.host}`] : []), ...(e.tags ?? []).filter((t) => t !== `host:${e.host}`)]} onPick={pick} />
                  </div>
                  <span class="muted nowrap"><Moment ms={e.time} /></span>
                </li>
              ))}
            </ul>
          )}
        </Panel>
      )}
    </Page>
  )
}
