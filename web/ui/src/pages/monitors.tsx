import { api } from '../api'
import { Page } from '../app'
import { useData, useTick } from '../hooks'
import { Empty, Failure, Panel, State, Tags } from '../parts'
import { setParams, useRoute } from '../route'

const states = ['Alert', 'Warn', 'No Data', 'OK']

export function MonitorsPage() {
  const { params } = useRoute()
  const search = params.get('search') ?? ''
  const wanted = params.get('state')
  const tick = useTick(10e3)
  const loaded = useData(() => api.monitors(), [tick])
  const all = loaded.data ?? []
  const count = (s: string) => all.filter((m) => (m.overall_state || 'No Data') === s).length
  const found = all
    .filter((m) => (!wanted || (m.overall_state || 'No Data') === wanted) && (m.name + ' ' + m.query).toLowerCase().includes(search.toLowerCase()))
    .sort((a, b) => states.indexOf(a.overall_state || 'No Data') - states.indexOf(b.overall_state || 'No Data') || a.name.localeCompare(b.name))
  return (
    <Page title="Monitors" bar={<><a class="button" href="/downtimes">Downtimes</a><a class="button" href="/outbox">Outbox</a><a class="button primary" href="/monitors/new">New monitor</a></>}>
      <Panel>
        <div class="controls">
          <input data-search type="search" placeholder="Search monitors" aria-label="Search monitors" value={search} onInput={(e) => setParams({ search: e.currentTarget.value || null }, true)} />
          {states.map((s) => <button class={wanted === s ? 'chosen' : ''} aria-pressed={wanted === s} onClick={() => setParams({ state: wanted === s ? null : s })}><State state={s} /> {count(s)}</button>)}
        </div>
        <Failure error={loaded.error} />
        {loaded.data && found.length === 0 ? <Empty><p>{all.length ? 'No monitor matches.' : 'A monitor asks a question every minute and mails you when the answer is bad.'}</p>{all.length === 0 && <p><a class="button primary" href="/monitors/new">Make the first</a></p>}</Empty> : (
          <table class="list">
            <thead><tr><th>State</th><th>Monitor</th><th>Groups</th><th>Query</th><th>Tags</th></tr></thead>
            <tbody>
              {found.map((m) => {
                const groups = Object.values(m.state?.groups ?? {})
                const bad = groups.filter((g) => g.status !== 'OK').length
                return (
                  <tr>
                    <td><State state={m.overall_state} /></td>
                    <td><a href={`/monitors/${m.id}`}>{m.name}</a></td>
                    <td>{groups.length ? `${bad} of ${groups.length} not OK` : ''}</td>
                    <td><code>{m.query}</code></td>
                    <td><Tags tags={m.tags} /></td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        )}
      </Panel>
    </Page>
  )
}
