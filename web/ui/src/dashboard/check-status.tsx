// What a service check says: one run, or how many of many say what.
import { api } from '../api'
import type { Check } from '../model'
import { useData } from '../data'
import { Empty, Moment } from '../parts/basics'
import { plural } from '../units'
import type { Definition, Variables } from './definition'
import { filled } from './document'
import { WidgetPanel, type WidgetProps } from './widget-panel'

const states: [word: string, kind: string, sign: string][] = [['OK', 'ok', '✓'], ['Warning', 'warn', '!'], ['Critical', 'alert', '✕'], ['Unknown', 'nodata', '?']]

const tagsOf = (c: Check): string[] => [...(c.tags ?? []), ...(c.host_name ? [`host:${c.host_name}`] : [])]

// runsOf are the checks that a widget is about.
export function runsOf(checks: Check[], { check, group, tags }: Pick<Definition, 'check' | 'group' | 'tags'>, variables: Variables = {}): Check[] {
  const wanted = [...(tags ?? []), ...(group && group !== '*' ? group.split(',') : [])].map((t) => filled(t.trim(), variables)).filter((t) => t !== '' && t !== '*' && !t.endsWith(':*'))
  return checks.filter((c) => c.check === check && wanted.every((t) => tagsOf(c).includes(t)))
}

export function CheckStatus(props: WidgetProps) {
  const { definition: d, variables } = props
  const loaded = useData('checks', api.checks, 0, ['checks'])
  const runs = loaded.data ? runsOf(loaded.data, d, variables) : []
  const keys = d.group_by ?? []
  const counts = states.map((_, i) => (keys.length ? groupsOf(runs, keys).filter((s) => s === i).length : runs.filter((c) => Math.min(c.status, 3) === i).length))
  const worst = runs.reduce<Check | undefined>((a, b) => (!a || severity(b.status) > severity(a.status) || (b.status === a.status && b.changed > a.changed) ? b : a), undefined)
  const single = d.grouping === 'check' || runs.length === 1
  const [word, kind, sign] = states[Math.min(worst?.status ?? 3, 3)]
  return (
    <WidgetPanel {...props} loaded={loaded} title={d.check} loading={false}>
      {loaded.data && runs.length === 0 && <Empty title={`The check ${d.check ?? ''} has not run yet`} />}
      {worst && single && (
        <div class={`check-one ${kind}`}>
          <p class="check-word"><span aria-hidden="true">{sign} </span>{word}</p>
          <p class="small">since <Moment ms={worst.changed} ago />{worst.message && ` · ${worst.message}`}</p>
        </div>
      )}
      {worst && !single && (
        <>
          <div class="check-counts">
            {states.map(([name, kind, sign], i) => counts[i] > 0 && <div key={name} class={`check-count ${kind}`}><span class="count-n">{counts[i]}</span><span><span aria-hidden="true">{sign} </span>{name}</span></div>)}
          </div>
          <p class="muted small">{keys.length ? plural(counts.reduce((a, b) => a + b, 0), `group`) + ` by ${keys.join(', ')}` : plural(runs.length, 'check run')}</p>
        </>
      )}
    </WidgetPanel>
  )
}

// severity orders states: unknown is milder than a warning.
const severity = (status: number) => [0, 2, 3, 1][Math.min(status, 3)]

// groupsOf is the worst state of each group of runs.
function groupsOf(runs: Check[], keys: string[]): number[] {
  const groups = new Map<string, number>()
  for (const c of runs) {
    const name = keys.map((k) => tagsOf(c).filter((t) => t.startsWith(k + ':')).join()).join('|')
    const old = groups.get(name)
    if (old === undefined || severity(c.status) > severity(old)) groups.set(name, Math.min(c.status, 3))
  }
  return [...groups.values()]
}
