// The events of the time range: when, what they have in common, and each of them.
import { api } from '../api'
import type { EventCounts, EventItem } from '../model'
import { now } from '../clock'
import { useData } from '../data'
import { setRange, useRange } from '../range'
import { link, setParams } from '../route'
import { asks, term, toggled } from '../search-text'
import { Button, Empty, Failure, Moment, Panel, SearchField, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { showDuration, showTime } from '../time'
import { plural } from '../units'

const kinds: Record<string, string> = { error: 'alert', warning: 'warn', success: 'ok' }
const signs: Record<string, string> = { error: '✕', warning: '!', success: '✓' }

export function Events({ params }: { params: URLSearchParams }) {
  const range = useRange()
  const q = params.get('q') ?? ''
  const key = `${range.from} ${range.to} ${q}`
  const topics = range.live ? (['events'] as const) : []
  const list = useData(`events ${key}`, () => api.events(range.from, range.live ? now() : range.to, q), 0, [...topics])
  const counts = useData(`counts ${key}`, () => api.eventCounts(range.from, range.live ? now() : range.to, q), 0, [...topics])
  const toggle = (word: string) => setParams({ q: toggled(q, word) || null })
  const laid = params.get('overlay') === (q || '*')
  return (
    <Page title="Events" time>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data && (
        <div class="explorer-columns">
          <Facets counts={counts.data} q={q} toggle={toggle} />
          <div class="spaced">
            <Panel
              flush
              loading={counts.loading}
              title={counts.data ? `${counts.data.partial ? 'More than ' : ''}${plural(counts.data.total, 'event')}` : 'Events'}
              actions={<SearchField value={q} label="Search events" onInput={(text) => setParams({ q: text || null }, true)} />}
            >
              {list.error && list.data && <Failure error={list.error} />}
              {counts.data && counts.data.total > 0 && <Histogram counts={counts.data} />}
              {list.data.length > 0 && (
                <p class="note-line">
                  <Button kind="quiet" icon="metrics" label={laid ? 'Take off the graphs' : 'Lay over all graphs'} pressed={laid} onClick={() => setParams({ overlay: laid ? null : q || '*' })} />
                  {laid && <> They are ticks on top of every graph that you go to: on <a href={link('/dashboards')}>dashboards</a>, in the <a href={link('/metrics/explorer')}>explorer</a>.</>}
                </p>
              )}
            </Panel>
            <Panel flush loading={list.loading} label="Events">
              {list.data.length === 0 ? (
                <Empty title={q ? `No event matches “${q}” in this time range` : 'No events in this time range'}>
                  {q ? 'Try fewer words, or a longer time range.' : 'Deployments, agent starts, state changes of monitors and what programs send as events are listed here. Choose a longer time range to see older ones.'}
                </Empty>
              ) : (
                <List events={list.data} toggle={toggle} />
              )}
              {counts.data && counts.data.total > list.data.length && list.data.length > 0 && <p class="note-line">The newest {list.data.length} are listed: choose a shorter time, or search.</p>}
            </Panel>
          </div>
        </div>
      )}
    </Page>
  )
}

function List({ events, toggle }: { events: EventItem[]; toggle: (word: string) => void }) {
  return (
    <ul class="rows">
      {events.map((e) => (
        <li key={e.id} class="top">
          <span class={`event-sign ${kinds[e.alert_type] ?? 'nodata'}`} title={e.alert_type}><span aria-hidden="true">{signs[e.alert_type] ?? 'i'}</span><span class="visually-hidden">{e.alert_type}</span></span>
          <div class="grow event">
            <p>
              {e.monitor_id ? <a href={link(`/monitors/${e.monitor_id}`)}>{e.title}</a> : <b>{e.title}</b>}
              <span class="muted"> {[e.source_type_name, e.alert_type !== 'info' && e.alert_type].filter(Boolean).join(' · ')}</span>
            </p>
            {e.text && <p class="event-text">{e.text}</p>}
            <Tags tags={[...(e.host ? [`host:${e.host}`] : []), ...(e.tags ?? []).filter((t) => t !== `host:${e.host}`)]} onPick={toggle} />
          </div>
          <span class="muted nowrap"><Moment ms={e.time} /></span>
        </li>
      ))}
    </ul>
  )
}

// Facets are what the events have in common; a click asks for it, or no longer.
function Facets({ counts, q, toggle }: { counts?: EventCounts; q: string; toggle: (word: string) => void }) {
  return (
    <details class="facets" open={innerWidth > 900}>
      <summary>Narrow the search</summary>
      {counts?.facets.map((f) => (
        <details key={f.key} open={f.values.length > 1 || f.values.some((v) => asks(q, term(f.key, v.value)))}>
          <summary>{f.key} <span class="muted">{f.total}</span></summary>
          <ul>
            {f.values.map((v) => {
              const word = term(f.key, v.value)
              return (
                <li key={v.value}>
                  <button type="button" aria-pressed={asks(q, word)} title={word} onClick={() => toggle(word)}>
                    <span>{v.value}</span>
                    <span class="muted">{v.count.toLocaleString('en')}</span>
                  </button>
                </li>
              )
            })}
            {f.total > f.values.length && <li class="muted small">+{f.total - f.values.length} more: search for them</li>}
          </ul>
        </details>
      ))}
    </details>
  )
}

const height = 64
const order = ['info', 'success', 'warning', 'error'] as const

function Histogram({ counts }: { counts: EventCounts }) {
  const { bars, step } = counts
  const most = Math.max(1, ...bars.map((b) => b.info + b.success + b.warning + b.error))
  const busiest = bars.reduce((a, b) => (b.info + b.success + b.warning + b.error > a.info + a.success + a.warning + a.error ? b : a))
  return (
    <figure class="event-bars">
      <svg viewBox={`0 0 ${bars.length * 10} ${height}`} preserveAspectRatio="none" role="img" aria-label={`Events over time, ${showDuration(step)} each: at most ${most}, at ${showTime(busiest.at)}`}>
        {bars.map((b) => {
          let y = height
          return (
            <g key={b.at} onClick={() => setRange({ from: b.at, to: b.at + step, live: false })}>
              <title>{`${showTime(b.at, true)}: ${order.filter((k) => b[k]).map((k) => `${b[k]} ${k}`).join(', ') || 'none'}`}</title>
              <rect class="hit" x={((b.at - bars[0].at) / step) * 10} y={0} width={10} height={height} />
              {order.map((k) => {
                const h = (b[k] / most) * (height - 4)
                y -= h
                return b[k] > 0 && <rect key={k} class={kinds[k] ?? 'info'} x={((b.at - bars[0].at) / step) * 10 + 0.5} y={y} width={9} height={h} />
              })}
            </g>
          )
        })}
      </svg>
      <figcaption><span>{showTime(bars[0].at)}</span><span>{showTime(bars[bars.length - 1].at + step)}</span></figcaption>
    </figure>
  )
}
