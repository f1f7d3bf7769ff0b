// A host's busiest processes, as its agent last told of them.
import { useState } from 'preact/hooks'
import { api } from '../api'
import type { Process } from '../model'
import { Sortable } from '../apm/parts'
import { now } from '../clock'
import { useData } from '../data'
import { Button, Failure, Moment, Panel, SearchField } from '../parts/basics'
import { setParams } from '../route'
import { plural, showNumber } from '../units'

const ranks: Record<string, (p: Process) => number> = {
  cpu: (p) => p.cpu, memory: (p) => p.rss, threads: (p) => p.threads ?? 0, files: (p) => p.files ?? 0, started: (p) => p.started ?? 0,
}
const few = 6 // rows before all are asked for
const old = 60e3 // ms

export function Processes({ host, params }: { host: string; params: URLSearchParams }) {
  const [all, setAll] = useState(false)
  const loaded = useData(`processes of ${host}`, () => api.processes(host), 10e3)
  const told = loaded.data
  if (!told) return loaded.error ? <Failure error={loaded.error} retry={loaded.reload} /> : null
  if (!told.time) return null
  const sort = params.get('sort') ?? 'cpu'
  const rank = ranks[sort] ?? ranks.cpu
  const search = (params.get('process') ?? '').trim().toLowerCase()
  const matches = (p: Process) => `${p.pid ?? ''} ${p.name} ${p.command ?? ''} ${p.user ?? ''}`.toLowerCase().includes(search)
  const found = told.processes.filter(matches).sort((a, b) => rank(b) - rank(a) || b.rss - a.rss)
  const shown = all || search ? found : found.slice(0, few)
  const has = (of: (p: Process) => unknown) => told.processes.some(of)
  const single = has((p) => p.pid)
  const threads = has((p) => p.threads)
  const files = has((p) => p.files)
  const started = has((p) => p.started)
  return (
    <Panel flush title={<>{plural(told.total, 'process', 'processes')}{now() - told.time > old && <span class="muted"> as of <Moment ms={told.time} ago /></span>}</>}
      actions={<SearchField value={params.get('process') ?? ''} label="Find a process" onInput={(text) => setParams({ process: text || null }, true)} />}>
      <div class="scroll">
        <table class="processes">
          <thead>
            <tr>
              {single && <th class="figure">PID</th>}
              <th>Command</th>
              <th>User</th>
              <Sortable by="cpu" sort={sort} figure>CPU</Sortable>
              <Sortable by="memory" sort={sort} figure>Memory</Sortable>
              {threads && <Sortable by="threads" sort={sort} figure>Threads</Sortable>}
              {files && <Sortable by="files" sort={sort} figure>Open files</Sortable>}
              {started && <Sortable by="started" sort={sort}>Started</Sortable>}
            </tr>
          </thead>
          <tbody>
            {shown.map((p) => (
              <tr key={`${p.pid ?? ''} ${p.name} ${p.user ?? ''}`}>
                {single && <td class="figure muted">{p.pid || '–'}</td>}
                <td class="process" title={p.command || p.name}>{p.name}{(p.number ?? 0) > 1 && <span class="muted"> × {p.number}</span>} <span class="muted mono">{withoutName(p)}</span></td>
                <td class="nowrap">{p.user || <span class="muted">–</span>}</td>
                <td class="figure" title="Of one core">{showNumber(p.cpu, 'percent', 0.1)}</td>
                <td class="figure">{showNumber(p.rss, 'byte')}</td>
                {threads && <td class="figure">{p.threads || <span class="muted">–</span>}</td>}
                {files && <td class="figure">{p.files || <span class="muted">–</span>}</td>}
                {started && <td class="nowrap">{p.started ? <Moment ms={p.started} ago /> : <span class="muted">–</span>}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && <p class="note-line pad">{search ? `Among the busiest there is no process that matches “${search}”` : 'No process was told of'}</p>}
      {found.length > shown.length && <p class="note-line"><Button kind="quiet" label={`Show ${found.length - shown.length} more`} onClick={() => setAll(true)} /></p>}
      {told.total > told.processes.length && shown.length === found.length && single && (
        <p class="note-line">These are the {told.processes.length} that take most CPU or memory. CPU is in percent of one core.</p>
      )}
    </Panel>
  )
}

// withoutName is the command after the program, or as it is when that is not the
// name.
function withoutName(p: Process): string {
  const [program = '', ...args] = (p.command ?? '').split(' ')
  return program === p.name || program.endsWith('/' + p.name) ? args.join(' ') : p.command === p.name ? '' : p.command ?? ''
}
