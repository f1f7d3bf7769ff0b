// The list of monitors with their states.
import { api } from '../api'
import type { Monitor } from '../model'
import { useData } from '../data'
import { link, setParams } from '../route'
import { useState } from 'preact/hooks'
import { now } from '../clock'
import { Button, Empty, Failure, LinkButton, Moment, Panel, SearchField, State, Tags } from '../parts/basics'
import { Page, type Tab } from '../parts/frame'
import { plural } from '../units'

export const monitorTabs = (here: 'monitors' | 'downtimes' | 'outbox' | 'webhooks'): Tab[] => [
  { href: '/monitors', label: 'Monitors', here: here === 'monitors' },
  { href: '/downtimes', label: 'Downtimes', here: here === 'downtimes' },
  { href: '/outbox', label: 'Outbox', here: here === 'outbox' },
  { href: '/webhooks', label: 'Webhooks', here: here === 'webhooks' },
]

const states = ['Alert', 'Warn', 'No Data', 'OK']

export function Monitors({ params }: { params: URLSearchParams }) {
  const list = useData('monitors', api.monitors, 10e3, ['monitors'])
  const search = params.get('search') ?? ''
  const only = params.get('state')
  const create = <LinkButton kind="primary" icon="plus" href={link('/monitors/new')} label="New monitor" />
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = list.data
    ?.filter((m) => words.every((w) => [m.name, m.query, ...(m.tags ?? [])].some((text) => text.toLowerCase().includes(w))))
    .sort((a, b) => states.indexOf(a.overall_state ?? 'OK') - states.indexOf(b.overall_state ?? 'OK') || (a.name < b.name ? -1 : 1))
  const shown = found?.filter((m) => !only || m.overall_state === only)
  const [chosen, setChosen] = useState<Set<number>>(new Set())
  const [problem, setProblem] = useState<Error | null>(null)
  const choose = (ids: number[], on: boolean) => setChosen(new Set(on ? [...chosen, ...ids] : [...chosen].filter((id) => !ids.includes(id))))
  const act = (work: Promise<unknown>) => void work.then(() => { setChosen(new Set()); setProblem(null); list.reload() }, setProblem)
  const ids = [...chosen]
  const inHours = (hours: number) => Math.round(now() / 1000) + hours * 3600
  return (
    <Page title="Monitors" tabs={monitorTabs('monitors')} actions={list.data?.length ? create : undefined}>
      {list.error && !list.data && <Failure error={list.error} retry={list.reload} />}
      {list.data?.length === 0 && (
        <Panel>
          <Empty title="Nothing is watched yet" action={create}>A monitor evaluates a query every minute and sends a mail when it crosses a line.</Empty>
        </Panel>
      )}
      {shown && list.data!.length > 0 && (
        <>
          <div class="counts" role="group" aria-label="Only monitors in one state">
            {states.map((s) => (
              <button key={s} type="button" class="count" aria-pressed={only === s} onClick={() => setParams({ state: only === s ? null : s })}>
                <span class="count-n">{found!.filter((m) => m.overall_state === s).length}</span>
                <State state={s} />
              </button>
            ))}
          </div>
          {problem && <div class="failure" role="alert">{problem.message}</div>}
          {ids.length > 0 && (
            <div class="actions bulk" role="group" aria-label="What to do with the chosen monitors">
              <b>{ids.length} chosen</b>
              <Button icon="mute" label="Mute for 1 h" onClick={() => act(api.muteMonitors(ids, inHours(1)))} />
              <Button label="for 4 h" onClick={() => act(api.muteMonitors(ids, inHours(4)))} />
              <Button label="until unmuted" onClick={() => act(api.muteMonitors(ids))} />
              <Button label="Unmute" onClick={() => act(api.unmuteMonitors(ids))} />
            </div>
          )}
          <Panel flush title={plural(shown.length, 'monitor')} actions={<SearchField value={search} label="Find a monitor" onInput={(text) => setParams({ search: text || null }, true)} />}>
            <div class="scroll">
              <table>
                <thead><tr><th class="tick-cell"><input type="checkbox" aria-label="Choose all" checked={shown.length > 0 && shown.every((m) => chosen.has(m.id))} onChange={(e) => choose(shown.map((m) => m.id), e.currentTarget.checked)} /></th><th>State</th><th>Monitor</th><th>Groups</th><th>Since</th></tr></thead>
                <tbody>
                  {shown.map((m) => (
                    <tr key={m.id}>
                      <td class="tick-cell"><input type="checkbox" aria-label={`Choose ${m.name}`} checked={chosen.has(m.id)} onChange={(e) => choose([m.id], e.currentTarget.checked)} /></td>
                      <td><State state={m.overall_state} />{silenced(m) && <div class="muted small">muted</div>}</td>
                      <td>
                        <a href={link(`/monitors/${m.id}`)}>{m.name}</a>
                        {typeof m.priority === 'number' && <span class="tag priority">P{m.priority}</span>}
                        <div class="mono muted query-line">{m.query}</div>
                        <Tags tags={m.tags} />
                      </td>
                      <td class="nowrap"><GroupCounts monitor={m} /></td>
                      <td class="nowrap">{m.overall_state_modified ? <Moment ms={Date.parse(m.overall_state_modified)} ago /> : '–'}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {shown.length === 0 && <Empty title="No monitor matches" />}
          </Panel>
        </>
      )}
    </Page>
  )
}

const silenced = (m: Monitor) => Object.values((m.options.silenced ?? {}) as Record<string, number | null>).some((end) => end === null || end * 1000 > now())

function GroupCounts({ monitor }: { monitor: Monitor }) {
  const groups = Object.values(monitor.state?.groups ?? {})
  if (groups.length === 0) return <span class="muted">–</span>
  if (groups.length === 1 && groups[0].name === '*') return <span class="muted">one for all</span>
  return (
    <>
      {states.map((s) => [s, groups.filter((g) => g.status === s).length] as const).filter(([, n]) => n > 0).map(([s, n], i) => (
        <span key={s}>{i > 0 && ', '}{n} {s}</span>
      ))}
    </>
  )
}
