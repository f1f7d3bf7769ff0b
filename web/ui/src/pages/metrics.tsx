import { api } from '../api'
import { Page } from '../app'
import { useData, useRange } from '../hooks'
import { Empty, Failure, Panel, TimeControl } from '../parts'
import { setParams, useRoute } from '../route'

// The agents' own metrics are many; they show when asked for.
const internal = (name: string) => name.startsWith('datadog.')

export function MetricsPage() {
  const control = useRange()
  const { range } = control
  const { params } = useRoute()
  const search = params.get('search') ?? ''
  const loaded = useData(() => api.metrics(range.from, range.to), [range.from, range.to])
  const words = search.toLowerCase().split(/\s+/)
  const found = (loaded.data ?? []).filter((m) => words.every((w) => m.name.toLowerCase().includes(w)) && (search.startsWith('datadog') || !internal(m.name)))
  return (
    <Page title="Metrics" bar={<><a class="button" href="/metrics/explorer">Explorer</a><TimeControl control={control} /></>}>
      <Panel>
        <input data-search type="search" placeholder="Search metrics" aria-label="Search metrics" value={search} onInput={(e) => setParams({ search: e.currentTarget.value || null }, true)} />
        <Failure error={loaded.error} />
        {loaded.data && found.length === 0 ? <Empty><p>{search ? 'No metric of that name in this range.' : 'Metrics appear when their first sample arrives.'}</p></Empty> : (
          <table class="list">
            <thead><tr><th>Metric</th><th>Type</th><th>Unit</th><th>Interval</th><th>From</th></tr></thead>
            <tbody>
              {found.slice(0, 1000).map((m) => (
                <tr>
                  <td><a href={`/metrics/${encodeURIComponent(m.name)}`}>{m.name}</a></td>
                  <td>{m.type}</td>
                  <td>{m.unit}</td>
                  <td>{m.interval ? `${m.interval} s` : ''}</td>
                  <td>{m.integration}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {found.length > 1000 && <p class="notice">{found.length - 1000} more: narrow the search.</p>}
      </Panel>
    </Page>
  )
}
