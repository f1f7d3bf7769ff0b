// The metrics summary: every metric that reported in the range.
import { api } from '../api'
import { useData } from '../data'
import { useRange } from '../range'
import { link, setParams } from '../route'
import { Empty, Failure, LinkButton, Panel, SearchField } from '../parts/basics'
import { Page, type Tab } from '../parts/frame'
import { plural } from '../units'

export const metricTabs = (here: 'explorer' | 'summary'): Tab[] => [
  { href: '/metrics', label: 'Summary', here: here === 'summary' },
  { href: '/metrics/explorer', label: 'Explorer', here: here === 'explorer' },
]

const most = 500

export function MetricsSummary({ params }: { params: URLSearchParams }) {
  const range = useRange()
  const search = params.get('search') ?? ''
  const list = useData(`metrics ${Math.round(range.from / 60e3)} ${Math.round(range.to / 60e3)}`, () => api.metrics(range.from, range.to))
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = list.data?.filter((m) => words.every((w) => [m.name, m.description, m.type, m.unit].some((text) => text?.toLowerCase().includes(w))))
  return (
    <Page title="Metrics" tabs={metricTabs('summary')} time>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && (
        <Panel>
          <Empty title="No metric reported in this time range" action={<LinkButton kind="primary" href={link('/start')} label="See how to send data" />}>
            Every metric that arrives is listed here with its type, unit and tags.
          </Empty>
        </Panel>
      )}
      {found && list.data!.length > 0 && (
        <Panel
          flush
          loading={list.loading}
          title={<span>{plural(found.length, 'metric')}{words.length ? ` of ${list.data!.length}` : ''}</span>}
          actions={<SearchField value={search} label="Find a metric" onInput={(text) => setParams({ search: text || null }, true)} />}
        >
          <div class="scroll">
            <table>
              <thead><tr><th>Metric</th><th>Type</th><th>Unit</th><th class="figure">Interval</th><th>Description</th></tr></thead>
              <tbody>
                {found.slice(0, most).map((m) => (
                  <tr key={m.name}>
                    <td><a href={link(`/metrics/${encodeURIComponent(m.name)}`)}>{m.name}</a></td>
                    <td class="nowrap">{m.type || 'gauge'}</td>
                    <td class="nowrap">{[m.unit, m.per_unit].filter(Boolean).join('/') || <span class="muted">–</span>}</td>
                    <td class="figure">{m.interval ? `${m.interval} s` : <span class="muted">–</span>}</td>
                    <td class="muted">{m.description}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {found.length > most && <p class="note-line">+{found.length - most} more: search to find them</p>}
          {found.length === 0 && <Empty title={`No metric matches “${search}”`} />}
        </Panel>
      )}
    </Page>
  )
}
