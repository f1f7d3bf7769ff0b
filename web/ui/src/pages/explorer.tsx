// The metrics explorer: write a query, see its graph.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api'
import type { Lang } from '../model'
import { useData } from '../data'
import { newDashboard, newGraph } from '../dashboard/document'
import { added } from '../dashboard/edits'
import { SnapshotButton } from '../dashboard/snapshot'
import { Explain } from '../query/explain'
import { languages, placeholders } from '../query/languages'
import { QueryBox } from '../query/query-box'
import { knownMetrics } from '../query/metric-names'
import { go, link, setParams } from '../route'
import { Button, Dialog, Empty, Failure, Field, LinkButton, Panel } from '../parts/basics'
import { Page } from '../parts/frame'
import { BandSentence, GraphView, useGraph } from '../parts/graph'
import type { Style } from '../chart/lines'
import { metricTabs } from './metrics'

const styles: [Style, string][] = [['line', 'Lines'], ['area', 'Areas'], ['bars', 'Bars']]

export function Explorer({ params }: { params: URLSearchParams }) {
  const query = params.get('q') ?? ''
  const lang: Lang = params.get('lang') === 'metricsql' ? 'metricsql' : 'datadog'
  const style = (styles.find(([s]) => s === params.get('style')) ?? styles[0])[0]
  const graph = useGraph(query ? [{ query, lang, style }] : [])
  const [saving, setSaving] = useState(false)
  const explained = params.get('explain') === '1'

  return (
    <Page title="Metrics" tabs={metricTabs('explorer')} time>
      <Panel label="Query">
        <div class="explorer-tools">
          <div class="segments" role="group" aria-label="Query language">
            {languages.map(([l, name]) => (
              <button key={l} type="button" aria-pressed={l === lang} onClick={() => setParams({ lang: l === 'datadog' ? null : l })}>{name}</button>
            ))}
          </div>
          <QueryBox value={query} lang={lang} error={graph.error} onCommit={(q) => setParams({ q: q || null })} placeholder={placeholders[lang]} />
          <div class="segments" role="group" aria-label="Drawn as">
            {styles.map(([s, name]) => (
              <button key={s} type="button" aria-pressed={s === style} onClick={() => setParams({ style: s === 'line' ? null : s })}>{name}</button>
            ))}
          </div>
          <Button icon="search" label="Explain" pressed={explained} disabled={!query} onClick={() => setParams({ explain: explained ? null : '1' })} />
          <Button icon="plus" label="Save to dashboard" disabled={!query} onClick={() => setSaving(true)} />
        </div>
      </Panel>
      {query ? (
        <Panel flush label="Graph" title={<span class="mono">{query}</span>} actions={<SnapshotButton title={query} requests={[{ query, lang, style }]} />}>
          {graph.error?.offset === undefined || graph.data ? <GraphView graph={graph} label={query} height={420} table silent={graph.error?.offset !== undefined} /> : <Empty title="The query is not complete">The mark above shows where it can't be read.</Empty>}
          <BandSentence drawn={graph.data} />
        </Panel>
      ) : (
        <Suggestions />
      )}
      {query && explained && <Explain query={query} lang={lang} />}
      {saving && <SaveDialog query={query} lang={lang} style={style} onClose={() => setSaving(false)} />}
    </Page>
  )
}

function Suggestions() {
  const [names, setNames] = useState<string[] | null>(null)
  useEffect(() => {
    void knownMetrics().then((list) => setNames(list.map((m) => m.name)), () => setNames([]))
  }, [])
  if (names === null) return null
  const some = [...names.filter((n) => !/^(whippet|datadog)\./.test(n)), ...names.filter((n) => n.startsWith('whippet.'))].slice(0, 8)
  if (some.length === 0) {
    return <Panel><Empty title="No metrics yet" action={<LinkButton kind="primary" href={link('/')} label="See the first steps" />}>Graphs of any metric are drawn here once something sends some.</Empty></Panel>
  }
  return (
    <Panel>
      <Empty title="Write a query, or begin with one of these" action={
        <div class="actions centre">
          {some.map((n) => <a key={n} class="tag" href={link('/metrics/explorer', { q: `avg:${n}{*}` })}>{n}</a>)}
        </div>
      } />
    </Panel>
  )
}

function SaveDialog({ query, lang, style, onClose }: { query: string; lang: Lang; style: Style; onClose: () => void }) {
  const list = useData('dashboards', api.dashboards)
  const [target, setTarget] = useState('')
  const [name, setName] = useState('')
  const [title, setTitle] = useState(query)
  const [error, setError] = useState<Error | null>(null)
  const save = async (e: Event) => {
    e.preventDefault()
    try {
      const board = target ? await api.dashboard(target) : newDashboard(name.trim() || 'New dashboard')
      const saved = await api.saveDashboard(added(board, newGraph(title, query, style, lang)))
      go(link(saved.url))
    } catch (cause) {
      setError(cause as Error)
    }
  }
  return (
    <Dialog title="Save to dashboard" onClose={onClose}>
      {list.error && <Failure error={list.error} retry={list.reload} />}
      <form class="form" onSubmit={save}>
        <Field label="Dashboard" wide>
          <select value={target} onChange={(e) => setTarget(e.currentTarget.value)}>
            <option value="">A new one</option>
            {list.data?.map((d) => <option key={d.id} value={d.id}>{d.title}</option>)}
          </select>
        </Field>
        {!target && <Field label="Its name" wide><input value={name} placeholder="New dashboard" onInput={(e) => setName(e.currentTarget.value)} /></Field>}
        <Field label="Title of the graph" wide error={error?.message}><input value={title} onInput={(e) => setTitle(e.currentTarget.value)} /></Field>
        <div class="actions end field wide"><Button kind="primary" type="submit" label="Save" /></div>
      </form>
    </Dialog>
  )
}
