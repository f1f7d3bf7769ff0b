// The service checks: what agents and programs say of the health of services.
import { api } from '../api'
import type { Check } from '../model'
import { useData } from '../data'
import { link, setParams } from '../route'
import { Empty, Failure, LinkButton, Moment, Panel, SearchField, State, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { infrastructureTabs } from './host-map'
import { plural } from '../units'

const words = ['OK', 'Warning', 'Critical', 'Unknown']
const states = ['OK', 'Warn', 'Alert', 'No Data'] // as monitors are coloured
const worstFirst = [2, 1, 3, 0]
const most = 500

export function ChecksPage({ params }: { params: URLSearchParams }) {
  const list = useData('checks', api.checks, 30e3, ['checks'])
  const search = params.get('search') ?? ''
  const only = params.get('status')
  const by = params.get('group') ?? 'check'
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = list.data?.filter((c) => wanted.every((w) => [c.check, c.host_name, c.message, ...(c.tags ?? [])].some((text) => text?.toLowerCase().includes(w))))
  const shown = found?.filter((c) => only === null || c.status === Number(only)).sort((a, b) => worstFirst.indexOf(a.status) - worstFirst.indexOf(b.status) || b.changed - a.changed)
  const keys = [...new Set((list.data ?? []).flatMap((c) => (c.tags ?? []).filter((t) => t.includes(':')).map((t) => t.split(':', 1)[0])))].sort()
  const pick = (tag: string) => setParams({ search: wanted.includes(tag.toLowerCase()) ? search : `${search} ${tag}`.trim() })
  return (
    <Page title="Infrastructure" tabs={infrastructureTabs('checks')}>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && (
        <Panel>
          <Empty title="No service check has reported yet" action={<LinkButton kind="primary" href={link('/start')} label="Point an agent here" />}>
            The Datadog Agent and its integrations say here whether a service can be reached; programs do by DogStatsD or POST /api/v1/check_run.
          </Empty>
        </Panel>
      )}
      {shown && list.data!.length > 0 && (
        <>
          <div class="counts" role="group" aria-label="Only checks of one status">
            {worstFirst.map((status) => (
              <button key={status} type="button" class="count" aria-pressed={only === String(status)} onClick={() => setParams({ status: only === String(status) ? null : String(status) })}>
                <span class="count-n">{found!.filter((c) => c.status === status).length}</span>
                <State state={states[status]} word={words[status]} />
              </button>
            ))}
          </div>
          <Panel
            flush
            title={plural(shown.length, 'check')}
            actions={
              <>
                <label class="inline">
                  <span class="muted">Group by</span>
                  <select value={by} onChange={(e) => setParams({ group: e.currentTarget.value === 'check' ? null : e.currentTarget.value })}>
                    {['check', 'host', ...keys].map((k) => <option key={k}>{k}</option>)}
                  </select>
                </label>
                <SearchField value={search} label="Find a check" onInput={(text) => setParams({ search: text || null }, true)} />
              </>
            }
          >
            {shown.length === 0 ? <Empty title="No check matches" /> : <Table checks={shown} by={by} pick={pick} />}
          </Panel>
        </>
      )}
    </Page>
  )
}

function groupsOf(c: Check, by: string): string[] {
  if (by === 'check') return [c.check]
  if (by === 'host') return [c.host_name || 'no host']
  const own = (c.tags ?? []).filter((t) => t.startsWith(by + ':'))
  return own.length ? own : [`no ${by}`]
}

function Table({ checks, by, pick }: { checks: Check[]; by: string; pick: (tag: string) => void }) {
  const groups = new Map<string, Check[]>()
  for (const c of checks.slice(0, most)) for (const name of groupsOf(c, by)) groups.set(name, [...(groups.get(name) ?? []), c])
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>State</th><th>{by === 'check' ? 'Host' : 'Check'}</th><th>Tags</th><th>Message</th><th>Since</th><th>Last run</th></tr></thead>
        {[...groups].map(([name, list]) => (
          <tbody key={name}>
            <tr class="group-row"><th colSpan={6} scope="rowgroup">{name} <span class="muted">{list.length}</span></th></tr>
            {list.map((c) => (
              <tr key={c.check + c.host_name + c.tags?.join()}>
                <td><State state={states[c.status] ?? 'No Data'} word={words[c.status] ?? 'Unknown'} /></td>
                <td class="nowrap">
                  {by !== 'check' && <div>{c.check}</div>}
                  {by !== 'host' && c.host_name && <a href={link(`/infrastructure/${encodeURIComponent(c.host_name)}`)}>{c.host_name}</a>}
                </td>
                <td><Tags tags={c.tags} onPick={pick} /></td>
                <td>{c.message}</td>
                <td class="nowrap"><Moment ms={c.changed} ago /></td>
                <td class="nowrap"><Moment ms={c.timestamp} ago /></td>
              </tr>
            ))}
          </tbody>
        ))}
      </table>
      {checks.length > most && <p class="note-line">+{checks.length - most} more: search to find them</p>}
    </div>
  )
}
