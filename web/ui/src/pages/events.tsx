import { api } from '../api'
import { Page } from '../app'
import { useData, useRange } from '../hooks'
import { Empty, Failure, Panel, Tags, TimeControl } from '../parts'
import { setParams, useRoute } from '../route'
import { EventList } from '../event-list'

export function EventsPage() {
  const control = useRange()
  const { range } = control
  const { params } = useRoute()
  const q = params.get('q') ?? ''
  const loaded = useData(() => api.events(range.from, range.to, q), [range.from, range.to, q])
  return (
    <Page title="Events" bar={<TimeControl control={control} />}>
      <Panel>
        <input data-search type="search" placeholder="Search events: words, host:web-1, env:prod, status:error" aria-label="Search events" value={q} onInput={(e) => setParams({ q: e.currentTarget.value || null }, true)} />
        <Failure error={loaded.error} />
        {loaded.data?.length === 0 ? <Empty><p>{q ? 'No event matches in this range.' : 'Events appear when an agent or client sends one, and when a monitor changes its state.'}</p></Empty> : <EventList events={loaded.data ?? []} extra={(e) => <Tags tags={e.tags} />} />}
      </Panel>
    </Page>
  )
}
