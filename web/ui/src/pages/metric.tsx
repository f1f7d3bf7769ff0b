// One metric: what it is, where it comes from, its tags, a graph.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { MetricDetail } from '../model'
import { useData } from '../data'
import { SnapshotButton } from '../dashboard/snapshot'
import { useRange } from '../range'
import { go, link } from '../route'
import { Button, Dialog, Empty, Failure, Field, LinkButton, Panel, Tags } from '../parts/basics'
import { Page } from '../parts/frame'
import { Graph } from '../parts/graph'
import { Icon } from '../parts/icon'
import { may, useSession } from '../session'
import { plural } from '../units'

export function MetricPage({ name }: { name: string }) {
  const range = useRange()
  const metric = useData(`metric ${name} ${Math.round(range.from / 60e3)} ${Math.round(range.to / 60e3)}`, () => api.metric(name, range.from, range.to))
  const { data } = metric
  const session = useSession()
  const [editing, setEditing] = useState(false)
  const counted = data?.type === 'count' || data?.type === 'rate'
  const term = (filter = '*') => `${counted ? 'sum' : 'avg'}:${name}{${filter}}${counted ? '.as_count()' : ''}`
  return (
    <Page title={name} crumbs={[['Metrics', '/metrics']]} time actions={<LinkButton href={link('/metrics/explorer', { q: term() })} icon="metrics" label="Explore" />}>
      {metric.error && !data && <Failure error={metric.error} retry={metric.reload} />}
      {editing && data && <Edit metric={data} onClose={() => setEditing(false)} onSaved={() => (setEditing(false), metric.reload())} />}
      {data && data.series === 0 && (
        <Panel>
          <Empty title={`${name} has no series in this time range`} action={<LinkButton kind="primary" href={link('/metrics')} label="See all metrics" />}>
            Choose a longer time range, or look whether its sender still runs.
          </Empty>
        </Panel>
      )}
      {data && data.series > 0 && (
        <>
          <Panel flush title={<span class="mono">{term()}</span>} actions={<SnapshotButton title={name} requests={[{ query: term(), style: counted ? 'bars' : 'line' }]} />}>
            <Graph label={name} requests={[{ query: term(), style: counted ? 'bars' : 'line' }]} height={240} />
          </Panel>
          <div class="columns">
            <Panel title="About" actions={may(session, 'editor') && <Button kind="quiet" icon="edit" label="Edit" onClick={() => setEditing(true)} />}><About metric={data} /></Panel>
            <Uses name={name} />
            <Panel title="Hosts" actions={<span class="muted">{data.hosts.length}</span>}>
              {data.hosts.length === 0 ? <p class="muted">Comes without a host.</p> : (
                <ul class="names">
                  {data.hosts.slice(0, 60).map((h) => <li key={h}><a href={link(`/infrastructure/${encodeURIComponent(h)}`)}>{h}</a></li>)}
                  {data.hosts.length > 60 && <li class="muted">+{data.hosts.length - 60} more</li>}
                </ul>
              )}
            </Panel>
          </div>
          <Panel flush title="How much of it there is" actions={<span class="muted small">series at the left, samples at the right</span>}>
            <Graph
              label={`Series and samples of ${name}`}
              height={150}
              requests={[
                { query: `count({__name__=${JSON.stringify(name)}})`, lang: 'metricsql', alias: 'series' },
                { query: `sum(count_over_time({__name__=${JSON.stringify(name)}}[1m]))`, lang: 'metricsql', alias: 'samples a minute', style: 'area', right: true },
              ]}
            />
          </Panel>
          <Panel title="Tags" actions={<span class="muted">{plural(data.tags.length, 'key')}</span>} flush>
            {data.tags.length === 0 ? <Empty title="No tags" /> : (
              <div class="scroll">
                <table>
                  <thead><tr><th>Key</th><th class="figure">Values</th><th>Which</th></tr></thead>
                  <tbody>
                    {data.tags.map((t) => <TagRow key={t.key} tag={t} pick={(tag) => go(link('/metrics/explorer', { q: term(tag) }))} />)}
                  </tbody>
                </table>
              </div>
            )}
          </Panel>
        </>
      )}
    </Page>
  )
}

// Uses are the dashboards and monitors that name the metric.
function Uses({ name }: { name: string }) {
  const loaded = useData(`uses ${name}`, () => api.metricUses(name), 0, ['dashboards', 'monitors'])
  return (
    <Panel title="Used by" actions={<span class="muted">{loaded.data?.length}</span>} loading={loaded.loading && !loaded.data}>
      {loaded.error && !loaded.data && <Failure error={loaded.error} retry={loaded.reload} />}
      {loaded.data?.length === 0 && <p class="muted">No dashboard and no monitor names it.</p>}
      <ul class="names">
        {loaded.data?.map((u) => (
          <li key={u.kind + u.id}>
            <Icon name={u.kind === 'dashboard' ? 'dashboards' : 'monitors'} size={14} />
            <a href={link(u.kind === 'dashboard' ? `/dashboard/${encodeURIComponent(u.id)}` : `/monitors/${u.id}`)}>{u.title}</a>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const types = ['gauge', 'count', 'rate', 'cumulative', 'distribution']

function Edit({ metric, onClose, onSaved }: { metric: MetricDetail; onClose: () => void; onSaved: () => void }) {
  const [meta, setMeta] = useState({ type: metric.type || 'gauge', unit: metric.unit ?? '', per_unit: metric.per_unit ?? '', description: metric.description ?? '' })
  const [problem, setProblem] = useState('')
  const save = (e: Event) => {
    e.preventDefault()
    api.editMetric(metric.name, meta).then(onSaved, (cause: Error) => setProblem(cause.message))
  }
  return (
    <Dialog title={`Edit ${metric.name}`} onClose={onClose}>
      <form class="spaced" onSubmit={save}>
        <Field label="Type" hint="All of this is kept from now on, whatever senders declare.">
          <select value={meta.type} onChange={(e) => setMeta({ ...meta, type: e.currentTarget.value })}>{types.map((t) => <option key={t}>{t}</option>)}</select>
        </Field>
        <Field label="Unit" hint="byte, second, percent, request, …"><input value={meta.unit} onInput={(e) => setMeta({ ...meta, unit: e.currentTarget.value })} /></Field>
        <Field label="Per" hint="second, minute; empty for a level"><input value={meta.per_unit} onInput={(e) => setMeta({ ...meta, per_unit: e.currentTarget.value })} /></Field>
        <Field label="Description" error={problem}><textarea rows={2} value={meta.description} onInput={(e) => setMeta({ ...meta, description: e.currentTarget.value })} /></Field>
        <div class="actions end"><Button kind="primary" type="submit" label="Save" /></div>
      </form>
    </Dialog>
  )
}

function TagRow({ tag, pick }: { tag: MetricDetail['tags'][number]; pick: (tag: string) => void }) {
  const [all, setAll] = useState(false)
  const bare = tag.values.length === 1 && tag.values[0] === ''
  const values = tag.values.slice(0, all ? 1000 : 20)
  return (
    <tr>
      <td class="nowrap">{tag.key}</td>
      <td class="figure">{bare ? <span class="muted">bare</span> : tag.total}</td>
      <td>
        <Tags tags={values.map((v) => (v ? `${tag.key}:${v}` : tag.key))} onPick={pick} />
        {tag.total > values.length && <button type="button" class="link" onClick={() => setAll(true)} disabled={all}>{all ? `+${tag.total - values.length} more` : `show ${tag.total - values.length} more`}</button>}
      </td>
    </tr>
  )
}

function About({ metric }: { metric: MetricDetail }) {
  const facts: [string, string | undefined][] = [
    ['Type', metric.type || 'gauge'],
    ['Unit', [metric.unit, metric.per_unit].filter(Boolean).join('/') || 'not known'],
    ['Interval seen', metric.observed_interval ? `${metric.observed_interval} s between points` : 'not known yet'],
    ['Interval declared', metric.interval ? `${metric.interval} s` : undefined],
    ['Series', metric.series.toLocaleString('en')],
    ['Integration', metric.integration],
    ['Description', metric.description],
  ]
  return (
    <dl class="facts">
      {facts.filter(([, v]) => v).map(([label, value]) => (
        <>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  )
}
