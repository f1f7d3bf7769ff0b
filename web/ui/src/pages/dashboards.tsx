import { useState } from 'preact/hooks'
import { api, type ApiError } from '../api'
import { Page } from '../app'
import { useData } from '../hooks'
import { Empty, Failure, Panel } from '../parts'
import { go, setParams, useRoute } from '../route'
import { showTime } from '../time'

export function DashboardsPage() {
  const { params } = useRoute()
  const search = params.get('search') ?? ''
  const loaded = useData(() => api.dashboards(), [])
  const [problem, setProblem] = useState<ApiError>()
  const found = (loaded.data ?? []).filter((d) => d.title.toLowerCase().includes(search.toLowerCase()))
  const create = () => api.saveDashboard({ title: 'New dashboard', layout_type: 'ordered', widgets: [] }).then((d) => go(`${d.url}?edit=true`), setProblem)
  return (
    <Page title="Dashboards" bar={<button class="primary" onClick={create}>New dashboard</button>}>
      <Panel>
        <input data-search type="search" placeholder="Search dashboards" aria-label="Search dashboards" value={search} onInput={(e) => setParams({ search: e.currentTarget.value || null }, true)} />
        <Failure error={loaded.error ?? problem} />
        {loaded.data && found.length === 0 ? <Empty><p>{search ? 'No dashboard of that name.' : 'Dashboards that you make here or through the API are listed here.'}</p></Empty> : (
          <table class="list">
            <thead><tr><th>Title</th><th>Description</th><th>Changed</th></tr></thead>
            <tbody>{found.map((d) => <tr><td><a href={d.url}>{d.title}</a></td><td>{d.description}</td><td>{d.modified_at && showTime(Date.parse(d.modified_at))}</td></tr>)}</tbody>
          </table>
        )}
      </Panel>
    </Page>
  )
}
