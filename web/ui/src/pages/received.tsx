// What senders sent since Whippet started: what was taken, and what was not and
// why.
import { useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { api } from '../api'
import type { AgentRoutes, StatsD } from '../model'
import { useData } from '../data'
import { Button, Empty, Failure, LinkButton, Moment, Panel } from '../parts/basics'
import { useStatus } from '../parts/frame'
import { link } from '../route'
import { plural, showNumber } from '../units'

export function Received() {
  const statsd = useData('statsd', api.statsd, 10e3)
  const agents = useData('agents', api.agentRoutes, 10e3)
  const status = useStatus()
  const error = statsd.error ?? agents.error
  if (!statsd.data || !agents.data) return error ? <Failure error={error} retry={() => (statsd.reload(), agents.reload())} /> : null
  const nothing = statsd.data.Packets === 0 && Object.keys(agents.data.Routes).length === 0
  if (nothing) {
    return (
      <Panel>
        <Empty title="Nobody has sent anything yet" action={<LinkButton kind="primary" href={link('/start')} label="Send something" />}>
          Here each sender is counted: what was taken of it, and what was refused and why.
        </Empty>
      </Panel>
    )
  }
  return (
    <>
      {status && <p class="muted">Counted since Whippet started, <Moment ms={status.started} ago />.</p>}
      <DogStatsD of={statsd.data} />
      <Agents of={agents.data} />
    </>
  )
}

const count = (n: number) => showNumber(n)

// Lost is a figure that ought to be 0.
function Lost({ n }: { n: number }) {
  return n > 0 ? <span class="warn-text">! {count(n)}</span> : <>0</>
}

function DogStatsD({ of }: { of: StatsD }) {
  const refused = (of.Rejected ?? []).reduce((sum, r) => sum + r.Count, 0)
  const unkept: [string, number][] = [
    ['that waited too long for the store', of.DroppedSamples],
    ['of series over a limit', of.RefusedSamples],
    ['older than what is kept', of.TooOld],
    ['more than 10 minutes ahead', of.TooNew],
    ['of series that were forgotten', of.Forgotten],
  ]
  const figures: [string, ComponentChildren][] = [
    ['Values', count(of.Metrics)],
    ['Packets', count(of.Packets)],
    ['Events', count(of.Events)],
    ['Service checks', count(of.Checks)],
    ['Metrics with tags, now', count(of.Contexts)],
    ['Lines refused', <Lost n={refused} />],
    ['Packets lost in the kernel', <Lost n={of.KernelDrops} />],
    ['Samples not kept', <Lost n={unkept.reduce((sum, [, n]) => sum + n, 0)} />],
  ]
  if (of.DroppedEvents + of.DroppedChecks > 0) figures.push(['Events and checks lost', <Lost n={of.DroppedEvents + of.DroppedChecks} />])
  return (
    <>
      <Panel title="DogStatsD">
        <dl class="summary">
          {figures.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {unkept.filter(([, n]) => n > 0).map(([why, n]) => <p key={why} class="muted">{plural(n, 'sample')} {why}</p>)}
        {of.KernelDrops > 0 && <p class="muted">Packets are lost in the kernel when they come faster than they are read and the receive buffer is full: raise net.core.rmem_max, or give Whippet more processor time.</p>}
      </Panel>
      {refused > 0 && (
        <Rows title={plural(of.Rejected!.length, 'reason') + ' to refuse lines'} head={['Reason', '#Lines', 'The last of them']} rows={of.Rejected!.map((r) => [
          r.Reason, count(r.Count), <span class="mono">{[...new Set(r.Examples ?? [])].map((line) => <div key={line} class="line-example">{line}</div>)}</span>,
        ])} />
      )}
      <div class="columns">
        <Rows title="Senders" empty="Nobody has sent a packet" head={['Address', '#Packets', '#Bytes', '#Values', '#Refused', 'Last seen']} rows={(of.Senders ?? []).map((s) => [
          s.Address === '::' ? 'All others' : s.Address, count(s.Packets), showNumber(s.Bytes, 'byte'), count(s.Values), <Lost n={s.Rejected} />, <Moment ms={s.LastSeen} ago />,
        ])} />
        <Rows title="Sockets" empty="DogStatsD does not listen" head={['Socket', '#Receive buffer', '#Lost in the kernel']} rows={(of.Sockets ?? []).map((s) => [
          s.Name, showNumber(s.ReceiveBuffer, 'byte'), <Lost n={s.KernelDrops} />,
        ])} />
      </div>
      <Rows title="Metrics" empty="No metric is being aggregated" head={['Metric', '#Values', '#With distinct tags', 'Last bucket']} rows={(of.Names ?? []).map((m) => [
        <a href={link(`/metrics/${m.Metric}`)}>{m.Metric}</a>, count(m.Values), count(m.Contexts), <Moment ms={m.LastSeen} ago />,
      ])} />
    </>
  )
}

function Agents({ of }: { of: AgentRoutes }) {
  const routes = Object.entries(of.Routes).sort(([, a], [, b]) => b.Payloads - a.Payloads)
  const notes: [string, number][] = [
    ['more than 10 minutes ahead', of.RejectedFuture],
    ['older than what is kept', of.RejectedOld],
    ['that are not numbers', of.RejectedValue],
    ['of series over a limit or without a usable name', of.RejectedSeries],
  ]
  return (
    <>
      <Rows title="Agents and API clients" empty="No agent has posted anything" head={['Route', '#Payloads', '#Kept', '#Malformed', '#Too large', '#Told to wait']} rows={routes.map(([path, r]) => [
        path === 'other' ? 'Others, taken and dropped' : <span class="mono">{path}</span>, count(r.Payloads), count(r.Kept), <Lost n={r.Malformed} />, <Lost n={r.TooLarge} />, <Lost n={r.Failed} />,
      ])}>
        {notes.filter(([, n]) => n > 0).map(([why, n]) => <p key={why} class="note-line warn-text">{plural(n, 'sample')} {why}</p>)}
        {of.Repeated > 0 && <p class="note-line">{plural(of.Repeated, 'payload')} came twice and counted once</p>}
        {of.OddFrames > 0 && <p class="note-line warn-text">{plural(of.OddFrames, 'list')} of processes came in an encoding that is not read</p>}
        {of.Logs > 0 && <p class="note-line">{plural(of.Logs, 'log line')} came; logs are not kept</p>}
      </Rows>
    </>
  )
}

const few = 10

// Rows is a table of the first rows, and of all when asked. Heads that begin
// with # are of figures.
function Rows({ title, head, rows, empty, children }: { title: string; head: string[]; rows: ComponentChildren[][]; empty?: string; children?: ComponentChildren }) {
  const [all, setAll] = useState(false)
  const shown = all ? rows : rows.slice(0, few)
  const figure = (i: number) => (head[i].startsWith('#') ? 'figure' : '')
  return (
    <Panel title={title} flush>
      {rows.length === 0 ? <p class="note-line pad">{empty}</p> : (
        <div class="scroll">
          <table>
            <thead><tr>{head.map((h, i) => <th key={h} class={figure(i)}>{h.replace('#', '')}</th>)}</tr></thead>
            <tbody>
              {shown.map((row, at) => (
                <tr key={at}>{row.map((cell, i) => <td key={head[i]} class={figure(i)}>{cell}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > shown.length && <p class="note-line"><Button kind="quiet" label={`Show ${rows.length - shown.length} more`} onClick={() => setAll(true)} /></p>}
      {children}
    </Panel>
  )
}
